"""Finds the container engine and connects to it."""
