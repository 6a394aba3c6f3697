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
