"""The client's own worker."""
