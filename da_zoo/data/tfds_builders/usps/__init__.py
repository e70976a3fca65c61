"""USPS digits."""
