"""The program: frozen nodes, expressions, types, layouts, facts; how they are printed and rewritten."""
