"""The steps in our documents that use the Action: valid YAML, known inputs, and references that can be parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from weighbridge.action.inputs import input_variable, read_inputs
from weighbridge.action.ready_images import image_pairs

ROOT = Path(__file__).parents[3]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
READY_IMAGES = ROOT / "docs/ready-images.md"
BUILDERS = ("build-push-action", "bazel", "nix", "ko", "jib", "kaniko", "pack")
_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}")


def inputs_of(action_file: Path) -> dict[str, Any]:
    document = yaml.safe_load(action_file.read_text(encoding="utf-8"))
    return dict(document["inputs"])


INPUTS = {
    "OWNER/weighbridge@v1": inputs_of(ROOT / "action.yml"),
    "OWNER/weighbridge/setup@v1": inputs_of(ROOT / "setup/action.yml"),
}
VARIABLES = {input_variable(name).replace("-", "_") for name in INPUTS["OWNER/weighbridge@v1"]}
"""As shells can set them: `weighbridge action` takes both spellings."""


def steps_in(value: object) -> Iterator[dict[str, Any]]:
    """All steps within a YAML document: mappings with `uses` or `run`."""
    if isinstance(value, dict):
        if "uses" in value or "run" in value:
            yield value
        for member in value.values():
            yield from steps_in(member)
    elif isinstance(value, list):
        for member in value:
            yield from steps_in(member)


def documented_steps(document: Path) -> list[dict[str, Any]]:
    blocks = _BLOCK.findall(document.read_text(encoding="utf-8"))
    return [step for block in blocks for step in steps_in(yaml.safe_load(block))]


STEPS = [(document.name, step) for document in DOCUMENTS for step in documented_steps(document)]


def test_steps_of_documents_name_known_inputs() -> None:
    ours = [(name, step) for name, step in STEPS if step.get("uses") in INPUTS]
    unknown = [
        (name, sorted(set(step.get("with") or {}) - INPUTS[step["uses"]].keys()))
        for name, step in ours
        if set(step.get("with") or {}) - INPUTS[step["uses"]].keys()
    ]
    assert len(ours) > 15
    assert unknown == []


def test_steps_of_documents_set_known_variables() -> None:
    given = {name for _, step in STEPS for name in (step.get("env") or {}) if name.startswith("INPUT_")}
    assert given
    assert given <= VARIABLES


def compare_steps() -> list[dict[str, str]]:
    return [dict(step["with"]) for _, step in STEPS if (step.get("with") or {}).get("mode") == "compare"]


@pytest.mark.parametrize("given", compare_steps(), ids=lambda given: given["head-image"].strip())
def test_documented_references_are_parsed(tmp_path: Path, given: dict[str, str]) -> None:
    variables = {
        input_variable(name): _EXPRESSION.sub("x", value) for name, value in given.items() if name.endswith("-image")
    }
    pairs = image_pairs(read_inputs({**variables, "INPUT_MODE": "compare"}), tmp_path)
    assert [pair.name for pair in pairs] == ["api"]


@pytest.mark.parametrize("builder", BUILDERS)
def test_builder_has_example_that_weighs_what_it_wrote(builder: str) -> None:
    text = READY_IMAGES.read_text(encoding="utf-8").partition("\n## Builders")[2]
    examples = [block for block in _BLOCK.findall(text) if re.search(rf"\b{builder}\b|{builder}BuildTar", block)]
    (example,) = examples
    *building, weighing = list(steps_in(yaml.safe_load(example)))
    _, _, place = weighing["with"]["head-image"].partition("=")[2].partition(":")
    written = " ".join(str(step) for step in building)
    assert place in written or builder == "jib"
