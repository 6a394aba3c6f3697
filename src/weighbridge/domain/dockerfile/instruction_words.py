"""The words of one instruction, as BuildKit splits and reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from e2b_dockerfile_utils import parse_heredoc

_WHITESPACE = re.compile(r"[\t\v\f\r ]+")


def plain_words(original: str, args: Sequence[str]) -> tuple[str, ...]:
    """The arguments of a ``COPY`` or ``ADD`` as BuildKit splits them: at ASCII white space only.

    The library keeps quoted words together, and splits at other white space (U+00A0).
    """
    length = sum(len("".join(arg.split())) for arg in args)
    words: list[str] = []
    for word in reversed(_WHITESPACE.split(original.strip())):
        if length <= 0:
            break
        words.append(word)
        length -= len("".join(word.split()))
    return tuple(map(whole_text, reversed(words)))


def read_flags(words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The values of each flag by its name, in order; empty for a flag without a value."""
    flags: dict[str, tuple[str, ...]] = {}
    for word in words:
        name, _, value = whole_text(word).removeprefix("--").partition("=")
        flags[name] = (*flags.get(name, ()), value)
    return flags


def read_mount(value: str) -> dict[str, str]:
    """The options of one ``--mount``, which are one line of CSV; names in lower case.

    An unreadable line counts as a mount of the whole context: the builder may read it.
    """
    import csv  # noqa: PLC0415 - most Dockerfiles mount nothing

    try:
        fields = next(csv.reader([value], strict=True), [])
    except (csv.Error, StopIteration):
        return {}
    options = {}
    for one in fields:
        name, _, text = one.partition("=")
        options[name.strip().lower()] = text
    return options


def is_heredoc(word: str, names: set[str]) -> bool:
    """True if `word` begins one of the heredocs `names`."""
    if "<<" not in word:
        return False
    try:
        found = parse_heredoc(word)
    except ValueError:
        return False
    return found is not None and found.name in names


def whole_text(text: str) -> str:
    r"""`text` without lone surrogates (``\ud800`` in a JSON form), which Go reads as U+FFFD and no terminal prints."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
