"""Rewrites that move statements between loops, or loops between functions."""
