"""A complete Vitis HLS project on disk."""
