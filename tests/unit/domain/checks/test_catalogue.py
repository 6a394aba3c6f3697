"""The catalogue, the docs and the code say the same of each check."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

from weighbridge.domain.checks import libc, runtime, secrets, shell
from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.check import RULES

ROOT = Path(__file__).resolve().parents[4]
DOMAIN = ROOT / "src/weighbridge/domain"
INDEX = (ROOT / "docs/checks/README.md").read_text()
MODULES = {
    ".".join(path.relative_to(DOMAIN).with_suffix("").parts): path.read_text()
    for folder in ("checks", "start")
    for path in (DOMAIN / folder).rglob("*.py")
    if path.stem != "catalogue"
}


@pytest.mark.parametrize("code", CheckCode)
def test_index_row_of_code_gives_its_severities_and_summary(code: CheckCode) -> None:
    row = f"| [`{code}`]({code}.md) | {', '.join(code.severities)} | {code.summary} |"
    assert row in INDEX.splitlines()


@pytest.mark.parametrize("code", CheckCode)
def test_page_of_code_exists(code: CheckCode) -> None:
    assert (ROOT / code.page).is_file()


@pytest.mark.parametrize("code", CheckCode)
def test_found_by_names_modules_that_use_code(code: CheckCode) -> None:
    assert code.found_by
    for module in code.found_by:
        assert re.search(rf"CheckCode\.{code.name}\b", MODULES[module]), module


def test_codes_are_literals_only_in_catalogue() -> None:
    written = {(module, code) for module, text in MODULES.items() for code in CheckCode if f'"{code}"' in text}
    assert written == set()


def test_code_is_text() -> None:
    assert CheckCode("shell-missing") is CheckCode.SHELL_MISSING
    assert f"{CheckCode.SHELL_MISSING}" == "shell-missing"


@pytest.mark.parametrize("module", [libc, runtime, secrets, shell])
def test_every_rule_of_module_runs(module: ModuleType) -> None:
    functions = dict(inspect.getmembers(module, inspect.isfunction)).items()
    found = {name for name, one in functions if one.__annotations__.get("return") == "Iterator[Finding]"}
    public = {name for name in found if not name.startswith("_")}
    assert public == {rule.__name__ for rule in module.RULES}
    assert set(module.RULES) <= set(RULES)
