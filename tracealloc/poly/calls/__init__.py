"""A callee's nodes in its caller's terms."""
