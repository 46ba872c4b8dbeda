"""Layouts of arrays, and how requests for them meet."""
