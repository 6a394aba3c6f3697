"""Variables of a Dockerfile from ``ARG`` and ``ENV``. Expands words as BuildKit does.

A Dockerfile is hostile input, and its variables can double in length with each line. So expansion has limits; beyond
them a word counts as unknown, which is always a safe result here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from e2b_dockerfile_utils import ShellLex

_MAXIMUM_VALUE = 4_096
_MAXIMUM_EXPANSION = 1_048_576
_MAXIMUM_BRACED_WORD = 4_096
_MAXIMUM_PATTERN_VALUE = 256
_MAXIMUM_STARS = 2
_MAXIMUM_VARIABLES = 4_096
_EXPANSION_BUDGET = 2_097_152
_PLAIN_VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_PLAIN_WORD = re.compile(r"(?:[^$]|\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\}))*")
_NAME = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")


class Expanded(NamedTuple):
    """A word after expansion; `unknown` names variables without a known value, which `text` still contains."""

    text: str
    unknown: tuple[str, ...] = ()


class ExpansionBudget:
    """The number of characters that expansion may still produce for one Dockerfile."""

    def __init__(self) -> None:
        self.characters = _EXPANSION_BUDGET


class Scope:
    """The variables at one place of a Dockerfile.

    `complete` means that no other variables are set (before the first ``FROM`` and on ``scratch``), so an unset
    variable is empty. Otherwise the base image may set it, and it is unknown.
    """

    def __init__(
        self, *, escape: str, complete: bool, budget: ExpansionBudget, values: Mapping[str, str | None] | None = None
    ) -> None:
        self._escape = escape
        self._budget = budget
        self.complete = complete
        self._values: dict[str, str | None] = dict(values or {})
        self._environment: set[str] = set()
        self._longest = max((len(value) for value in self._values.values() if value), default=0)

    def child(self) -> Scope:
        """A scope with the current variables, for a child stage."""
        scope = Scope(escape=self._escape, complete=self.complete, budget=self._budget, values=self._values)
        scope._environment = set(self._environment)
        return scope

    def set_environment(self, name: str, value: Expanded) -> None:
        """Set a variable of ``ENV``."""
        self.set(name, value)
        if name in self._values:
            self._environment.add(name)

    def set_argument(self, name: str, value: Expanded) -> None:
        """Set a variable of ``ARG``.

        It is unknown if ``ENV`` sets it too (builders disagree on which one counts), and if every image sets it.
        """
        if name in self._environment or name == "PATH":
            value = Expanded(text="", unknown=(name,))
        self.set(name, value)

    def set(self, name: str, value: Expanded) -> None:
        """Set a variable. A value that is unknown or beyond the limits is stored as unknown."""
        if name not in self._values and len(self._values) >= _MAXIMUM_VARIABLES:
            self.complete = False
            return
        known = not value.unknown and len(value.text) <= _MAXIMUM_VALUE
        self._values[name] = value.text if known else None
        self._longest = max(self._longest, len(value.text) if known else 0)

    def expand(self, word: str) -> Expanded:
        """`word` without quotes and escapes, its variables expanded (BuildKit's ``shell.Lex.ProcessWord``).

        Returns a word that BuildKit would refuse (a bad substitution, an open quote) as written and unknown: the build
        reports the error.
        """
        if "$" not in word and "'" not in word and '"' not in word and self._escape not in word:
            return Expanded(text=word)
        if self._is_beyond_bounds(word):
            return Expanded(text=word, unknown=_names(word))
        simple = self._expand_simple(word)
        if simple is not None:
            return simple
        values = _Recorder(self._values, complete=self.complete)
        lex = ShellLex(self._escape, env=values, skip_unset_env=not self.complete)
        try:
            text = lex.process_word(word)
        except (ValueError, RecursionError, re.error):
            return Expanded(text=word, unknown=_names(word))
        self._budget.characters -= len(text)
        return Expanded(text=text, unknown=tuple(dict.fromkeys(values.missed)))

    def _expand_simple(self, word: str) -> Expanded | None:
        """`word` expanded if it has plain variables and outer quotes only: as the lexer does, ten times as fast."""
        inner = word
        if word[:1] in {'"', "'"} and len(word) > 1 and word[-1] == word[0]:
            inner = word[1:-1]
        if self._escape in word or "'" in inner or '"' in inner:
            return None
        if word[:1] == "'":
            return Expanded(text=inner) if inner is not word else None
        if _PLAIN_WORD.fullmatch(inner) is None:
            return None
        missed: dict[str, None] = {}

        def value_of(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            value = self._values.get(name)
            if value is not None:
                return value
            if self.complete and name not in self._values:
                return ""
            missed[name] = None
            return "" if self.complete else match[0]

        text = _PLAIN_VARIABLE.sub(value_of, inner)
        self._budget.characters -= len(text)
        return Expanded(text=text, unknown=tuple(missed))

    def _is_beyond_bounds(self, word: str) -> bool:
        dollars = word.count("$")
        if not dollars:
            return len(word) > _MAXIMUM_VALUE
        if len(word) + dollars * self._longest > min(_MAXIMUM_EXPANSION, self._budget.characters):
            return True
        if "${" not in word:
            return False
        if len(word) > _MAXIMUM_BRACED_WORD:
            return True
        if "*" not in word:
            return False
        # Patterns (${X%%*}) become regular expressions, whose cost is a power of the value's length.
        named = [self._values.get(name) or "" for name in _NAME.findall(word)]
        longest = max(map(len, named), default=0) if word.isascii() else self._longest
        return word.count("*") > _MAXIMUM_STARS or longest > _MAXIMUM_PATTERN_VALUE


class _Recorder(Mapping[str, str]):
    """The values for the lexer. Records unknown variables."""

    def __init__(self, values: Mapping[str, str | None], *, complete: bool) -> None:
        self._values = values
        self._complete = complete
        self.missed: list[str] = []

    def __getitem__(self, name: str) -> str:
        value = self._values.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def get(self, name: str, default: object = None) -> str | None:  # type: ignore[override]
        """The value, or ``None``; an unset variable is empty in a complete scope."""
        del default
        value = self._values.get(name)
        if value is None and not (self._complete and name not in self._values):
            self.missed.append(name)
        return value


def _names(word: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_NAME.findall(word))) or ("?",)
