"""What C text needs to know of a program before it is written."""
