"""A program as HLS C++ text."""
