"""Finds secret values, and removes them from build output, reports, comments and exceptions.

The name or the shape of a value makes it secret: `secret_patterns` has the list.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence

from weighbridge.domain.secret_patterns import COMMANDS, SECRET_NAME, SHAPES

HIDDEN = "***"

_BETWEEN_WORDS = '" "'
_SHORTEST = 5
_SHORTEST_FOLDED = 24
"""Shorter forms are not followed over several lines: they fit in two, which are compared as a whole."""
_SEED = 12
_SHORTEST_PIECE = 16
_MAXIMUM_PLACES = 30
_MAXIMUM_VALUES = 500
_MAXIMUM_LENGTH = 65_536


def is_secret(name: str, value: str) -> bool:
    """True if the name or the shape of a value marks it as secret."""
    lower = value.lower()
    return SECRET_NAME.search(name) is not None or any(
        shape.may_match(value, lower) and shape.pattern.search(value) for shape in SHAPES
    )


class SecretMask:
    """Removes secret values from text, also in base64, behind escapes of URLs, JSON and others, and folded into lines.

    Removes any value with the shape of a secret too. Keeps values shorter than five characters: they occur in any text.
    """

    def __init__(self, values: Iterable[str]) -> None:
        forms = {
            form
            for value in list(dict.fromkeys(values))[:_MAXIMUM_VALUES]
            for form in _forms(value[:_MAXIMUM_LENGTH])
            if len(form) >= _SHORTEST
        }
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None
        self._folded = "\n".join(form for form in longest_first if len(form) >= _SHORTEST_FOLDED)

    def __bool__(self) -> bool:
        """True if it has secret values. Without them it still masks texts with the shape of a secret."""
        return self._pattern is not None

    def text(self, text: str) -> str:
        """`text` with ``***`` for each secret."""
        return self._replaced(text, known="")

    def may_be_in_path_of(self, names: str) -> bool:
        """False if no path has a secret whose parts are `names`, a text with a slash after each but the last.

        Looks only for the texts that each match contains: in the names, which are much shorter than the paths. A text
        with a slash is in a path only if a name ends with its beginning.
        """
        if self._pattern is not None:
            return True
        text = f"{names}/"
        parts = {part for one in (*COMMANDS, *SHAPES) for part in one.parts}
        return any(part.partition("/")[0] + "/" in text if "/" in part else part in text for part in parts)

    def words(self, words: Sequence[str]) -> tuple[str, ...]:
        """The words of a command with ``***`` for each secret, also after an option in the word before."""
        shown = self.text(f'"{_BETWEEN_WORDS.join(words)}"')[1:-1].split(_BETWEEN_WORDS)
        return tuple(shown) if len(shown) == len(words) else tuple(map(self.text, words))

    def patch(self, patch: str) -> str:
        """A unified diff with ``***`` for the secrets that only its added lines have.

        Its other lines are text of the repository, where everybody reads them already; unchanged, the patch applies.
        """
        lines = patch.split("\n")
        known = "\n".join(line[1:] for line in lines if not line.startswith("+"))
        return "\n".join(self._replaced(line, known=known) if line.startswith("+") else line for line in lines)

    def _replaced(self, text: str, *, known: str) -> str:
        """`text` with ``***`` for each secret that `known` does not have."""

        def shown(match: re.Match[str]) -> str:
            groups = match.re.groupindex
            kept = match["kept"] if "kept" in groups else ""
            named = "name" in groups and SECRET_NAME.search(match["name"]) is None
            return match[0] if named or (known and match[0][len(kept) :] in known) else f"{kept}{HIDDEN}"

        if self._pattern is not None:
            text = self._pattern.sub(shown, text)
            text = self._without_escaped(text, known)
        lower = text.lower()
        for one in (*COMMANDS, *SHAPES):
            if one.may_match(text, lower):
                text = one.pattern.sub(shown, text)
        return text

    def _without_escaped(self, text: str, known: str) -> str:
        """`text` with ``***`` for each secret behind escapes that `known` does not have."""
        from weighbridge.domain.escaped_text import found_behind_escapes  # noqa: PLC0415 - only a run with secrets needs it

        assert self._pattern is not None
        kept, at = [], 0
        for start, end in found_behind_escapes(text, self._pattern):
            is_known = bool(known) and text[start:end] in known
            kept += [text[at:start], text[start:end] if is_known else HIDDEN]
            at = end
        return "".join([*kept, text[at:]]) if kept else text

    def across(self, first: str, second: str) -> tuple[int, int]:
        """The part of a secret across the border of two lines: characters at the end of `first`, and of `second`.

        Finds a secret in two lines, and a piece of one that a program folds into many lines, such as ``base64``.
        """
        if self._pattern is None:
            return 0, 0
        border = len(first)
        for match in self._pattern.finditer(first + second):
            if match.start() < border < match.end():
                return border - match.start(), match.end() - border
        return self._folded_across(first, second)

    def _folded_across(self, first: str, second: str) -> tuple[int, int]:
        """The same for pieces of a form: its text continues from `first` in `second`, also after an indentation."""
        before, after = first.rstrip(), second.strip().rstrip("=")
        indent = len(second) - len(second.lstrip())
        left, right = max(
            (self._around(at, before, after) for at in self._places(before, after)), key=sum, default=(0, 0)
        )
        if left + right < _SHORTEST_PIECE:
            return 0, 0
        return left and left + len(first) - len(before), right and right + indent

    def _places(self, before: str, after: str) -> Iterator[int]:
        """The places in the forms where `after` may begin, up to a bound.

        The beginning of `after` finds them, and where a form ends there, the end of `before`.
        """
        for lead, begin in (("", after[:_SEED]), (before[-_SEED:], after[:1])):
            seed = lead + begin
            at = self._folded.find(seed) if after and len(seed) >= _SEED else -1
            for _ in range(_MAXIMUM_PLACES):
                if at < 0:
                    break
                yield at + len(lead)
                at = self._folded.find(seed, at + 1)

    def _around(self, at: int, before: str, after: str) -> tuple[int, int]:
        """How many characters of `before` and of `after` are those around a place in the forms."""
        left = _common_length(reversed(before), reversed(self._folded[max(0, at - len(before)) : at]))
        return left, _common_length(after, self._folded[at : at + len(after)])


ANY_SECRET = SecretMask(())
"""Masks what is secret by its own name or shape, for texts outside of a run with secrets."""


def _common_length(one: Iterable[str], other: Iterable[str]) -> int:
    """The number of leading characters that are equal."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _forms(value: str) -> Iterator[str]:
    """The forms in which a program may print a value, and each line of a value with several lines."""
    import base64  # noqa: PLC0415 - most masks have no values
    from urllib.parse import quote, quote_plus  # noqa: PLC0415 - as above

    for one in (value, value.strip(), *(value.strip().split("\n") if "\n" in value.strip() else ())):
        one = one.strip("\r")  # noqa: PLW2901 - the line without its end
        if len(one) < _SHORTEST:
            continue
        yield one
        yield json.dumps(one)[1:-1]
        yield json.dumps(one, ensure_ascii=False)[1:-1]
        yield quote(one, safe="")
        yield quote(one)
        yield quote_plus(one)
        data = one.encode("utf-8", "surrogateescape")
        for digits in (data.hex(), data.hex().upper()):
            yield digits
            yield "".join(f"%{digits[at : at + 2]}" for at in range(0, len(digits), 2))
        yield base64.b32encode(data).decode().rstrip("=")[: len(data) * 8 // 5]
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # At each of three offsets in a longer text, without the characters that depend on the neighbours.
            for lead in range(3):
                encoded = encode(bytes(lead) + data).decode().rstrip("=")
                start = (lead * 8 + 5) // 6
                end = (lead + len(data)) * 8 // 6
                yield encoded[start:end]
