"""The interpreter: runs a program on NumPy arrays, exactly as its nodes say."""
