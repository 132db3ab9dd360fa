"""The chapters of the rulebook: what may be asked for, and what is decided."""
