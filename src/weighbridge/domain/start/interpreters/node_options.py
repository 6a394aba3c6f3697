"""The options of ``node``: those of every release by name, the others by the names that its binary contains.

Sources: Node's src/node_options.cc and V8's src/flags/flag-definitions.h: names of Node's options are literals with
their dashes, names of V8's flags have underscores. The messages were recorded from Node 18 and 20.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_SHORT_VALUES = frozenset({"-r", "-e", "-C"})
_SHORT_FLAGS = frozenset({"-v", "-h", "-i", "-p", "-c", "-pe"})
_VALUES = re.compile(
    r"--(?:require|import|loader|experimental-loader|conditions|input-type|title|env-file|env-file-if-exists|"
    r"inspect-port|debug-port|icu-data-dir|openssl-config|redirect-warnings|trace-event-categories|"
    r"trace-event-file-pattern|max-http-header-size|unhandled-rejections|dns-result-order|disable-proto|"
    r"disable-warning|diagnostic-dir|heapsnapshot-signal|watch-path|tls-cipher-list|tls-keylog|eval|run|"
    r"report-directory|report-dir|report-filename|report-signal|snapshot-blob|experimental-default-type|"
    r"experimental-sea-config)"
)
_FLAGS = re.compile(
    r"--(?:watch|test|build-snapshot|inspect|inspect-brk|enable-source-maps|expose-gc|throw-deprecation|pending-deprecation|preserve-symlinks|"
    r"preserve-symlinks-main|use-openssl-ca|use-bundled-ca|abort-on-uncaught-exception|prof|cpu-prof|"
    r"no-warnings|no-deprecation|trace-warnings|trace-deprecation|trace-uncaught|zero-fill-buffers|version|"
    r"help|v8-options|completion-bash|interactive|print|check)"
)
"""Options of every release since Node 12."""
_ATTACHED = re.compile(r"--(?:max-old-space-size|max-semi-space-size|stack-trace-limit|max-http-header-size)")
_FLAG_PREFIX = re.compile(
    r"--(?:experimental-|no-|trace-|harmony|report-|perf-|enable-|force-|tls-m|openssl-|insecure-|use-|jitless|permission"
    r"|frozen-|inspect|optimize|disable-wasm|heap-prof|abort|network-family|track-)"
)
_NOT_IN_VARIABLE = re.compile(
    r"--(?:eval|print|check|interactive|version|help|v8-options|completion-bash)"
    r"|-e|-p|-pe|-c|-i|-v|-h"
)
_VARIABLE = "NODE_OPTIONS"
_MAX_WORDS = 500
_MAX_SEARCHED = 3
_MAX_BINARY_BYTES = 160 * 1024 * 1024
_MARK = b"--require\0"
_CHUNK_BYTES = 8 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class NodeLine:
    """A node command line: its options with their values, its operands, and the options whose names are searched."""

    options: list[tuple[str, str | None]] = field(default_factory=list)
    operands: tuple[str, ...] = ()
    unknown: list[str] = field(default_factory=list)
    refused: str | None = None

    def has(self, *names: str) -> bool:
        """True if one of the options is set."""
        return any(name in names for name, _ in self.options)

    def values(self, *names: str) -> tuple[str, ...]:
        """The values of the options with these names, in order."""
        return tuple(value for name, value in self.options if name in names and value is not None)


def read_node_line(view: View) -> tuple[NodeLine, NodeLine] | Reading:
    """The command line, and the options of ``NODE_OPTIONS``; a `Reading` if node refuses one of them."""
    try:
        given = tuple(shlex.split(view.process.env.get(_VARIABLE, "")[:4096]))
    except ValueError:
        return view.refuses(
            "the quotes", variable=_VARIABLE, predicts=f"invalid value for {_VARIABLE} (unterminated string)"
        )
    barred = next((word for word in given if _NOT_IN_VARIABLE.fullmatch(word.partition("=")[0])), None)
    if barred is not None:
        return view.refuses(barred, f"{barred.partition('=')[0]} is not allowed in {_VARIABLE}", variable=_VARIABLE)
    extra, line = _parse(given), _parse(view.words)
    if extra.operands:
        return view.unsure(f"{_VARIABLE} has words that are no options")
    for one in (extra, line):
        if one.refused is not None:
            return view.refuses(one.refused, f"bad option: {one.refused}")
        for word in one.unknown[:_MAX_SEARCHED]:
            there = _in_binary(view, word.partition("=")[0].replace("_", "-"))
            if there is False:
                text = f"{word} is not allowed in {_VARIABLE}" if one is extra else f"bad option: {word}"
                return view.refuses(word, text, variable=_VARIABLE if one is extra else "")
            if there is None or one is extra or ("=" not in word and not _FLAG_PREFIX.match(word)):
                return view.unsure(f"the option {word[:60]} is unsupported")
        if len(one.unknown) > _MAX_SEARCHED:
            return view.unsure(f"the option {one.unknown[-1][:60]} is unsupported")
    if extra.has("--env-file"):
        return view.unsure(f"whether {_VARIABLE} may have --env-file")
    return line, extra


def _parse(words: tuple[str, ...]) -> NodeLine:
    line = NodeLine()
    rest = list(words[:_MAX_WORDS])
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        name, equals, value = word.partition("=")
        name = name.replace("_", "-") if name.startswith("--") else name
        if word in _SHORT_VALUES or (_VALUES.fullmatch(name) and not equals):
            line.options.append((name, rest.pop(0) if rest else None))
        elif not name.startswith("--") and word not in _SHORT_FLAGS:
            # Short options take no attached values, and do not combine.
            line.refused = line.refused or word
        else:
            line.options.append((name, value if equals else None))
            is_known = _VALUES.fullmatch(name) or _FLAGS.fullmatch(name) or (equals and _ATTACHED.fullmatch(name))
            if name.startswith("--") and not is_known:
                line.unknown.append(word)
    line.operands = tuple(rest)
    return line


def _in_binary(view: View, option: str) -> bool | None:
    """Whether node's binary, or the library of a node that is built as one, contains the option; None if unclear."""
    rootfs = view.process.rootfs
    paths = (view.program.path, *(path for path in view.program.libraries if "libnode" in path))
    found: bool | None = False
    for node in (view.file(path) for path in paths):
        if node is None or node.size_bytes > _MAX_BINARY_BYTES:
            return None
        key = ("node-option", node.diff_id, node.stored_path, option)
        if key not in rootfs.memo:
            rootfs.memo[key] = _contains(view, node, option)
        if rootfs.memo[key]:
            return True
        found = None if rootfs.memo[key] is None else found
    return found


def _contains(view: View, node: Node, option: str) -> bool | None:
    """Names of V8 have no dashes, so one of a single word proves nothing: None."""
    base = option.removeprefix("--no-") if option.startswith("--no-") else option.removeprefix("--")
    own, of_v8 = (text.encode("utf-8", "surrogateescape") for text in (f"--{base}\0", f"{base.replace('-', '_')}\0"))
    full = f"{option}\0".encode("utf-8", "surrogateescape")
    is_word = "-" not in base
    seen = is_node = False
    for start in range(0, node.size_bytes, _CHUNK_BYTES):
        content = view.process.rootfs.read_at(node, start, _CHUNK_BYTES + len(full))
        if of_v8 in content or own in content or (full != own and full in content):
            if not is_word or own in content or full in content:
                return True
            seen = True
        is_node = is_node or _MARK in content
    return None if seen or not is_node else False
