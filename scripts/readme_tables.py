"""The tables of inputs and outputs in README.md, made from action.yml. `--check` changes nothing and says what differs.

Only what action.yml itself may be written in is read here: one key a line, no anchors. So no library is needed.
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


def with_tables(readme: str, action: str) -> str:
    """`readme` with the tables between its marks as `action` has them."""
    inputs = ["| input | what it is | default |", "| --- | --- | --- |"]
    inputs += [
        f"| `{name}` | {text} | {f'`{default}`' if default else ''} |"
        for name, text, default in entries(action, "inputs")
    ]
    outputs = ["| output | what it is |", "| --- | --- |"]
    outputs += [f"| `{name}` | {text} |" for name, text, _ in entries(action, "outputs")]
    for section, rows in (("inputs", inputs), ("outputs", outputs)):
        start, end = f"<!-- {section}: make readme -->\n", f"<!-- end of {section} -->\n"
        before, _, rest = readme.partition(start)
        readme = f"{before}{start}\n" + "\n".join(rows) + f"\n\n{end}{rest.partition(end)[2]}"
    return readme


def main(arguments: list[str]) -> int:
    """Write README.md anew; with ``--check`` 1 if that would change it."""
    path = ROOT / "README.md"
    old = path.read_text(encoding="utf-8")
    new = with_tables(old, (ROOT / "action.yml").read_text(encoding="utf-8"))
    if arguments == ["--check"]:
        if old != new:
            print("error: README.md and action.yml differ; run `make readme`", file=sys.stderr)
        return int(old != new)
    path.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
