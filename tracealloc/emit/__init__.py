"""Lowered `Program` to text, project, callable."""
