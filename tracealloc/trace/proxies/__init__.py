"""What the user's Python computes with while a kernel is traced."""
