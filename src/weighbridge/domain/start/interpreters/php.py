"""The files that a php program requires first, and the release that Composer's autoloader asks for.

Only statements at the beginning of a file count. The first other statement ends the search. The texts were recorded
from php 8.2 (main/main.c, ``php_stream_display_wrapper_errors``) and Composer 2 (``platform_check.php``).
"""

from __future__ import annotations

import posixpath
import re

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import LookupFailure, Node
from weighbridge.domain.start.interpreters.loaded_files import LoadSearch
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_MAX_STATEMENTS = 200
_MAX_FILES = 20
_OPEN = re.compile(r"<\?php\s|<\?|<script")
_SPACE = re.compile(r"(?:\s+|//[^\n]*|#(?!\[)[^\n]*|/\*.*?\*/)+", re.DOTALL)
_PATH = (
    r"(?:(?P<base>__DIR__|dirname\(\s{0,9}__(?:DIR|FILE)__\s{0,9}(?:,\s{0,9}(?P<up>\d)\s{0,9})?\))\s{0,9}\.\s{0,9})?"
    r"(?:'(?P<single>[^'\\\n]{1,300})'|\"(?P<double>[^\"\\$\n]{1,300})\")"
)
_REQUIRE = re.compile(
    rf"(?:\$\w{{1,99}}\s{{0,9}}=\s{{0,9}})?\(?(?P<verb>require|include)(?:_once)?\s{{0,9}}\(?\s{{0,9}}{_PATH}\s{{0,9}}\)?\)?\s{{0,9}};"
)
_GUARD = re.compile(
    rf"if\s{{0,9}}\(\s{{0,9}}!\s{{0,9}}(?:is_dir|is_file|file_exists)\(\s{{0,9}}{_PATH}\s{{0,9}}\)\s{{0,9}}\)\s{{0,9}}\{{\s{{0,99}}"
    r"throw new \\?[\w\\]{1,99}\((?:'(?P<said>[^'\\]{1,300})'|\"(?P<said2>[^\"\\$]{1,300})\")\);\s{0,99}\}"
)
_PLAIN = re.compile(
    r"(?:declare\([\w\s=,]{1,99}\)|namespace [\w\\]{1,200}|use (?:function |const )?[\w\\{}, \n]{1,500}"
    r"|(?:define\(\s{0,9}['\"]\w{1,99}['\"],|(?:const \w{1,99}|\$\w{1,99})\s{0,9}=)\s{0,9}"
    r"(?:microtime\(true\)|true|false|null|\d{1,20}|'[^'\\]{0,300}'|\"[^\"\\$]{0,300}\"|__DIR__|dirname\(__(?:DIR|FILE)__\)|\[\])\)?"
    r"|error_reporting\([\w\s|&~^()]{1,99}\)|set_time_limit\(\d{1,9}\)|ini_set\(['\"\w., -]{1,99}\))\s{0,9};"
)
_NEEDS_RELEASE = re.compile(r"PHP_VERSION_ID >= (\d{5,6})")
_VERSION_ID = re.compile(r"#define PHP_VERSION_ID (\d{5,6})\b")
_NAME_WITH_RELEASE = re.compile(r"php(\d)\.(\d{1,2})")


def failing_php(view: View, program: Node) -> Reading | None:
    """How a file that the program requires first ends it; None if it goes on, as far as known."""
    return _read(LoadSearch(view=view), program)


def _read(search: LoadSearch, node: Node) -> Reading | None:
    search.seen.add(node.path)
    text = search.view.text(node)
    opened = _OPEN.search(text) if text is not None else None
    if text is None or opened is None or not opened.group().startswith("<?php"):
        search.stopped = True
        return None
    position = opened.end()
    for _ in range(_MAX_STATEMENTS):
        space = _SPACE.match(text, position)
        position = space.end() if space else position
        if position >= len(text):
            return None
        plain = _PLAIN.match(text, position)
        match = plain or _REQUIRE.match(text, position) or _GUARD.match(text, position)
        if match is None:
            break
        position = match.end()
        if plain is None:
            line = text.count("\n", 0, match.start()) + 1
            failing = _file(search, node, match, line)
            if failing is not None or search.stopped:
                return failing
    search.stopped = True
    return None


def _file(search: LoadSearch, node: Node, match: re.Match[str], line: int) -> Reading | None:
    view, groups = search.view, match.groupdict()
    if groups.get("verb") == "include":
        # A missing file is only a warning; one that is there may end the program.
        search.stopped = True
        return None
    folder, name = posixpath.dirname(node.path), groups["single"] or groups["double"]
    base = groups["base"]
    if base is None and not name.startswith("/"):
        # The include path decides: the working directory and the folder of the script are in it.
        search.stopped = any(view.file(posixpath.join(each, name)) is not None for each in (folder, view.program.cwd))
        if search.stopped or view.has_env("PHP_INI_SCAN_DIR") or not name.startswith("vendor/"):
            search.stopped = True
            return None
        path, shown = posixpath.join(view.program.cwd, name), name
    elif base is None:
        path, shown = name, name
    else:
        ups = int(groups["up"] or 1) if base.startswith("dirname") else 0
        for _ in range(ups - (1 if "FILE" in base else 0)):
            folder = posixpath.dirname(folder)
        shown = f"{folder.rstrip('/') if name.startswith('/') else folder}{name}"
        path = posixpath.normpath(shown)
    found = view.find(path)
    if isinstance(found, LookupFailure):
        undecided = view.absent(found)
        if undecided is not None:
            return undecided
        return _missing(view, node, line, path, groups.get("said") or groups.get("said2") or _failed(shown))
    if "verb" not in groups:
        return None
    return _release(view, found) or _follow(search, found)


def _follow(search: LoadSearch, found: Node) -> Reading | None:
    """A required file may end the program; the autoloader of Composer does not."""
    if found.path.endswith("/vendor/autoload.php") or found.path in search.seen:
        return None
    if not found.is_file or len(search.seen) >= _MAX_FILES:
        search.stopped = True
        return None
    return _read(search, found)


def _failed(shown: str) -> str:
    return f"Failed opening required '{shown}'"


def _missing(view: View, node: Node, line: int, path: str, predicts: str) -> Reading:
    is_vendor = "/vendor" in path
    return view.fails(
        CheckCode.INTERPRETER_FILE_MISSING,
        path=path,
        predicts=predicts,
        evidence=(f"{node.path}:{line}: requires {path}", f"{path}: not in the image"),
        fix="RUN composer install --no-dev in the final stage, or copy vendor from the stage that has it."
        if is_vendor
        else f"COPY {posixpath.basename(path)} to {path}, or correct the path.",
    )


def _release(view: View, autoloader: Node) -> Reading | None:
    """``composer/platform_check.php`` beside the autoloader: the release of php that the packages need."""
    check = view.file(posixpath.join(posixpath.dirname(autoloader.path), "composer/platform_check.php"))
    text = view.text(check) if check is not None and autoloader.path.endswith("/autoload.php") else None
    needed = _NEEDS_RELEASE.search(text or "")
    there = _php_release(view)
    if check is None or needed is None or there is None or there >= int(needed[1]) // 100 * 100:
        return None
    return view.fails(
        CheckCode.INTERPRETER_MODULE_MISSING,
        path=check.path,
        predicts="Composer detected issues in your platform:",
        evidence=(f"{check.path} needs PHP_VERSION_ID >= {needed[1]}", f"{view.program.path} is {there // 100}.."),
        fix="Use the base image of the php release for which composer installed the packages.",
    )


def _php_release(view: View) -> int | None:
    """``PHP_VERSION_ID`` without the patch level; None if unknown."""
    named = _NAME_WITH_RELEASE.fullmatch(posixpath.basename(view.program.path))
    if named is not None:
        return int(named[1]) * 10000 + int(named[2]) * 100
    prefix = posixpath.dirname(posixpath.dirname(view.program.path))
    header = view.file(posixpath.join(prefix, "include/php/main/php_version.h"))
    found = _VERSION_ID.search(view.text(header) or "") if header is not None else None
    return int(found[1]) // 100 * 100 if found is not None else None
