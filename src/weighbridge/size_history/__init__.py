"""Stores the sizes of images over time: JSON lines in the cache folder or in a branch."""
