"""Bake files in HCL, read without buildx: plain targets, inheritance, variables, and what stays unknown."""

from __future__ import annotations

import pytest
from linear_time import assert_linear

from weighbridge.plan.evidence.bake_hcl import bake_commands
from weighbridge.plan.evidence.model import HOLE

BASE = 'variable "DIR" { default = "services" }\ntarget "_common" {\n  context = "."\n}\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('target "a" {\n  dockerfile = "x/Dockerfile"\n}\n', [("x/Dockerfile", ".", 2)]),
        ('target "a" {\n  context = "src" # why\n  dockerfile = "../D"\n}\n', [("../D", "src", 2)]),
        ('target "a" { context = "src" }\n', [(None, "src", 1)]),
        (
            BASE + 'target "a" {\n  inherits = ["_common"]\n  dockerfile = "x/Dockerfile"\n}\n',
            [(None, ".", 3), ("x/Dockerfile", ".", 7)],
        ),
        (BASE + 'target "a" {\n  context = "${DIR}/a"\n}\n', [(None, ".", 3), (None, "services/a", 6)]),
        (BASE + 'target "a" {\n  context = DIR\n}\n', [(None, ".", 3), (None, "services", 6)]),
        ('target "a" {\n  context = "x/${NAME}"\n}\n', [(None, f"x/{HOLE}NAME{HOLE}", 2)]),
        ('target "a" {\n  context = f("x")\n}\n', [(None, f"{HOLE}value{HOLE}", 2)]),
        (
            'target "a" {\n  args = {\n    X = "1"\n  }\n  tags = [\n    "a",\n  ]\n  context = "src"\n}\n',
            [(None, "src", 8)],
        ),
        ('/* target "no" {} */\n// target "no" {}\ngroup "default" { targets = ["a"] }\n', []),
        ('target "a" {\n  dockerfile-inline = <<EOT\nFROM x\nCOPY } /\nEOT\n}\n', []),
        ('target "a" {\n  matrix = { m = ["x"] }\n  context = "src"\n}\n', []),
        ('target "a" {\n  context = "https://example.org/r.git"\n}\n', []),
        ('target "a" {\n  context = "src"\n', []),
    ],
)
def test_targets_give_dockerfile_context_and_line(text: str, expected: list[tuple[str | None, str, int]]) -> None:
    assert [(one.dockerfile, one.context, one.line) for one in bake_commands(text, "docker-bake.hcl")] == expected


def test_inheritance_in_circle_ends() -> None:
    text = 'target "a" { inherits = ["b"] }\ntarget "b" { inherits = ["a"] }\n'
    assert [one.context for one in bake_commands(text, "docker-bake.hcl")] == [".", "."]


@pytest.mark.parametrize("repeated", ["{", 'target "a" {\n', '"', "<<E\n", "/*"])
def test_hostile_file_is_read_in_linear_time(repeated: str) -> None:
    assert_linear(lambda size: list(bake_commands(repeated * size, "docker-bake.hcl")), largest=12_000)
