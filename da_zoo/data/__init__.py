"""Data: pools, splits, and readers of real sets."""
