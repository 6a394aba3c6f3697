"""Emulates the dynamic loaders: finds the libraries of a program, and the errors that end it.

`load` identifies the program's loader and applies the rules of that loader (`glibc`, `musl`).
"""

from __future__ import annotations

from weighbridge.domain.start.loader.dispatch import load
from weighbridge.domain.start.loader.objects import Libc, LoadReport, LoadRequest, libc_of_loader

__all__ = ["Libc", "LoadReport", "LoadRequest", "libc_of_loader", "load"]
