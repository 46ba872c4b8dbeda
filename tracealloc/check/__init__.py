"""Is it right, and how good is it: interpreter, proofs on emitted text, simulation, estimates."""
