"""Which write every read sees, and what a loop's iterations touch."""
