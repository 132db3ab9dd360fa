"""What the client needs, being found out."""
