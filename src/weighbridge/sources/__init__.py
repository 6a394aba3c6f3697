"""Where layers come from, and how they are read."""
