"""Heart disease in four hospitals."""
