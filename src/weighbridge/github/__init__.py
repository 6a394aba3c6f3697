"""Reads GitHub events and writes comments, checks and annotations."""
