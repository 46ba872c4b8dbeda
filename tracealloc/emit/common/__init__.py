"""What every writer shares: expressions, names, the walk."""
