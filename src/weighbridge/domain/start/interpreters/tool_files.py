"""Servers and tools that read the file named on their command line: rackup, puma, nodemon, uwsgi, julia and others.

`_EXACT` has the tools whose options and messages are known. `_LOOSE` has those of which only the names of their files
are known: a missing file is "not checked", because the tool may wait for it, or make it.

The messages of puma, rackup, unicorn, thin and waitress were recorded from Debian 12's packages. That of R is
`Rscript`'s; that of streamlit is from its ``web/cli.py``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from weighbridge.domain.image.rootfs import LookupFailure
from weighbridge.domain.start.attempt import Process, Program
from weighbridge.domain.start.interpreters.options import CommandLine, Grammar, read_options
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_MAX_WORDS = 64
_ENDS_EARLY = frozenset({"-h", "--help", "--version"})
_RUBY_OPEN = "No such file or directory @ rb_sysopen - {0}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tool:
    """The command line of one tool.

    `subcommand` is the word before the file. `default` is the file without an operand. `missing` is the message for a
    missing file, with the name as ``{0}`` and its absolute path as ``{1}``. `file_options` maps options to the message
    for their missing file. With an option of `settles`, the tool needs no file. `beside` are other files that replace
    the default one. `ending` is that of the files that the message is for.
    """

    grammar: Grammar
    missing: str
    default: str = ""
    subcommand: str = ""
    file_options: Mapping[str, str] = field(default_factory=dict)
    settles: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    ending: str = ""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_EXACT: Mapping[str, _Tool] = {
    "rackup": _Tool(
        grammar=Grammar(
            flags="dwqD",
            values="eIrbsopOEP",
            long_flags=_words("--debug --warn --quiet --daemonize"),
            long_values=_words("--eval --include --require --builder --server --host --port --option --env --pid"),
            long_equals=True,
        ),
        default="config.ru",
        missing="configuration {1} not found",
        settles=("-b", "--builder"),
    ),
    "puma": _Tool(
        grammar=Grammar(
            flags="dqvW",
            values="bCeIpStw",
            long_flags=_words("--preload --prune-bundler --quiet --debug --silent"),
            long_values=_words(
                "--bind --config --control-url --control-token --environment --port --pidfile --restart-cmd --state "
                "--tag --threads --workers --redirect-stdout --redirect-stderr"
            ),
            long_equals=True,
        ),
        default="config.ru",
        missing="No application configured, nothing to run",
        file_options={"-C": _RUBY_OPEN, "--config": _RUBY_OPEN},
        settles=("-C", "--config"),
        beside=("config/puma.rb", "config/puma"),
    ),
    "unicorn": _Tool(
        grammar=Grammar(
            flags="dwDvN",
            values="eIrocpsEl",
            long_flags=_words("--debug --warn --daemonize --no-default-middleware"),
            long_values=_words("--eval --include --require --host --port --env --listen --config-file"),
            long_equals=True,
        ),
        default="config.ru",
        missing="rackup file ({0}) not readable",
        file_options={"-c": _RUBY_OPEN, "--config-file": _RUBY_OPEN},
        settles=("-c", "--config-file"),
    ),
    "thin": _Tool(
        grammar=Grammar(
            flags="dDVqTf",
            values="apAReCSycltPumgnrw",
            long_flags=_words("--daemonize --threaded --trace --quiet --debug --ssl*"),
            long_values=_words(
                "--address --port --socket --rackup --environment --config --log --pid --chdir "
                "--servers --user --group --tag --timeout"
            ),
            long_equals=True,
        ),
        subcommand="start",
        default="config.ru",
        missing="",
        file_options=dict.fromkeys(("-R", "--rackup", "-C", "--config"), _RUBY_OPEN),
        settles=("-R", "--rackup", "-C", "--config", "-A", "--adapter", "-c", "--chdir"),
    ),
    "streamlit": _Tool(
        grammar=Grammar(long_equals=True, long_values=("--server.port", "--server.address", "--server.headless")),
        subcommand="run",
        missing="File does not exist: ",
        ending=".py",
    ),
    "R": _Tool(
        grammar=Grammar(
            flags="q",
            values="efgd",
            long_flags=_words("--no-* --vanilla --save --restore --slave --quiet --silent --interactive"),
            long_values=("--file",),
            long_equals=True,
        ),
        missing="",
        file_options=dict.fromkeys(("-f", "--file"), "Fatal error: cannot open file '{0}': No such file or directory"),
        settles=("-f", "--file", "-e"),
    ),
}
_SCRIPT = "[cm]?[jt]sx?"
_CONFIGURATION = "ini|conf|cfg|ya?ml|json|toml|xml"
_LOOSE: Mapping[str, str] = {
    **dict.fromkeys(("ts-node", "ts-node-dev", "tsx", "nodemon", "babel-node", "esno", "vite-node"), _SCRIPT),
    **dict.fromkeys(("pm2", "pm2-runtime", "pm2-docker", "forever"), f"{_SCRIPT}|json|ya?ml|py|sh"),
    **dict.fromkeys(("sidekiq", "falcon", "rake", "resque", "clockwork"), "rb|ya?ml|ru"),
    **dict.fromkeys(("fastapi", "bokeh", "panel", "chainlit", "gradio", "marimo", "locust", "mitmdump"), "py"),
    **dict.fromkeys(("jupyter", "voila", "papermill"), "ipynb|py"),
    "uwsgi": f"py|wsgi|{_CONFIGURATION}",
    "julia": "jl",
    "pwsh": "ps1",
    **dict.fromkeys(("erl", "erlexec", "escript"), "erl|escript|config"),
    **dict.fromkeys(("groovy", "guile", "racket", "sbcl", "ocaml", "runghc"), "groovy|scm|rkt|lisp|ml|hs"),
    **dict.fromkeys(
        _words(
            "haproxy varnishd redis-server mosquitto envoy fluent-bit vector telegraf prometheus traefik caddy php-fpm "
            "lighttpd dnsmasq unbound named"
        ),
        f"{_CONFIGURATION}|vcl|Caddyfile",
    ),
}
"""The endings of the files that a tool reads, as a pattern."""


def read_tool_binary(process: Process, program: Program) -> Reading | None:
    """The file that a tool reads which is a program of its own; None for other programs."""
    name = posixpath.basename(program.path)
    if name not in _LOOSE and name != "R":
        return None
    view = View(process=process, program=program)
    return read_tool_files(view, name, view.words)


def read_tool_files(view: View, name: str, words: tuple[str, ...]) -> Reading | None:
    """The file that the tool `name` reads with `words`; None for an unsupported tool."""
    if name not in _EXACT and name not in _LOOSE:
        return None
    if _ENDS_EARLY & set(words):
        return view.looked("prints and ends")
    if len(words) > _MAX_WORDS:
        return view.unsure(f"more than {_MAX_WORDS} arguments of {name}")
    tool = _EXACT.get(name)
    return _loosely(view, name, words) if tool is None else _exactly(view, name, tool, words)


def _exactly(view: View, name: str, tool: _Tool, words: tuple[str, ...]) -> Reading:
    line = _read_line(words, tool.grammar)
    if line.unknown is not None:
        return view.unknown_option(line)
    operands = list(line.operands)
    if tool.subcommand and (not operands or operands.pop(0) != tool.subcommand):
        return view.unsure(f"{name} {' '.join(words)[:60]} is not followed")
    for option, value in line.options:
        if option in tool.file_options and value and value != "-":
            missing = _missing(view, value, tool.file_options[option])
            if missing is not None:
                return missing
    if line.has(*tool.settles):
        return view.looked(f"the files that {name} names are found, not read")
    if not operands and any(not isinstance(view.find(path), LookupFailure) for path in tool.beside):
        return view.looked(f"the configuration of {name} is found, not read")
    path = operands[0] if operands else tool.default
    if not path:
        return view.looked(f"{name} names no file")
    missing = _missing(view, path, tool.missing if path.endswith(tool.ending) else "")
    return missing or view.looked(f"{path} is found, not read")


def _read_line(words: tuple[str, ...], grammar: Grammar) -> CommandLine:
    """The options and operands, which may be mixed."""
    options: list[tuple[str, str | None]] = []
    operands: list[str] = []
    rest = words
    while rest:
        line = read_options(rest, grammar)
        options.extend(line.options)
        if line.unknown is not None:
            return CommandLine(options=tuple(options), operands=tuple(operands), unknown=line.unknown)
        operands.extend(line.operands[:1])
        rest = line.operands[1:]
    return CommandLine(options=tuple(options), operands=tuple(operands))


def _missing(view: View, path: str, text: str) -> Reading | None:
    """The end of a tool without its file; None if the file is there. Without a known text, it is not checked."""
    found = view.find(path)
    if not isinstance(found, LookupFailure):
        return None
    undecided = view.absent(found)
    if undecided is not None:
        return undecided
    if not text:
        return view.unsure(f"{path[:80]} is not in the image")
    return view.file_missing(path, text.format(path, view.absolute(path)))


def _loosely(view: View, name: str, words: tuple[str, ...]) -> Reading:
    """The words, and the values after ``=``, that end like a file of the tool."""
    is_file = re.compile(rf"[\w./@+-]*\.(?:{_LOOSE[name]})")
    found = ""
    for word in words:
        path = word.partition("=")[2] if word.startswith("-") else word
        if not is_file.fullmatch(path):
            continue
        missing = _missing(view, path, "")
        if missing is not None:
            return missing
        found = found or path
    return view.looked(f"{found} is found, not read" if found else f"the arguments of {name} are not read")
