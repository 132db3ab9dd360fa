"""Everything that follows a log or the calendar."""
