"""Fails where the source splits text with `str.splitlines`, which ends lines where no format read here does."""

from __future__ import annotations

import ast
import sys
from pathlib import Path


def uses_of_splitlines(source: str) -> list[int]:
    """The lines of `source` that name a method ``splitlines``."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and node.attr == "splitlines"
    ]


def main() -> int:
    root = Path(__file__).parents[1]
    found = [
        f"{path.relative_to(root)}:{line}"
        for path in sorted((root / "src").rglob("*.py"))
        for line in uses_of_splitlines(path.read_text(encoding="utf-8"))
    ]
    for place in found:
        print(f"{place}: splitlines ends lines at more than \\n: use weighbridge.domain.lines.lines_of")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
