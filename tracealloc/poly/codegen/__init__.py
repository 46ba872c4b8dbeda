"""From a model and its tree back to a program's loops."""
