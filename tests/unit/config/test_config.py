"""The configuration is read whole or refused with its file and line."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from linear_time import assert_linear

from weighbridge.config import (
    OPTIONAL_TIPS,
    Config,
    ImageSettings,
    Tips,
    VerifyTips,
    config_schema,
    load_config,
    parse_config,
)
from weighbridge.domain.gate.limits import parse_limit, parse_size_limit
from weighbridge.domain.gate.settings import FailOn, Limits
from weighbridge.domain.tips.find import OPTIONAL_CODES
from weighbridge.errors import ConfigError

EVERY_KEY = """\
version: 1
limits: { max-increase: "+10%", max-size: "500MB" }
discover: { exclude: ["examples/**"] }
images:
  api:
    dockerfile: services/api/Dockerfile
    context: .
    target: runtime
    platforms: [linux/amd64, linux/arm64]
    build-args: { VERSION: "1" }
    limits: { max-increase: "+2MB" }
checks:
  fail-on: regression
  ignore: [{ code: runtime-ca-missing, image: api, reason: "talks to localhost only" }]
tips:
  verify: true
  ladder: false
  minimum-saving: 1MB
  include: [locale-doc-man]
  maximum-builds: 4
  maximum-builds-in-all: 20
  build-time-limit: 90s
  time-limit: 5m
  disk-limit: 5GB
override: { label: "weighbridge: allow" }
history: { branch: weighbridge-data }
"""


def parse(text: str) -> Config:
    return parse_config(text.encode())


def test_every_key_of_design_is_read():
    config = parse(EVERY_KEY)
    assert config.limits == Limits(max_increase=parse_limit("+10%"), max_size=parse_size_limit("500MB"))
    assert config.discover.exclude == ("examples/**",)
    assert config.images == {
        "api": ImageSettings(
            name="api",
            line=6,
            dockerfile="services/api/Dockerfile",
            context=".",
            target="runtime",
            platforms=("linux/amd64", "linux/arm64"),
            build_args={"VERSION": "1"},
            limits=Limits(max_increase=parse_limit("+2MB")),
        )
    }
    assert config.fail_on is FailOn.REGRESSION
    assert [(one.code, one.image, one.reason) for one in config.checks.ignore] == [
        ("runtime-ca-missing", "api", "talks to localhost only")
    ]
    assert config.tips == Tips(
        verify=VerifyTips.AFTER_VERDICT,
        ladder=False,
        minimum_saving_bytes=1_000_000,
        include=("locale-doc-man",),
        maximum_builds=4,
        maximum_builds_in_all=20,
        build_time_limit_seconds=90,
        time_limit_seconds=300,
        disk_limit_bytes=5_000_000_000,
    )
    assert config.override.label == "weighbridge: allow"


def test_optional_tips_equal_those_of_code():
    assert OPTIONAL_TIPS == OPTIONAL_CODES


def test_schema_and_parser_accept_same_files():
    jsonschema.Draft202012Validator.check_schema(config_schema())
    jsonschema.validate(yaml.safe_load(EVERY_KEY), config_schema())
    wrong = yaml.safe_load(EVERY_KEY) | {"limit": {}}
    assert not jsonschema.Draft202012Validator(config_schema()).is_valid(wrong)


def test_missing_file_gives_defaults(tmp_path):
    assert load_config(tmp_path) == Config()
    assert Config().fail_on is FailOn.REGRESSION


def test_empty_file_is_defaults():
    assert parse("# nothing yet\n") == Config(path=".github/weighbridge.yml")


def test_file_is_found_in_repository_or_by_name(tmp_path):
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github/weighbridge.yml").write_text("limits: {max-size: 1MB}\n")
    assert load_config(tmp_path).limits.max_size.maximum_bytes == 1_000_000
    other = tmp_path / "other.yml"
    other.write_text("limits: {max-size: 2MB}\n")
    assert load_config(tmp_path, other).limits.max_size.maximum_bytes == 2_000_000


def test_named_file_missing_raises_error():
    with pytest.raises(ConfigError, match=r"^no/such\.yml: no such file$"):
        load_config(Path(), Path("no/such.yml"))


def test_folder_as_configuration_file_raises_error(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the file: Is a directory"):
        load_config(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 1\nlimit: {}\n", ':2: unknown key "limit" (did you mean "limits"?)'),
        (
            "images:\n  a:\n    dockerfile: D\n    contxt: .\n",
            ':4: unknown key "contxt" in images.a (did you mean "context"?)',
        ),
        ("tips: {maximum-build: 1}\n", ':1: unknown key "maximum-build" in tips (did you mean "maximum-builds"?)'),
        ("tips: {maximum-builds: 0}\n", ":1: tips.maximum-builds must be a number from 1 to 1000, not 0"),
        (
            "tips: {maximum-builds-in-all: many}\n",
            ":1: tips.maximum-builds-in-all must be a number from 1 to 1000, not many",
        ),
        ("tips: {time-limit: soon}\n", ":1: tips.time-limit: 'soon' is not a duration. Write 90s, 30m or 1h"),
        ("limits: {}\n\nlimits: {}\n", ':3: duplicate key "limits" (first on line 1)'),
        ("images:\n  a: {dockerfile: D}\n  a: {dockerfile: E}\n", ':3: duplicate key "a" in images (first on line 2)'),
        ("version: 2\n", ":1: version 2 is unsupported: this program reads version 1"),
        ("- a\n", ":1: the file must be a mapping (key: value), not a list"),
        ("limits: 5\n", ":1: limits must be a mapping (key: value), not a single value"),
        ("limits:\n  max-size: [1]\n", ":2: limits.max-size must be a text, not a list"),
        ("limits:\n  max-size: 500\n", ':2: limits.max-size: "500" has no unit: write 500MB, 500MiB or 500B'),
        (
            "limits:\n  max-increase: 150%\n",
            ':2: limits.max-increase: "150%" is ambiguous: write "+150%" for a growth of 150%'
            " (for a maximum size use max-size: 500MB)",
        ),
        ("images:\n  a: {context: .}\n", ':2: images.a: context needs the key "dockerfile"'),
        (
            "images: {a: {dockerfile: ../D}}\n",
            ":1: images.a.dockerfile: '../D' is outside of the repository; write it from its root",
        ),
        (
            "images: {a: {dockerfile: /D}}\n",
            ":1: images.a.dockerfile: '/D' is outside of the repository; write it from its root",
        ),
        (
            "images: {a: {dockerfile: D, context: 'https://example.org/x.git'}}\n",
            ":1: images.a.context: 'https://example.org/x.git' is a URL; only folders of the repository can be weighed",
        ),
        (
            "images: {a: {dockerfile: D, platforms: [amd64]}}\n",
            ":1: images.a.platforms[0]: 'amd64' is not a platform such as linux/arm64",
        ),
        (
            "images: {a: {dockerfile: D, build-args: {X: }}}\n",
            ':1: images.a.build-args.X has no value (an empty text is "")',
        ),
        (
            "images: {a: {dockerfile: D, build-args: {1X: a}}}\n",
            ":1: images.a.build-args: '1X' is not a valid name of a build argument",
        ),
        (
            "checks:\n  fail-on: regresion\n",
            ":2: checks.fail-on must be one of error, regression, never, not 'regresion'"
            ' (did you mean "regression"?)',
        ),
        (
            "checks:\n  ignore:\n    - code: shell-missing\n",
            ':3: checks.ignore[0]: the key "reason" is missing: say why shell-missing is accepted',
        ),
        (
            "checks:\n  ignore:\n    - { code: shell-mising, reason: x }\n",
            ':3: checks.ignore[0].code: no check has the code "shell-mising". Did you mean "shell-missing"?',
        ),
        (
            "limits: { on-unknown: pass }\n",
            ":1: limits.on-unknown must be one of fail, warn, not 'pass'",
        ),
        ("checks: {ignore: {code: x}}\n", ":1: checks.ignore must be a list, not a mapping"),
        (
            "tips: {include: [locale-docs]}\n",
            ":1: tips.include[0] must be one of locale-doc-man, not 'locale-docs' (did you mean \"locale-doc-man\"?)",
        ),
        ("tips: {verify: 'yes'}\n", ":1: tips.verify must be one of after-verdict, default-branch, never, not 'yes'"),
        ("override: {label: ''}\n", ":1: override.label must not be empty"),
        ("limits: {ratchet: {since: v1}}\n", ':1: limits.ratchet: the key "max-increase" is missing'),
        ("limits: {ratchet: {max-increase: +1%}}\n", ':1: limits.ratchet: the key "since" is missing'),
        (
            "limits: {ratchet: {since: '--help', max-increase: +1%}}\n",
            ":1: limits.ratchet.since: '--help' is not a tag, a commit, or a day such as 2026-01-31",
        ),
        (
            "limits: {ratchet: {since: main..v1, max-increase: +1%}}\n",
            ":1: limits.ratchet.since: 'main..v1' is not a tag, a commit, or a day such as 2026-01-31",
        ),
        (
            "limits: {ratchet: {since: 2026-02-30, max-increase: +1%}}\n",
            ":1: limits.ratchet.since: there is no day 2026-02-30",
        ),
        (
            "limits: {ratchet: {since: v1, max-increase: 1%}}\n",
            ':1: limits.ratchet.max-increase: "1%" is ambiguous: write "+1%" for a growth of 1%'
            " (for a maximum size use max-size: 500MB)",
        ),
        (
            "history: {branch: refs/heads/x}\n",
            ":1: history.branch: 'refs/heads/x' is not a branch name: write it without refs/heads/",
        ),
        ("history: {branch: a.lock}\n", ":1: history.branch: 'a.lock' is not a branch name such as weighbridge-data"),
        ("history: {branch: -x}\n", ":1: history.branch: '-x' is not a branch name such as weighbridge-data"),
        ("a: [1\nb: 2\n", ":2: not valid YAML: expected ',' or ']', but got ':'"),
        ("override: !!python/object/apply:os.system [id]\n", ":1: override must be a mapping (key: value), not a list"),
        ("override: !run {label: x}\n", ":1: the tag '!run' is unsupported"),
        ("? [a, b]\n: 1\n", ":1: a key must be a word, not a list"),
    ],
)
def test_mistake_is_refused_with_file_and_line(text, message):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert str(caught.value) == f".github/weighbridge.yml{message}"


def test_build_arguments_keep_their_text():
    config = parse("images: {a: {dockerfile: D, build-args: {A: 1.10, B: yes, C: '', D: 2024-01-01, E: 0x10}}}\n")
    assert config.images["a"].build_args == {"A": "1.10", "B": "yes", "C": "", "D": "2024-01-01", "E": "0x10"}


def test_paths_are_made_normal():
    image = parse("images: {a: {dockerfile: ./x//Dockerfile, context: x/}}\n").images["a"]
    assert (image.dockerfile, image.context) == ("x/Dockerfile", "x")


def test_limits_of_command_line_override_image_and_repository():
    config = parse(EVERY_KEY)
    assert str(config.limits_of("web").max_increase) == "+10%"
    assert str(config.limits_of("api").max_increase) == "+2MB"
    assert str(config.limits_of("api@linux/arm64").max_increase) == "+2MB"
    assert config.limits_of("api").max_size.written == "500MB"
    gated = config.with_gate(Limits(max_increase=parse_limit("+1B")), fail_on=FailOn.NEVER)
    assert str(gated.limits_of("api").max_increase) == "+1B"
    assert gated.limits_of("api").max_size.maximum_bytes == 500_000_000
    assert (gated.fail_on, config.fail_on) == (FailOn.NEVER, FailOn.REGRESSION)
    assert config.with_gate(Limits()).limits_of("api") == config.limits_of("api")


def _refuse(text):
    with pytest.raises(ConfigError, match=r"^\.github/weighbridge\.yml"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]\n" for n in range(1, 12)),
        "a: &a [*a]\n",
        "a: &a {b: *a}\n",
        "a:\n" + "".join(" " * n + "- \n" for n in range(300)),
        "[" * 1_000,
        "{" * 1_000,
        "#" * 300_000,
    ],
    ids=["bomb", "endless list", "endless mapping", "indent", "lists", "mappings", "size"],
)
def test_self_repeating_deep_or_large_file_is_refused(text):
    _refuse(text)


@pytest.mark.parametrize(
    ("start", "repeated", "largest"),
    [("x: ", "y", 200_000), ("", "? ", 40_000)],
    ids=["text", "keys"],
)
def test_hostile_file_is_refused_in_linear_time(start, repeated, largest):
    assert_linear(lambda size: _refuse(start + repeated * size), largest=largest)


_KEYS = st.sampled_from(
    ["version", "limits", "images", "checks", "tips", "max-size", "ignore", "code", "dockerfile", "context", "a", "1"]
)
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), st.text(max_size=20), st.dates()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=4)),
    max_leaves=12,
)


def outcome(data: bytes) -> Config | str:
    try:
        return parse_config(data)
    except ConfigError as error:
        return str(error)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")),
        _VALUES.map(lambda value: yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "replace")),
    )
)
def test_any_bytes_are_configuration_or_config_error(data):
    read = outcome(data)
    assert isinstance(read, Config) or read.startswith(".github/weighbridge.yml")
    assert isinstance(read, Config) or "\n" not in read


def test_ratchet_of_image_overrides_general_one():
    config = parse(
        "limits: {max-increase: +5%, ratchet: {since: v1.0, max-increase: +20%}}\n"
        "images: {a: {dockerfile: D, limits: {ratchet: {since: 2026-01-31, max-increase: +1MB or +3%}}}}\n"
    )
    assert str(config.limits_of("a").ratchet) == "+1MB or +3% since 2026-01-31"
    assert str(config.limits_of("b").ratchet) == "+20% since v1.0"
    assert config.limits_of("a").max_increase == parse_limit("+5%")
