"""The catalogue of lint codes, their rules and their pages say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.rules import RULES

ROOT = Path(__file__).resolve().parents[4]


def test_every_code_but_parse_error_has_rule_in_order_of_catalogue() -> None:
    assert list(RULES) == [code for code in LintCode if code is not LintCode.DOCKERFILE_ERROR]


@pytest.mark.parametrize("code", RULES)
def test_docstring_of_rule_begins_with_its_code_or_its_instructions(code: LintCode) -> None:
    assert RULES[code].__doc__


@pytest.mark.parametrize("code", RULES)
def test_page_and_index_row_of_code_exist(code: LintCode) -> None:
    assert (ROOT / code.page).is_file()
    assert f"[`{code}`]({code}.md)" in (ROOT / "docs" / code.folder / "README.md").read_text()
    assert code.summary in (ROOT / "docs" / code.folder / "README.md").read_text()


@pytest.mark.parametrize("code", [code for code in RULES if code.folder == "checks"])
def test_index_gives_severities_of_catalogue(code: LintCode) -> None:
    row = f"| [`{code}`]({code}.md) | {', '.join(code.severities)} | {code.summary} |"
    assert row in (ROOT / "docs/checks/README.md").read_text().splitlines()
