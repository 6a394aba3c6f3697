"""Dockerfiles in, images out."""
