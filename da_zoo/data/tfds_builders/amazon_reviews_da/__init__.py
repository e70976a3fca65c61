"""Amazon reviews of four kinds of products."""
