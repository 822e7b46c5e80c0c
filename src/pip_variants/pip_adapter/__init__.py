"""The part that lives inside pip; nothing else of this package knows pip."""
