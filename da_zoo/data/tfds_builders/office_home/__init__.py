"""Office-Home."""
