"""What a user's schedule does around the primitives: names, handles, history, printed forms."""
