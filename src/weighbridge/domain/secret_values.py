"""Finds secret values, and removes them from build output, reports, comments and exceptions.

The name or the shape of a value makes it secret. `SECRET_NAME` and `SECRET_SHAPES` are the only list; docs/gate.md
documents it.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote, quote_plus

HIDDEN = "***"

SECRET_NAME = re.compile(
    r"SECRET|TOKEN(?!IZ)|PASSW(?:OR)?D|PASSPHRASE|(?:_PWD|(?:^|_)(?:PASS|AUTH))(?:$|_)|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIAL",
    re.IGNORECASE | re.ASCII,
)
"""Names of build arguments and environment variables whose values are secret."""

_ALONE = r"(?<![A-Za-z0-9])"
"""The beginning of a word: ``disk-…`` has no token in it."""

_SHAPES: Mapping[str, tuple[str, ...]] = {
    _ALONE + r"gh[pousr]_[A-Za-z0-9]{20,}": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    _ALONE + r"github_pat_[A-Za-z0-9_]{20,}": ("github_pat_",),
    _ALONE + r"glpat-[A-Za-z0-9_-]{16,}": ("glpat-",),
    _ALONE + r"xox[abprs]-[A-Za-z0-9-]{10,}": ("xox",),
    _ALONE + r"(?:AKIA|ASIA)[A-Z0-9]{16}": ("AKIA", "ASIA"),
    _ALONE + r"(?:(?:npm|hf)_[A-Za-z0-9]{20,}|dckr_pat[_-][A-Za-z0-9_-]{20,})": ("npm_", "hf_", "dckr_pat"),
    _ALONE + r"sk[_-](?=[A-Za-z_-]{0,100}[0-9])[A-Za-z0-9_-]{20,}": ("sk-", "sk_"),
    _ALONE + r"eyJ[A-Za-z0-9_-]{10,2048}\.[A-Za-z0-9_-]{10,2048}\.[A-Za-z0-9_-]{5,2048}": ("eyJ",),
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[^-]{0,16384}-----END [A-Z ]{0,40}PRIVATE KEY-----)?": ("-----BEGIN",),
    r"(?<=://)[^/@:\s]{0,200}:(?!\$)[^/@\s]{3,500}(?=@)": ("://",),
}
"""Patterns, and texts of which each match has one: to look for these is much faster than to match the pattern."""
SECRET_SHAPES = tuple(map(re.compile, _SHAPES))
"""Values that are secret whatever their name: tokens of known services, private keys, URLs with a password."""

_SHAPE = re.compile("|".join(_SHAPES))
_PARTS_OF_SHAPES = tuple(itertools.chain.from_iterable(_SHAPES.values()))
_NO_VALUE = r"(?![\"']?(?:[$<`=]|/(?:run|tmp|etc|var|home|root|usr|opt|app)/))"
"""Excludes what is no secret itself: a variable, a placeholder, the path of a file."""
_VALUE = r"(?:(?<=\")[^\"\n]{1,500}|(?<=')[^'\n]{1,500}|[^\s\"'&;|]{1,500})"
_PROSE = r"(?!(?:is|was|are|and|or|in|to|for|of|with|not|needs?|requires?|must|may|has|option|flag|argument|value)\b)"
_OPTION = re.compile(
    r"((?<![\w-])--[a-z-]{0,40}(?:password|passwd|passphrase|token|secret|api-?key|access-?key)"
    rf"(?:=[\"']?|[\"'][,\s]{{1,5}}[\"']|\s{{1,5}}(?!(?:id|type|src)=){_PROSE}[\"']?))"
    rf"{_NO_VALUE}(?!-){_VALUE}",
    re.IGNORECASE | re.ASCII,
)
"""An option of a command with a secret as its value: ``--token=abc``, ``--token abc``, ``"--token", "abc"``."""
_ASSIGNMENT = re.compile(
    r"((?<![\w.$/-])(?P<name>[A-Za-z_][\w.-]{0,100}(?<!_FILE)(?<!_PATH)(?<!_DIR))=[\"']?)"
    r"(?!(?:true|false|(?:[0-9]{1,3}:)?[0-9]{1,9}\.[\w.+~:*-]*)(?![^\s\"'&;|]))"
    rf"{_NO_VALUE}{_VALUE}",
    re.ASCII,
)
"""A variable and its value. A version is no secret: ``apt-get install passwd=1:4.13``."""
_USER = re.compile(
    r"((?<!\S)[\"']?(?:-[A-Za-z]{0,10}[uU]|--(?:proxy-)?user)(?:=|[\"'][,\s]{1,5}|\s{1,5}|)"
    r"(?P<quote>[\"'])?(?P<user>[^\s:\"'$-][^\s:\"'$]{0,100}):)"
    rf"(?!(?:(?P=user)|[0-9]+)(?![^\s\"'])){_NO_VALUE}(?(quote)[^\"'\n]|[^\s\"']){{1,500}}",
    re.ASCII,
)
"""``-u user:password`` of curl, and not the ids or the same name twice of ``docker run -u app:app``."""
_HEADER = re.compile(
    r"((?<![\w-])(?:Authorization:\s{0,5}(?:Bearer|Basic|Token)|(?:X-[A-Z-]{0,40}|PRIVATE-|JOB-|DEPLOY-)(?:Token|Key):)\s{1,5})"
    rf"{_NO_VALUE}[^\s\"']{{3,500}}",
    re.IGNORECASE | re.ASCII,
)
"""A header of HTTP with a credential."""
_IN_COMMANDS = (("--", _OPTION), ("=", _ASSIGNMENT), ("curl", _USER), (": ", _HEADER))
"""Secrets in command lines, and a text that each of them needs: to look for it is fast. Group 1 is shown."""
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
    return SECRET_NAME.search(name) is not None or any(shape.search(value) for shape in SECRET_SHAPES)


class SecretMask:
    """Removes secret values from text, also in base64, URL-encoded and JSON-escaped form, and folded into lines.

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
        """True if it has values of its own. It removes what has the shape of a secret without any."""
        return self._pattern is not None

    def text(self, text: str) -> str:
        """`text` with ``***`` for each secret."""
        return self._replaced(text, known="")

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
            kept = match[1] if match.re.groups else ""
            named = "name" in match.re.groupindex and SECRET_NAME.search(match["name"]) is None
            return match[0] if named or (known and match[0][len(kept) :] in known) else f"{kept}{HIDDEN}"

        if self._pattern is not None:
            text = self._pattern.sub(shown, text)
        for part, pattern in _IN_COMMANDS:
            if part in text:
                text = pattern.sub(shown, text)
        return _SHAPE.sub(shown, text) if any(part in text for part in _PARTS_OF_SHAPES) else text

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
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # At each of three offsets in a longer text, without the characters that depend on the neighbours.
            for lead in range(3):
                encoded = encode(bytes(lead) + data).decode().rstrip("=")
                start = (lead * 8 + 5) // 6
                end = (lead + len(data)) * 8 // 6
                yield encoded[start:end]
