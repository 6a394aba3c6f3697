"""Reads the layers of images from engines, files and registries."""
