"""Writes the tables of inputs and outputs in docs/action.md from action.yml. `--check` only reports a difference.

It reads the subset of YAML that action.yml uses (one key a line, no anchors): it needs nothing installed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_ENTRY = re.compile(r"^  ([a-z-]+):\n((?:    .*\n)+)", re.MULTILINE)
_FIELD = re.compile(r"^    (description|default): (.*)$", re.MULTILINE)


def entries(action: str, section: str) -> list[tuple[str, str, str]]:
    """Name, description and default ("" for none) of each input or output, in their order."""
    text = re.split(rf"^{section}:\n", action, flags=re.MULTILINE)[1]
    body = re.split(r"^\S", text, maxsplit=1, flags=re.MULTILINE)[0]
    found = []
    for name, fields in _ENTRY.findall(body):
        values = {key: value.strip('"') for key, value in _FIELD.findall(fields)}
        found.append((name, values["description"], values.get("default", "")))
    return found


def with_tables(page: str, action: str) -> str:
    """Replaces the tables between the marks of `page` by those of `action`."""
    inputs = ["| input | meaning | default |", "| --- | --- | --- |"]
    inputs += [
        f"| `{name}` | {text} | {f'`{default}`' if default else ''} |"
        for name, text, default in entries(action, "inputs")
    ]
    outputs = ["| output | meaning |", "| --- | --- |"]
    outputs += [f"| `{name}` | {text} |" for name, text, _ in entries(action, "outputs")]
    for section, rows in (("inputs", inputs), ("outputs", outputs)):
        start, end = f"<!-- {section}: make action-docs -->\n", f"<!-- end of {section} -->\n"
        before, _, rest = page.partition(start)
        page = f"{before}{start}\n" + "\n".join(rows) + f"\n\n{end}{rest.partition(end)[2]}"
    return page


def main(arguments: list[str]) -> int:
    """Writes docs/action.md. With ``--check``: returns 1 if that would change it."""
    path = ROOT / "docs/action.md"
    old = path.read_text(encoding="utf-8")
    new = with_tables(old, (ROOT / "action.yml").read_text(encoding="utf-8"))
    if arguments == ["--check"]:
        if old != new:
            print("error: docs/action.md and action.yml differ. Run `make action-docs`.", file=sys.stderr)
        return int(old != new)
    path.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
