"""The container engine: where it is, and how it is reached."""
