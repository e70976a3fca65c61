"""Office-31."""
