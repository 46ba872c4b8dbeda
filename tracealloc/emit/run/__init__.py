"""From a program to a callable: compiled, cached, called on NumPy arrays."""
