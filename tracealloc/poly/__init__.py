"""`Program` to sets, maps and proofs (isl), and back to a lowered `Program`."""
