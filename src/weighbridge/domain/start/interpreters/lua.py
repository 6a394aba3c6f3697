"""The modules that a lua program loads first. The texts were recorded from lua 5.4 (loadlib.c, ``findloader``)."""

from __future__ import annotations

import posixpath
import re

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.lines import lines_of
from weighbridge.domain.start.interpreters.loaded_files import may_have
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_MAX_LINES = 300
_REQUIRE = re.compile(
    r"(?:(?:local[ \t]{1,9})?[A-Za-z_]\w{0,99}[ \t]{0,9}=[ \t]{0,9})?require[ \t]{0,9}\(?[ \t]{0,9}"
    r"(?:'([\w.-]{1,200})'|\"([\w.-]{1,200})\")[ \t]{0,9}\)?[ \t]{0,9};?[ \t]{0,9}(?:--.*)?"
)
_PLAIN = re.compile(
    r"(?:local[ \t]{1,9})?[A-Za-z_]\w{0,99}[ \t]{0,9}=[ \t]{0,9}"
    r"(?:'[^'\\]{0,300}'|\"[^\"\\]{0,300}\"|[\d.]{1,20}|\{\});?"
)
_BUILT_IN = frozenset(
    {"_G", "string", "table", "io", "os", "math", "coroutine", "debug", "utf8", "package", "bit32", "bit", "jit", "ffi"}
)


def failing_lua(view: View, program: Node) -> Reading | None:
    """How a module that the program loads first ends it; None if it goes on, as far as known."""
    text = view.text(program)
    for number, line in enumerate(lines_of(text or "")[:_MAX_LINES], start=1):
        word = line.strip()
        is_comment = word.startswith("--") and not word.startswith("--[")
        if not word or is_comment or (number == 1 and word.startswith("#")) or _PLAIN.fullmatch(word):
            continue
        match = _REQUIRE.fullmatch(word)
        if match is None:
            return None
        name = match[1] or match[2]
        base = name.replace(".", "/")
        files = (f"{base}.lua", f"{base}/init.lua", f"{base}.so", f"{name.partition('.')[0]}.so", f"lib{name}.so")
        if name in _BUILT_IN or any(may_have(view, file, "lua") for file in files):
            continue
        return view.fails(
            CheckCode.INTERPRETER_MODULE_MISSING,
            path=posixpath.join(view.program.cwd, f"{base}.lua"),
            predicts=f"module '{name}' not found:",
            evidence=(f"{program.path}:{number}: loads {name}", f"{base}.lua, {base}.so: in no folder of the image"),
            fix=f"Install {name} in the final stage (luarocks install, or the package of the distribution).",
        )
    return None
