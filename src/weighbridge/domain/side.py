"""The two sides of a comparison, by the names that they have everywhere."""

from __future__ import annotations

from typing import Literal

Side = Literal["base", "head"]
SIDES: tuple[Side, Side] = ("base", "head")
