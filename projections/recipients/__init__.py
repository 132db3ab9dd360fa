"""One file per kind of recipient."""
