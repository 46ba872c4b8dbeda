"""Cycle by cycle: what a program's processes and queues do in time, and how deep queues must be."""
