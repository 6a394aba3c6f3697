"""Finds the images to weigh, and their contexts, in two git trees."""
