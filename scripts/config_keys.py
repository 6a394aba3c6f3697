"""Writes the table of keys in docs/configuration.md from their declarations. `--check` only reports a difference."""

from __future__ import annotations

import sys
from pathlib import Path

from weighbridge.config.schema import key_table

PAGE = Path(__file__).resolve().parent.parent / "docs/configuration.md"
_START, _END = "<!-- keys: make config-keys -->\n", "<!-- end of keys -->\n"


def with_table(page: str) -> str:
    """Replaces the table between the marks of `page`."""
    rows = ["| key | meaning |", "| --- | --- |", *(f"| `{path}` | {text} |" for path, text in key_table())]
    before, _, rest = page.partition(_START)
    return f"{before}{_START}\n" + "\n".join(rows) + f"\n\n{_END}{rest.partition(_END)[2]}"


def main(arguments: list[str]) -> int:
    """Writes docs/configuration.md. With ``--check``: returns 1 if that would change it."""
    old = PAGE.read_text(encoding="utf-8")
    new = with_table(old)
    if arguments == ["--check"]:
        if old != new:
            print("error: docs/configuration.md and the declared keys differ. Run `make config-keys`.", file=sys.stderr)
        return int(old != new)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
