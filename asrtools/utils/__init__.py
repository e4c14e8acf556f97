"""Import paths that published documents name; what stands there is defined elsewhere in the suite."""
