"""Periods of participation."""
