"""Rewrites that keep data elsewhere: buffers, windows, other orders, other types."""
