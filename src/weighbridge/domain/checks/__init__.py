"""Checks of an image: whether it starts, and what of its files is wrong. `check` runs them, `catalogue` lists them."""
