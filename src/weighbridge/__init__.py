"""Weighbridge: weighs container images on every pull request and says whether they start."""

__version__ = "0.1.0"
