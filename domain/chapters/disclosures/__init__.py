"""What each recipient was told."""
