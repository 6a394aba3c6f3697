"""Variables in words: the short way for simple words gives what the lexer gives."""

from __future__ import annotations

import pytest

from weighbridge.domain.dockerfile.variables import ExpansionBudget, Scope


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize(
    "word",
    [
        '"a b"',
        "'$A'",
        "$A",
        "${A}b",
        '"x/${A}/$B"',
        "$B",
        "${B}",
        "$A$B$C",
        '"$A',
        "'",
        '"',
        '""',
        "a$",
        "$1",
        "${A:-x}",
        "$A'b'",
        "é$A",
        '"a"b"',
        "x y $A",
        "\t$A ",
        "${A",
        "$",
        '"$"',
        "a\\$A",
        "$é",
        "${}",
    ],
)
def test_simple_word_expands_as_by_lexer(word: str, *, complete: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"A": "1", "C": None}
    fast = Scope(escape="\\", complete=complete, budget=ExpansionBudget(), values=values).expand(word)
    monkeypatch.setattr(Scope, "_expand_simple", lambda _, __: None)
    assert fast == Scope(escape="\\", complete=complete, budget=ExpansionBudget(), values=values).expand(word)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        pytest.param("'" + "x" * 4_097 + "'", None, id="long word without variables"),
        pytest.param("'x'", "x", id="short word without variables"),
        pytest.param("${A%%" + "x" * 4_097 + "}", None, id="long braces"),
        pytest.param("${A%%a*b*c*}", None, id="many stars"),
        pytest.param("${A%%*2}", "", id="pattern"),
        pytest.param("${L%%*2}", None, id="pattern on a long value"),
        pytest.param("$L" * 600, None, id="many long values"),
    ],
)
def test_word_beyond_limits_is_unknown_and_as_written(word: str, expected: str | None) -> None:
    scope = Scope(escape="\\", complete=True, budget=ExpansionBudget(), values={"A": "12", "L": "y" * 2_000})
    found = scope.expand(word)
    assert found.text == (word if expected is None else expected)
    assert bool(found.unknown) is (expected is None)
