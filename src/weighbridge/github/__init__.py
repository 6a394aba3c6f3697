"""GitHub: events, comment, annotations."""
