"""Parses the command line of ``java`` as its launcher does, with argument files and ``JDK_JAVA_OPTIONS``.

Sources: the JDK's src/java.base/share/native/libjli (java.c: ``ParseArguments``, ``SelectVersion``; args.c). The
messages were recorded from OpenJDK 17.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from weighbridge.domain.image.rootfs import LookupFailure
from weighbridge.domain.lines import lines_of
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_CLASS_PATH = frozenset({"-cp", "-classpath", "--class-path"})
_MODULE = frozenset({"-m", "--module"})
_JOINED = frozenset(
    [
        "--add-modules",
        "--limit-modules",
        "--upgrade-module-path",
        "--add-reads",
        "--add-exports",
        "--add-opens",
        "--patch-module",
        "--enable-native-access",
        "--describe-module",
    ]
)
"""Options whose value may be the next word; the virtual machine gets both as one word."""
_WITH_VALUE: Mapping[str, str] = {
    **dict.fromkeys(_CLASS_PATH, "class path"),
    **dict.fromkeys(_MODULE, "module name"),
    "-p": "module path",
    "--module-path": "module path",
    "-d": "module name",
    "--source": "source version",
    **dict.fromkeys(_JOINED, ""),
}
"""Options that take the next word, and what the launcher says is missing without it."""
_ENDS_EARLY = frozenset(
    ["-version", "--version", "-fullversion", "--full-version", "-help", "--help", "-h", "-?", "-X", "--help-extra"]
)
_OF_LAUNCHER = re.compile(
    r"-showversion|--show-version|--dry-run|-XshowSettings(?::.*)?|-Xdiag|-splash:.*|--list-modules|--validate-modules"
    r"|--show-module-resolution|-(?:no)?verify(?:remote)?|-verbosegc|-tm?|-debug|-noclassgc|-Xfuture|-[ms][sx]\d.*"
    r"|-(?:cs|noasyncgc|jre-restrict-search)|-ss\d.*|--disable-@files"
)
_NOT_IN_VARIABLE = frozenset({"-jar", *_MODULE, "--dry-run", *_ENDS_EARLY})
_VARIABLE = "JDK_JAVA_OPTIONS"
_MAX_WORDS = 500
_MAX_ARGUMENT_FILES = 20


@dataclass(slots=True, kw_only=True)
class JavaLine:
    """A java command line.

    `jar` or `main_class` is what it runs. `machine` has the options of the virtual machine, in order. `fails_with` is
    the launcher's error, `unsure` the reason why the rest is not read.
    """

    jar: str | None = None
    main_class: str | None = None
    class_path: str | None = None
    machine: list[str] = field(default_factory=list)
    ends_early: bool = False
    module: bool = False
    fails_with: str | None = None
    unsure: str | None = None


def read_java_line(view: View) -> JavaLine | Reading:
    """The options and the program of the command; a `Reading` if an argument file decides."""
    words = _expanded(view, view.words)
    given = _split(view.process.env.get(_VARIABLE, ""))
    if given is None:
        return view.unsure(f"the quotes in {_VARIABLE}")
    variable = _expanded(view, given)
    for one in (variable, words):
        if isinstance(one, Reading):
            return one
    assert isinstance(variable, tuple)
    assert isinstance(words, tuple)
    refused = next((word for word in variable if word in _NOT_IN_VARIABLE), None)
    if refused is not None:
        return JavaLine(fails_with=f"Option {refused} is not allowed in environment variable {_VARIABLE}")
    line = _parse((*variable, *words)[:_MAX_WORDS])
    before = _parse(variable)
    if before.main_class is not None:
        return JavaLine(fails_with=f"Error: Cannot specify main class in environment variable {_VARIABLE}")
    return line


def _parse(words: tuple[str, ...]) -> JavaLine:
    line = JavaLine()
    rest = list(words)
    is_jar = False
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if word in _ENDS_EARLY:
            line.ends_early = True
            return line
        if word == "-jar":
            is_jar = True
        elif name in _WITH_VALUE and (not equals or name.startswith("--")):
            if not equals and not rest:
                line.fails_with = f"Error: {word} requires"
                return line
            value = value if equals else rest.pop(0)
            if name in _MODULE:
                line.module = True
                return line
            if name in _CLASS_PATH:
                line.class_path, is_jar = value, False
            elif name in _JOINED:
                line.machine.append(f"{name}={value}")
        elif name in {"--list-modules", "-d"}:
            line.ends_early = True
        elif not _OF_LAUNCHER.fullmatch(word):
            line.machine.append(word)
    if rest and is_jar:
        line.jar = rest[0]
    elif rest:
        line.main_class = rest[0]
    elif not line.ends_early:
        line.fails_with = "Usage: java ["
    return line


def _expanded(view: View, words: tuple[str, ...]) -> tuple[str, ...] | Reading:
    """The words with those of ``@`` files in their place, up to the main class (args.c, ``JLI_PreprocessArg``)."""
    found: list[str] = []
    files = 0
    takes_value = False
    for position, word in enumerate(words[:_MAX_WORDS]):
        if word == "--disable-@files":
            return view.unsure(f"the option {word} is unsupported")
        if takes_value or not word.startswith("@"):
            found.append(word)
            if not takes_value and not word.startswith("-"):
                return (*found, *words[position + 1 :])
            takes_value = word in _WITH_VALUE
            continue
        files += 1
        if word.startswith("@@"):
            found.append(word[1:])
            continue
        read = _argument_file(view, word[1:])
        if isinstance(read, Reading) or files > _MAX_ARGUMENT_FILES:
            return read if isinstance(read, Reading) else view.unsure("too many argument files")
        found += read
    return tuple(found)


def _argument_file(view: View, path: str) -> list[str] | Reading:
    node = view.find(path)
    if isinstance(node, LookupFailure):
        return view.absent(node) or view.file_missing(path, f"Error: could not open `{path}'")
    text = view.text(node) if node.is_file else None
    words = _split(text, has_comments=True) if text is not None else None
    return list(words) if words is not None else view.unsure(f"the options in @{path[:80]}")


_TOKEN = re.compile(r"[^\s\"'\\]+|\"[^\"\\]*\"|'[^'\\]*'")


def _split(text: str, *, has_comments: bool = False) -> tuple[str, ...] | None:
    """Words between white space, with quotes; None for escapes and open quotes, which are not read."""
    if has_comments:
        text = "\n".join(line for line in lines_of(text) if not line.lstrip().startswith("#"))
    words: list[str] = []
    end = -1
    for match in _TOKEN.finditer(text):
        between = text[max(end, 0) : match.start()]
        if between.strip():
            return None
        part = match.group()
        part = part[1:-1] if part[0] in "\"'" else part
        if match.start() == end and words:
            words[-1] += part
        else:
            words.append(part)
        end = match.end()
    return None if text[max(end, 0) :].strip() else tuple(words)


def split_options(text: str) -> tuple[str, ...] | None:
    """The options in ``JAVA_TOOL_OPTIONS`` and ``_JAVA_OPTIONS``; None if their quotes are not read."""
    return _split(text[:4096])
