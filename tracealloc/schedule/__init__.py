"""Schedule states, primitives, layouts, composition."""
