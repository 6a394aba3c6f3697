"""The inputs of the Action: action.yml, the code and docs/action.md agree, and errors name bad values."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from weighbridge.action.inputs import Mode, input_variable, read_inputs, secrets_of_inputs
from weighbridge.config import VerifyTips
from weighbridge.domain.gate.settings import OnUnknown
from weighbridge.errors import UsageError
from weighbridge.github.comment import CommentMode

ROOT = Path(__file__).parents[3]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
# The environment of a workflow without inputs.
DEFAULTS = {input_variable(name): str(value.get("default", "")) for name, value in ACTION["inputs"].items()}


class _Asked(dict):
    """An environment that records which names are read."""

    def __init__(self, values):
        super().__init__(values)
        self.names = set()

    def get(self, name, default=None):
        self.names.add(name)
        return super().get(name, default)


def _read(**given):
    return read_inputs(DEFAULTS | {input_variable(name.replace("_", "-")): value for name, value in given.items()})


def test_code_reads_exactly_declared_inputs():
    environment = _Asked(DEFAULTS)
    read_inputs(environment)
    with_underscores = {name.replace("-", "_") for name in DEFAULTS}
    assert environment.names - with_underscores == set(DEFAULTS) - with_underscores


def test_input_with_underscores_is_read():
    given = read_inputs({"INPUT_HEAD_IMAGE": "api=oci:out", "INPUT_MAX_INCREASE": "+1MB"})
    assert given == replace(_read(head_image="api=oci:out", max_increase="+1MB"), token="")


def test_secret_input_with_underscores_is_masked():
    assert secrets_of_inputs({"INPUT_DOCKER_CONFIG": '{"auths": {"r": {"auth": "hidden"}}}'})[-1] == "hidden"


def test_defaults_of_action_equal_defaults_of_code():
    without_token = {name: value for name, value in DEFAULTS.items() if name != "INPUT_TOKEN"}
    assert read_inputs(without_token) == read_inputs({})


def test_action_page_lists_every_input_and_output():
    command = [sys.executable, ROOT / "scripts/action_docs.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (ROOT / "docs/action.md").read_text(encoding="utf-8")
    for name, entry in (ACTION["inputs"] | ACTION["outputs"]).items():
        assert f"| `{name}` | {entry['description']} |" in page


def test_declared_outputs_equal_written_outputs():
    written = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "src/weighbridge/action").glob("*.py"))
    assert all(f'"{name}"' in written for name in ACTION["outputs"])


def test_inputs_set_are_read():
    inputs = _read(
        mode="post",
        images="api\n\n web-* \n",
        all="TRUE",
        build_args="A=1\nB=x=y",
        comment="failures",
        suggestions="0",
        verify_tips="false",
        builder="big",
        build_timeout="90s",
        max_size="500MB",
        max_new_size="100MB",
        on_unknown="warn",
    )
    assert (inputs.mode, inputs.images, inputs.all_images) == (Mode.POST, ("api", "web-*"), True)
    assert (dict(inputs.build_args), inputs.comment) == ({"A": "1", "B": "x=y"}, CommentMode.FAILURES)
    assert (inputs.suggestions, inputs.verify_tips, inputs.builder) == (0, VerifyTips.NEVER, "big")
    assert (inputs.build_timeout_seconds, inputs.limits.max_size.maximum_bytes) == (90, 500_000_000)
    assert (inputs.limits.max_new_size.maximum_bytes, inputs.limits.on_unknown) == (100_000_000, OnUnknown.WARN)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mode", "build"),
        ("all", "yes"),
        ("comment", "sometimes"),
        ("fail-on", "warning"),
        ("check-run", "perhaps"),
        ("max-increase", "150%"),
        ("max-size", "large"),
        ("max-new-size", "large"),
        ("on-unknown", "ignore"),
        ("build-timeout", "soon"),
        ("build-args", "no equals sign"),
        ("build-args", "A=1\nA=2"),
        ("secrets", "KEY<<END\nnever ended"),
        ("docker-config", "[1]"),
        ("docker-config", "not json"),
        ("comment-key", "a-->b"),
        ("suggestions", "-1"),
        ("suggestions", "many"),
        ("verify-tips", "maybe"),
    ],
)
def test_input_invalid_error_names_input(name, value):
    with pytest.raises(UsageError, match=name):
        read_inputs(DEFAULTS | {input_variable(name): value})


def test_mistyped_word_names_nearest_one():
    with pytest.raises(UsageError, match=r"^mode: 'wiegh' is not one of weigh, .* \(did you mean \"weigh\"\?\)\.$"):
        read_inputs(DEFAULTS | {input_variable("mode"): "wiegh"})


def test_secrets_repr_and_errors_omit_them():
    key = "-----BEGIN KEY-----\nabc123\n-----END KEY-----"
    inputs = _read(token="ghs_secret", secrets=f"PIN=1234\nKEY<<END\n{key}\nEND", docker_config='{"auths": {"r": {}}}')
    assert inputs.secrets == {"PIN": "1234", "KEY": key}
    assert not any(text in repr(inputs) for text in ("ghs_secret", "1234", "abc123", "auths"))
    with pytest.raises(UsageError) as caught:
        _read(secrets="hunter2")
    assert "hunter2" not in str(caught.value)


def test_secrets_invalid_are_masked():
    given = {
        "INPUT_TOKEN": "ghs_secret",
        "INPUT_SECRETS": "PIN=1234",
        "INPUT_DOCKER-CONFIG": '{"auths": {"r": {"auth": "dXNlcjpwYXNz"}}}',
    }
    assert {"ghs_secret", "1234", "dXNlcjpwYXNz"} <= set(secrets_of_inputs(given))
    assert "no equals sign" in secrets_of_inputs({"INPUT_SECRETS": "no equals sign"})
    assert "not json" in secrets_of_inputs({"INPUT_DOCKER-CONFIG": "not json"})


def test_plan_and_merge_modes_are_read():
    assert read_inputs({"INPUT_MODE": "plan", "INPUT_MAX-JOBS": "12"}).max_jobs == 12
    inputs = read_inputs({"INPUT_MODE": "merge"})
    assert (inputs.mode, inputs.parts, inputs.max_jobs, inputs.part) == (Mode.MERGE, "parts", 256, None)
    assert str(read_inputs({"INPUT_PART": "3/12"}).part) == "3/12"


@pytest.mark.parametrize(("name", "value"), [("PART", "$(id)"), ("MAX-JOBS", "0"), ("MAX-JOBS", "257")])
def test_part_or_jobs_invalid_raises_error(name, value):
    with pytest.raises(UsageError):
        read_inputs({f"INPUT_{name}": value})


def test_caches_multiline_are_read_and_masked():
    lines = "type=registry,ref=host/c:{image}\ntype=s3,bucket=b,secret_access_key=k3y\n"
    inputs = read_inputs({"INPUT_CACHE-FROM": lines, "INPUT_CACHE-TO": "type=gha,scope={image}"})
    assert [place.type for place in (*inputs.cache_from, *inputs.cache_to)] == ["registry", "s3", "gha"]
    assert "k3y" not in repr(inputs)
    assert "k3y" in secrets_of_inputs({"INPUT_CACHE-FROM": lines})
