"""Write docs/weighbridge.1 from the command line's own help: `make man`; with --check only compare.

The page has each command with its description, options and examples; the exit codes are last (man(7), groff_man(7)).
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import click

from weighbridge.cli.examples import EXAMPLES
from weighbridge.cli.main import COMMANDS, cli

PAGE = Path(__file__).resolve().parent.parent / "docs/weighbridge.1"


def main(arguments: list[str]) -> int:
    """Write the page; with ``--check`` return 1 if it is out of date."""
    text = page()
    if arguments == ["--check"]:
        if PAGE.read_text(encoding="utf-8") != text:
            print(f"error: {PAGE.name} is out of date. Run `make man`.", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE.name}")
    return 0


def page() -> str:
    """The text of the page."""
    root = click.Context(cli, info_name="weighbridge")
    lines = [
        '.TH WEIGHBRIDGE 1 "" "" "Weighbridge"',
        ".SH NAME",
        r"weighbridge \- weighs container images",
        ".SH SYNOPSIS",
        r".B weighbridge",
        r"\fICOMMAND\fR [\fIOPTION\fR]... [\fIARGUMENT\fR]...",
        ".SH DESCRIPTION",
        _escaped(cli.help or ""),
        ".SH COMMANDS",
    ]
    for name in COMMANDS:
        command = cli.get_command(root, name)
        assert command is not None
        lines += _command(command, click.Context(command, info_name=name, parent=root))
    lines += [".SH EXIT STATUS", *_paragraphs(cli.epilog or "")]
    return "\n".join(lines) + "\n"


def _command(command: click.Command, context: click.Context) -> list[str]:
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [
        f".SS {_escaped(f'weighbridge {command.name} {usage}')}",
        *_paragraphs(inspect.cleandoc(command.help or "")),
    ]
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            lines += [".TP", rf"\fB{_escaped(record[0])}\fR", _escaped(record[1])]
    examples = EXAMPLES.get(str(command.name), ())
    if examples:
        lines += [".PP", "Examples:", ".nf", *(_escaped(f"  {example}") for example in examples), ".fi"]
    return lines


def _paragraphs(text: str) -> list[str]:
    """The paragraphs of a help text. Those that begin with a backspace line keep their lines, as click prints them."""
    lines: list[str] = []
    for paragraph in filter(None, (part.strip("\n") for part in text.split("\n\n"))):
        first, _, rest = paragraph.partition("\n")
        if first.strip() == "\b":
            lines += [".PP", ".nf", *(_escaped(line) for line in rest.split("\n")), ".fi"]
        else:
            lines += [".PP", _escaped(" ".join(paragraph.split()))]
    return lines


def _escaped(text: str) -> str:
    """`text` so that roff prints it as it is."""
    escaped = " ".join(text.split("\n")).replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
