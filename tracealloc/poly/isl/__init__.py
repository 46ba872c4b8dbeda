"""The border to isl: sets and maps from ours, bounded questions, remembered answers."""
