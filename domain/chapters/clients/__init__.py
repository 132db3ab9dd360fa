"""A person becomes known to the organiser."""
