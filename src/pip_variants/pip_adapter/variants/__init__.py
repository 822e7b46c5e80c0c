"""What pip loads once a variant wheel, a variant marker or an installed variant is seen."""
