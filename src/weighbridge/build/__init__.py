"""Builds images from Dockerfiles."""
