"""From what happened on each control path to a program's body."""
