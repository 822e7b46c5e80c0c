"""Index sets that the user named; loaded with the first of them."""
