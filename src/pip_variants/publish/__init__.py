"""Making variant wheels and the metadata of an index."""
