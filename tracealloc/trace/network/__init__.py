"""Processes that run beside one another: which there are, who uses what, and each as a function."""
