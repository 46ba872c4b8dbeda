"""C simulation: the emitted HLS C++ compiled for the machine at hand, callable on NumPy arrays."""
