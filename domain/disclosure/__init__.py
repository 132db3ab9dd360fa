"""What each recipient may be told, and in which form."""
