r"""Converts text from a pull request to Markdown; the only place that does.

The author of the pull request controls file names, build logs, branch names and Dockerfile lines. None of them may
become a link, an image, a mention, a reference, HTML, a table cell or the end of our hidden marker.

There are two dangers:

* **Markdown and HTML syntax** is written as numeric character references. According to CommonMark (6.1, "Entity and
  numeric character references"), a reference is its character but never syntax; the same holds in HTML. So one
  escaped text is valid in a paragraph, in a table cell and inside ``<summary>``. A backslash is not sufficient: in HTML
  it is text.
* **GitHub's extensions of rendered text** (mentions, ``#1``, ``GH-1``, commit hashes, ``www.``, ``https://``, e-mail
  addresses, ``:emoji:``) apply after decoding, so a reference does not prevent them. They look at each text node
  alone, so the empty element ``<wbr>`` inside the pattern does. It has no text: what a reader copies is the original.
  GitHub's sanitizer keeps it (html-pipeline, ``SanitizationFilter::DEFAULT_CONFIG``). GitHub ignores code.

Only values of the type `Markdown` are written unchanged; `markdown_environment` makes Jinja escape all other values.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2

MAXIMUM_TEXT_CHARACTERS = 300
"""Maximum characters of one value, unless the caller passes another maximum."""

_BREAK = "\u200b"
"""Marks the place of a ``<wbr>`` until the syntax is escaped. `visible` replaces it in values."""
_ELLIPSIS = "…"

_ANSI = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]"  # control sequences: colours, cursor movement (ECMA-48, 5.4)
    r"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # operating system commands and other strings, up to their terminator
    r"|[ -/]*[0-~]"  # two- and three-character escapes
    r")?"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
_WHITESPACE = re.compile(r"[ \t\r\n\v\f\u0085\u2028\u2029]+")
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800-\udfff]"
)
_WORD = re.compile(r"[^\W\d_]+")
_ASCII_LETTER = re.compile(r"[A-Za-z]")
_LOOKALIKE = re.compile("[\u0370-\u03bb\u03bd-\u03ff\u0400-\u052f\u0531-\u058f\u13a0-\u13fd\uab70-\uabbf]")
"""Greek, Cyrillic, Armenian and Cherokee: several letters look like Latin ones (Unicode UTS #39, "Mixed-Script")."""
_SYNTAX = re.compile(r"[&<>\"'`*_~|\[\]\\!#@$^{}]" + f"|{_BREAK}")
_SYNTAX_AT_START = re.compile(_SYNTAX.pattern + r"|^[-+=:]|^[0-9]+(?=[.)])")
_HEXADECIMAL = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{7,}(?![0-9A-Za-z])")
_AUTOLINKS = (
    (re.compile(r"([@#])"), rf"\1{_BREAK}"),  # @user, @org/team, user@sha, e-mail; #1, user/repository#1
    (re.compile(r"(?i)\b(gh)-(?=[0-9])"), rf"\1{_BREAK}-"),  # GH-1
    (re.compile(r"://"), f":{_BREAK}//"),
    (re.compile(r"(?i)(www)\."), rf"\1{_BREAK}."),
    (re.compile(r"(?i)\b(mailto|xmpp|data|javascript|vbscript):"), rf"\1{_BREAK}:"),
    (re.compile(r":(?=[\w+-]+:)"), f":{_BREAK}"),  # :emoji:, some of which are images
    (re.compile(r"(?i)(?<=[a-z0-9])\.(?=[a-z]{2})"), f".{_BREAK}"),  # example.com: mail readers link it
)
_PLACE = re.compile(
    r"(?<![\w/.@+`-])(?:"
    r"https?://[^\s`<>|\\()\[\]\"']+"
    r"|(?:\.{0,2}/)?(?:[\w@+.-]{1,80}/){0,20}(?:[\w@+-][\w@+.-]{0,80}\.[A-Za-z][A-Za-z0-9]{1,10}|Dockerfile(?:\.[\w-]+)?)(?::[0-9]+)?"
    r"|(?:[\w@+-]{1,80}/){1,20}Dockerfile(?:\.[\w-]+)?(?::[0-9]+)?"
    r"|/[\w@+-][\w@+./-]{0,300}"
    r")(?![\w/@])"
)
"""A URL, a path with an extension, a Dockerfile, or an absolute path, with a line number or without."""
_MARKER_KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._]|-(?!-)){0,63}")


_COMMENT_MARKS = ("<!--", "-->")
_SIZE = r"[-+±−≈≤]? ?[0-9]+(?:\.[0-9]+)? ?(?:[kMGTPE]?B|%)"
_FIGURE = re.compile(rf"{_SIZE}(?: → {_SIZE})?|[0-9]{{1,4}}(?:\.[0-9]{{1,2}})? → {_SIZE}")
_SPACE_IN_FIGURE = re.compile(r"(?<=[0-9]) (?=(?:[kMGTPE]?B|%)(?![0-9A-Za-z]))|(?<=[≈≤]) (?=[0-9])| (?=→ [0-9])")
NO_BREAK_SPACE = "\u00a0"


class Markdown(str):
    """Finished Markdown. Only the functions of this module create it, from escaped parts."""

    __slots__ = ()


def markdown_environment(loader: jinja2.BaseLoader) -> jinja2.Environment:
    """A Jinja environment for Markdown templates that never writes a value unescaped.

    All output passes `finalize`: `Markdown` unchanged, numbers as digits, other text through `text`. Filters and
    concatenation return plain text again, which is escaped; there is no ``safe``. An undefined name is an error.
    """
    import jinja2  # noqa: PLC0415 - the terminal's report needs none

    made = jinja2.Environment(
        loader=loader,
        autoescape=False,  # noqa: S701 - `finalize` escapes for Markdown, which autoescape does not support
        finalize=_finalize,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        auto_reload=False,  # the templates of a package do not change; asking costs a stat for each use
    )
    for name in ("safe", "escape", "e", "forceescape", "urlize", "xmlattr", "tojson"):
        made.filters.pop(name, None)
    return made


def is_marker_key(key: str) -> bool:
    """True if `key` is valid in the hidden marker: letters, digits, ``.``, ``_`` and single ``-``, at most 64."""
    return _MARKER_KEY.fullmatch(key) is not None and not key.endswith("-")


def visible(value: str, *, maximum: int = MAXIMUM_TEXT_CHARACTERS) -> str:
    """`value` on one line, with invisible characters made visible, cut after `maximum` characters.

    White space becomes one space. Control characters become their pictures (``␛``), bidirectional overrides, zero width
    and other format characters become ``<U+202E>``, bytes that are not UTF-8 the replacement character. Letters of
    other scripts in a word with Latin letters become ``<U+0430>``: no name looks like that of another image.
    """
    # Skips text far behind the cut: a value may have megabytes.
    shown = _WHITESPACE.sub(" ", _ANSI.sub("", value[: maximum * 4 + 64])).strip()
    shown = _UNSAFE.sub(_picture, shown)
    if not shown.isascii():
        shown = _WORD.sub(_mixed_visible, shown)
    cut = len(shown) > maximum or len(value) > maximum * 4 + 64
    return shown[: maximum - 1].rstrip() + _ELLIPSIS if cut else shown


def _mixed_visible(word: re.Match[str]) -> str:
    return _LOOKALIKE.sub(_picture, word[0]) if _ASCII_LETTER.search(word[0]) else word[0]


def text(value: str, *, maximum: int = MAXIMUM_TEXT_CHARACTERS) -> Markdown:
    """`value` as inert text: for paragraphs, table cells and HTML blocks alike."""
    return _inert(visible(value, maximum=maximum))


def code(value: str, *, maximum: int = MAXIMUM_TEXT_CHARACTERS) -> Markdown:
    """`value` as inline code, for paragraphs and table cells; inside HTML blocks use `html_code`.

    The content of a code span is literal, so nothing in it is escaped. A value that would end the span or the table
    cell, or that contains our marker, becomes a ``<code>`` element of inert text instead.
    """
    shown = visible(value, maximum=maximum)
    if not shown:
        return Markdown("<code>&nbsp;</code>")
    if any(part in shown for part in ("`", "|", "\\", *_COMMENT_MARKS)):
        return Markdown(f"<code>{_inert(shown)}</code>")
    return Markdown(f"`{shown}`")


def breakable_code(value: str, *, maximum: int = MAXIMUM_TEXT_CHARACTERS) -> Markdown:
    """`value` as inline code that may break behind each slash, for narrow table cells; a copy of it is the original."""
    shown = visible(value, maximum=maximum)
    if "/" not in shown.strip("/"):
        return code(value, maximum=maximum)
    return Markdown(f"<code>{'/<wbr>'.join(_inert(part, at_start=False) for part in shown.split('/'))}</code>")


def html_code(value: str, *, maximum: int = MAXIMUM_TEXT_CHARACTERS) -> Markdown:
    """`value` as inline code inside an HTML block such as ``<summary>``, where Markdown has no meaning."""
    return Markdown(f"<code>{_inert(visible(value, maximum=maximum))}</code>")


def prose(value: str, *, maximum: int = 1200) -> Markdown:
    """A sentence in which paired backticks mark inline code. Every part is escaped."""
    parts = visible(value, maximum=maximum).split("`")
    if len(parts) % 2 == 0:  # an unpaired backtick is plain text
        parts[-2:] = ["`".join(parts[-2:])]
    pieces = [code(part, maximum=maximum) if number % 2 else _with_places(part) for number, part in enumerate(parts)]
    return Markdown("".join(pieces))


def _with_places(shown: str) -> Markdown:
    """`shown` with its paths and URLs as code: GitHub adds no links there, and a reader can copy the original text."""
    pieces: list[Markdown] = []
    end = 0
    for found in _PLACE.finditer(shown):
        named = found.group().rstrip(".,:;-")
        pieces += [_inert_part(shown, end, found.start()), code(named, maximum=len(named))]
        end = found.start() + len(named)
    return Markdown("".join([*pieces, _inert_part(shown, end, len(shown))]))


def _inert_part(shown: str, start: int, end: int) -> Markdown:
    return _inert(shown[start:end], at_start=not start) if start < end else Markdown("")


def fence(lines: tuple[str, ...], *, language: str = "text", maximum_lines: int = 60, maximum: int = 400) -> Markdown:
    """The last `maximum_lines` of `lines` as a fenced block, with a fence longer than any run of backticks inside.

    Removes escape sequences, keeps only the last state of a line that a progress bar rewrote, and makes other invisible
    characters visible.
    """
    shown = [plain_log_line(line, maximum=maximum) for line in lines[-maximum_lines:]]
    longest = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
    marks = "`" * max(3, longest + 1)
    body = "\n".join(shown)
    return Markdown("\n".join([f"{marks}{language}", *([body] if shown else []), marks]))


def plain_log_line(line: str, *, maximum: int = 400) -> str:
    """One line of a build log as plain text: no escape sequences, no control characters, cut after `maximum`."""
    bounded = line[: maximum * 16]
    kept = [part for part in _ANSI.sub("", bounded).rstrip("\r\n").split("\r") if part]
    shown = _UNSAFE.sub(_picture, kept[-1].replace("\n", " ").expandtabs(4)) if kept else ""
    return shown[: maximum - 1] + _ELLIPSIS if len(shown) > maximum else shown


def visible_exactly(value: str, *, maximum: int = MAXIMUM_TEXT_CHARACTERS) -> str:
    """`value` on one line without any loss: shows each character that is not printable, including white space.

    Unlike `visible`, it shows different names differently. A text longer than `maximum` characters is cut in the
    middle, because the end of a path identifies it.
    """
    if len(value) > maximum:
        half = (maximum - 1) // 2
        value = f"{value[: maximum - 1 - half]}{_ELLIPSIS}{value[len(value) - half :]}"
    return value if value.isprintable() else _UNSAFE.sub(_picture, value)


def figure(value: str) -> Markdown:
    """A size, difference or percentage as `weighbridge.report.units` formats it, or one ``→`` another.

    Any other value is escaped as text.
    """
    return Markdown(_unbroken(value)) if _FIGURE.fullmatch(value) else text(value)


def join_markdown(parts: list[Markdown], separator: str = "") -> Markdown:
    """`parts` joined by `separator`, which must be trusted."""
    return Markdown(separator.join(parts))


def _unbroken(value: str) -> str:
    """`value` with no-break spaces between a number and its unit."""
    return _SPACE_IN_FIGURE.sub(NO_BREAK_SPACE, value)


def _inert(shown: str, *, at_start: bool = True) -> Markdown:
    broken = _unbroken(shown)
    for pattern, replacement in _AUTOLINKS:
        broken = pattern.sub(replacement, broken)
    broken = _HEXADECIMAL.sub(lambda found: _BREAK.join(_groups(found.group(), size=6)), broken)
    syntax = _SYNTAX_AT_START if at_start else _SYNTAX
    return Markdown(syntax.sub(_escaped, broken))


def _escaped(found: re.Match[str]) -> str:
    return "".join("<wbr>" if each == _BREAK else f"&#{ord(each)};" for each in found.group())


def _groups(value: str, *, size: int) -> list[str]:
    return [value[start : start + size] for start in range(0, len(value), size)]


def _picture(found: re.Match[str]) -> str:
    number = ord(found.group())
    if number < 0x20:
        return chr(0x2400 + number)
    if number == 0x7F:
        return "␡"
    if 0xD800 <= number <= 0xDFFF:
        return "\ufffd"
    return f"<U+{number:04X}>"


def _finalize(value: object) -> str:
    if isinstance(value, Markdown):
        return value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    import jinja2  # noqa: PLC0415 - only a mistake in a template comes here

    if isinstance(value, jinja2.Undefined):
        return str(value)  # raises an error with the undefined name
    raise TypeError(f"A template may print text and numbers, not {type(value).__name__}.")
