"""Statements, domains, accesses and the schedule tree: a program as isl sees it."""
