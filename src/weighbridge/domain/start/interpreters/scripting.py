"""Smaller interpreters that run one file: perl, ruby, php, awk, lua, tclsh and Rscript.

The grammars are those of their manual pages. The messages were recorded from perl 5.36, ruby 3.1, php 8.2, mawk 1.3,
gawk 5.2, original-awk, busybox 1.35, lua 5.1 and 5.4, Tcl 8.6 and R 4.2.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from weighbridge.domain.image.rootfs import LookupFailure, Node
from weighbridge.domain.start.attempt import UNKNOWN, Process, Program
from weighbridge.domain.start.awk import awk_program, is_plain_awk
from weighbridge.domain.start.interpreters.bundler import read_bundle
from weighbridge.domain.start.interpreters.lua import failing_lua
from weighbridge.domain.start.interpreters.options import CommandLine, Grammar, read_options
from weighbridge.domain.start.interpreters.perl import failing_perl
from weighbridge.domain.start.interpreters.php import failing_php
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.ruby import failing_ruby
from weighbridge.domain.start.interpreters.tool_files import read_tool_files
from weighbridge.domain.start.interpreters.view import View


@dataclass(frozen=True, kw_only=True, slots=True)
class _Language:
    """One interpreter: its options, those that make it read no file, and its message for a missing file.

    `loads` says how a file that the program loads first ends it.
    """

    names: re.Pattern[str]
    grammar: Grammar
    missing: Callable[[View, str], str]
    without_file: tuple[str, ...] = ()
    file_options: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    loads: Callable[[View, Node, CommandLine], Reading | None] | None = None


def _ruby(view: View, program: Node, line: CommandLine) -> Reading | None:
    bundle = read_bundle(view, program, line.operands[1:])
    return bundle or failing_ruby(view, program, line.values("-r"))


_LANGUAGES = (
    _Language(
        names=re.compile(r"perl(5(\.\d+)*)?"),
        grammar=Grammar(flags="acfnpsStTuUwWXvg", values="eEI", attached="0CdDiFlmMVxh"),
        missing=lambda _view, name: f'Can\'t open perl script "{name}": No such file or directory',
        without_file=("-e", "-E", "-v", "-V", "-h"),
        undecided=("-S", "-x", "-d"),
        loads=lambda view, program, _line: failing_perl(view, program),
    ),
    _Language(
        names=re.compile(r"ruby(\d+(\.\d+)*)?"),
        grammar=Grammar(
            flags="aclnpswyvhS",
            values="CeEIrX",
            attached="0FiKTWx",
            long_flags=(
                "--version",
                "--copyright",
                "--help",
                "--yjit*",
                "--jit*",
                "--mjit*",
                "--verbose",
                "--disable*",
                "--enable*",
            ),
            long_values=("--encoding", "--external-encoding", "--internal-encoding"),
            long_equals=True,
        ),
        missing=lambda _view, name: f"ruby: No such file or directory -- {name} (LoadError)",
        without_file=("-e", "--version", "--copyright", "--help", "-h"),
        undecided=("-S", "-x", "-C", "-X"),
        loads=_ruby,
    ),
    _Language(
        names=re.compile(r"php(\d+(\.\d+)*)?"),
        grammar=Grammar(
            flags="aCehilmnqswvH",
            values="dcfgrBRFEStzy",
            long_flags=("--version", "--help", "--info", "--modules", "--ini", "--no-php-ini", "--interactive"),
            long_values=("--define", "--file", "--php-ini", "--run", "--server", "--docroot"),
            long_equals=True,
        ),
        missing=lambda _view, name: f"Could not open input file: {name}",
        without_file=(
            *("-r", "--run", "-i", "--info", "-m", "--modules", "-v", "--version", "-h", "--help", "--ini", "-a"),
            *("--interactive", "-B", "-R", "-F", "-E"),
        ),
        file_options=("-f", "--file"),
        undecided=("-S", "--server"),
        loads=lambda view, program, _line: failing_php(view, program),
    ),
    _Language(
        names=re.compile(r"lua(\d+(\.\d+)*)?"),
        grammar=Grammar(flags="iEWv", values="el"),
        missing=lambda _view, name: f"cannot open {name}",
        without_file=("-e", "-v"),
        loads=lambda view, program, _line: failing_lua(view, program),
    ),
    _Language(
        names=re.compile(r"tclsh(\d+(\.\d+)*)?"),
        grammar=Grammar(),
        missing=lambda _view, name: f'couldn\'t read file "{name}": no such file or directory',
    ),
    _Language(
        names=re.compile(r"Rscript"),
        grammar=Grammar(
            values="e",
            long_flags=(
                "--vanilla",
                "--no-*",
                "--verbose",
                "--version",
                "--help",
                "--save",
                "--restore",
                "--slave",
                "--quiet",
            ),
            long_equals=True,
        ),
        missing=lambda _view, name: f"Fatal error: cannot open file '{name}': No such file or directory",
        without_file=("-e", "--version", "--help"),
    ),
)

_ADDRESS = re.compile(r".+:[0-9]{1,5}", re.DOTALL)
_AWK = re.compile(r"(?:mawk|gawk|original-awk|nawk|bwk|awk)")
_AWK_GRAMMAR = Grammar(
    flags="",
    values="FvfW",
    long_flags=("--posix", "--traditional", "--re-interval", "--version"),
    long_values=("--file", "--field-separator", "--assign"),
)
_AWK_TEXTS: Mapping[str, str] = {
    "gawk": "cannot open source file `{name}' for reading: No such file or directory",
    "mawk": "cannot open {name} (No such file or directory)",
    "original-awk": "can't open file {name}",
    "busybox": "{name}: No such file or directory",
}


def read_scripting(process: Process, program: Program) -> Reading | None:
    """The file that a scripting language's interpreter runs; None for other programs."""
    name = posixpath.basename(program.path)
    view = View(process=process, program=program)
    if _AWK.fullmatch(name):
        return _read_awk(view, name)
    if name == "sed":
        return unread_program(program.argv)
    language = next((one for one in _LANGUAGES if one.names.fullmatch(name)), None)
    return _read(view, language) if language is not None else None


def _read(view: View, language: _Language) -> Reading:
    line = read_options(view.words, language.grammar)
    if line.unknown is not None:
        return view.unknown_option(line)
    if line.has(*language.without_file):
        return view.looked("runs no file")
    if line.has(*language.undecided):
        undecided = next(name for name in language.undecided if line.has(name))
        return (
            _php_server(view, line) if undecided in {"-S", "--server"} else view.unsure(f"{undecided} is not followed")
        )
    named = line.values(*language.file_options) or line.operands[:1]
    if _is_php(view) and not line.has(*language.file_options) and _ends_options_first(view, line):
        # php takes the words behind -- as arguments of a script that it reads from its standard input.
        named = ()
    if not named or named[0] == "-":
        return view.looked("reads its standard input")
    found = view.named_file(named[0], language.missing(view, named[0]))
    if isinstance(found, Reading):
        return found
    failing = language.loads(view, found, line) if language.loads is not None else None
    if failing is not None:
        return failing
    read = "read for the files that it loads first" if language.loads is not None else "found, not read"
    tool = read_tool_files(view, posixpath.basename(named[0]), line.operands[1:])
    return tool or view.looked(f"{found.path} is {read}")


def _is_php(view: View) -> bool:
    return posixpath.basename(view.program.path).startswith("php")


def _ends_options_first(view: View, line: CommandLine) -> bool:
    """True if ``--`` is the word before the operands."""
    count = len(view.words) - len(line.operands)
    return count > 0 and view.words[count - 1] == "--"


def _php_server(view: View, line: CommandLine) -> Reading:
    """``php -S``: the document root is checked before the router."""
    if not _is_php(view):
        return view.unsure("-S looks for the file in PATH")
    for address in line.values("-S", "--server")[-1:]:
        if not _ADDRESS.fullmatch(address) and UNKNOWN not in address:
            return view.refuses(f"-S {address}", f"Invalid address: {address}")
    for root in line.values("-t", "--docroot")[-1:]:
        node = view.find(root)
        if isinstance(node, LookupFailure):
            return view.absent(node) or view.file_missing(root, f"Directory {root} does not exist.")
    return view.looked("serves a folder")


def _read_awk(view: View, name: str) -> Reading:
    line = read_options(view.words, _AWK_GRAMMAR)
    if line.unknown is not None:
        return view.unknown_option(line)
    for path in line.values("-f", "--file"):
        if path in {"-", "/dev/stdin"}:
            continue
        text = _AWK_TEXTS.get(name)
        if text is None:
            return view.unsure(f"which awk {view.program.path} is")
        found = view.named_file(path, text.format(name=path))
        if isinstance(found, Reading):
            return found
    return unread_program(("awk", *view.words)) or view.looked("its program is found, not read")


def unread_program(argv: tuple[str, ...]) -> Reading | None:
    """How far the call of an awk or a sed that may succeed is followed; None for other programs."""
    name = posixpath.basename(argv[0]) if argv else ""
    if name not in {"awk", "sed"}:
        return None
    program = awk_program(argv[1:]) if name == "awk" else ""
    if program and not is_plain_awk(program):
        return Reading(not_checked="awk: its program is not followed, and may have an error or an exit")
    has_file = any(word.startswith(("-f", "--file")) for word in argv[1:])
    return Reading(up_to=f"{name}: its program is {'found, ' if has_file else ''}not read")
