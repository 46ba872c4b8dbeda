"""C for the machine at hand."""
