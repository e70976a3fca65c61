"""Office-Caltech."""
