"""Python function to `Program`: types, expressions, proxies, paths, recorder, functions."""
