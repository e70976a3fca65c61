"""Human activities by smartphone."""
