"""Where the client went, and the end of the case."""
