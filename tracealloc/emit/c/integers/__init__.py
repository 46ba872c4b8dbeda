"""Integers of any width in C, and the helper functions that their arithmetic needs."""
