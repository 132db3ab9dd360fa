"""A recorded fact was wrong."""
