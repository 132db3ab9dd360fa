"""The end of what is kept: a matter's key is destroyed."""
