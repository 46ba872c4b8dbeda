"""Expressions as HLS C++: types, literals, conversions, operators, elements."""
