"""What each reader sees; one file per kind of recipient."""
