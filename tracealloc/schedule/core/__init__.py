"""The frozen state under a schedule, and how a primitive is written."""
