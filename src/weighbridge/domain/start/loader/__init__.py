"""The dynamic loaders, emulated: which libraries a program gets, and what it dies of.

`load` looks at the loader that the program asks for and hands over to the rules of that loader (`glibc`, `musl`).
"""

from __future__ import annotations

from weighbridge.domain.start.loader.dispatch import load
from weighbridge.domain.start.loader.objects import Libc, LoadReport, LoadRequest, libc_of_loader

__all__ = ["Libc", "LoadReport", "LoadRequest", "libc_of_loader", "load"]
