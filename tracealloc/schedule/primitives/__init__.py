"""The schedule primitives, one file each."""
