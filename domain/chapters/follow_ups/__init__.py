"""Meetings that look at how it goes."""
