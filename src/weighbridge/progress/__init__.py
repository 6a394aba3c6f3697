"""What a run prints about its progress, on stderr."""
