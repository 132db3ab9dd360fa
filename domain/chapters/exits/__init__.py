"""Where the client went."""
