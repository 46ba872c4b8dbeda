"""Whether a scheduled model computes what the traced one does."""
