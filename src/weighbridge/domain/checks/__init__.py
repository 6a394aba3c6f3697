"""Checks of an image: whether it starts, and problems in its files. `check` runs them, `catalogue` lists them."""
