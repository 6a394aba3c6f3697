"""Draws the packages and their imports in docs/architecture.md. `--check` only reports a difference.

An arrow means at least one import. Packages that almost all others import (`EVERYWHERE`) have no arrows.
"""

from __future__ import annotations

import ast
import configparser
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/architecture.md"
PACKAGE = ROOT / "src/weighbridge"
_IMPORT = re.compile(r"^\s*(?:from|import) weighbridge\.(\w+)", re.MULTILINE)
START, END = "<!-- packages: make architecture -->\n", "<!-- end of packages -->\n"
EVERYWHERE = {
    *("errors", "durations", "progress", "temporary_folders", "known_sockets", "network_errors", "json_problems"),
}


def layers() -> list[list[str]]:
    """The packages of each layer, top first, as the import contract lists them."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter", encoding="utf-8")
    rows = contracts["importlinter:contract:layers"]["layers"].split("\n")
    return [[name.strip() for name in row.split("|")] for row in rows if row.strip()]


def imports_of(package: str) -> set[str]:
    """The packages of ours that the modules of `package` import."""
    folder = PACKAGE / package
    files = sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{package}.py"]
    return {name for file in files for name in _IMPORT.findall(file.read_text(encoding="utf-8"))} - {package}


def summary(package: str) -> str:
    """The first sentence of the package's docstring."""
    file = PACKAGE / package / "__init__.py"
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n")[0].rstrip(".")


def picture() -> str:
    """The mermaid diagram and the table of packages."""
    names = [name for row in layers() for name in row if name not in EVERYWHERE]
    imports = {name: imports_of(name) for name in names}
    arrows = [f"  {name} --> {other}" for name in names for other in names if other in imports[name]]
    rows = [f"| `{name}/` | {summary(name)} |" for name in names]
    return "\n".join(
        ["", "```mermaid", "flowchart TD", *arrows, "```", "", "| package | contents |", "| --- | --- |", *rows, "", ""]
    )


def main(arguments: list[str]) -> int:
    """Writes the picture. With ``--check``: returns 1 if that would change the page."""
    old = PAGE.read_text(encoding="utf-8")
    before, _, rest = old.partition(START)
    new = f"{before}{START}{picture()}{END}{rest.partition(END)[2]}"
    if arguments == ["--check"]:
        if old != new:
            print("error: docs/architecture.md and the imports differ. Run `make architecture`.", file=sys.stderr)
        return int(old != new)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
