"""Finds ways to make an image smaller. One module per family; `docs/tips/` has a page for each code."""
