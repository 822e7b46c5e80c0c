"""Asking providers what a target supports, in a process of its own."""

COMMAND_VARIABLE = "_PIP_VARIANTS_DETECTION"
"""Holds `client.command()` as JSON, where pip runs in an interpreter without pip-variants."""
