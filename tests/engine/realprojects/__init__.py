"""Dockerfiles in the style of real projects, and what becomes of each proposal when it is really built and started."""
