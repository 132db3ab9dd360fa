"""What can happen, what it adds up to, what is allowed, what may be told; and where it is kept."""
