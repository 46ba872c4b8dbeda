"""The program: frozen nodes, expressions and types, and what is asked of them alone."""
