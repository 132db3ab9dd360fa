"""The chapters of the rulebook: in each its events, its part of the pathway, and its decisions."""
