"""The keys of the whole configuration file. Those of limits and of images are in modules of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping

import yaml

from weighbridge.build.cache import CachePlace, parse_cache_source
from weighbridge.config.grammar import BAKE_TARGET, CONFIG_VERSION, OPTIONAL_TIPS, parse_branch, short
from weighbridge.config.images import IMAGES
from weighbridge.config.keys import Key, ListOf, Scalar, Section
from weighbridge.config.limits import BUDGETS, LIMITS
from weighbridge.config.nodes import BOOLEAN as BOOLEAN_TAG
from weighbridge.config.nodes import INTEGER, NodeReader, as_written
from weighbridge.config.settings import (
    Build,
    Checks,
    CommentSettings,
    Config,
    Discover,
    FailOnTips,
    HistorySettings,
    IgnoredFinding,
    Lint,
    OverrideSettings,
    ReportSettings,
    Tips,
    VerifyTips,
)
from weighbridge.config.values import (
    BOOLEAN,
    BYTES,
    COUNT,
    SECONDS,
    SIZE_LIMIT,
    TEXT,
    TEXTS,
    choice,
    matching,
    one_of,
    parsed,
)
from weighbridge.domain.gate.ignores import require_known_code
from weighbridge.domain.gate.settings import FailOn
from weighbridge.errors import UsageError

_BUILDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def read_config(reader: NodeReader, root: yaml.Node) -> Config:
    """All settings, from the root of the file. Raises ConfigError."""
    values = CONFIG.values(reader, root, "")
    values.pop("version", None)
    return Config(path=reader.path, **values)


def _read_version(reader: NodeReader, node: yaml.Node, where: str) -> int:
    if node.tag != INTEGER or node.value != str(CONFIG_VERSION):
        if as_written(node).strip().partition(".")[0] == str(CONFIG_VERSION):
            reader.refuse(node, f"{where} must be a whole number without quotes: write version: {CONFIG_VERSION}")
        reader.refuse(
            node, f"{where} {short(as_written(node))} is unsupported: this program reads version {CONFIG_VERSION}"
        )
    return CONFIG_VERSION


_DISCOVER = Section(
    keys=(
        Key(name="include", value=TEXTS, description="Globs of Dockerfile paths; selects only these."),
        Key(name="exclude", value=TEXTS, description="Globs of Dockerfile paths."),
        Key(
            name="bake-targets",
            value=ListOf(item=matching(BAKE_TARGET, "the name of a target or group")),
            description="Targets and groups of bake files to build. Default: default.",
        ),
    ),
    make=Discover,
)


def _read_cache_source(reader: NodeReader, node: yaml.Node, where: str) -> CachePlace:
    try:
        return parse_cache_source(reader.text(node, where))
    except UsageError as error:
        reader.refuse(node, f"build.{error}")


_BUILD = Section(
    keys=(
        Key(
            name="builder",
            value=matching(_BUILDER, "a valid builder name", is_in_schema=False),
            field="builder_name",
            description="Name of the buildx builder.",
        ),
        Key(
            name="cache-from",
            value=ListOf(item=Scalar(schema=TEXT.schema, parse=_read_cache_source)),
            description="In the syntax of docker buildx build; {image} and {side} are replaced.",
            examples=(["type=registry,ref=registry.example/cache:{image}"],),
        ),
    ),
    make=Build,
)


def _read_code(reader: NodeReader, node: yaml.Node, where: str) -> str:
    code = reader.text(node, where)
    if _CODE.fullmatch(code) is None:
        problem = "is not a code such as runtime-ca-missing. docs/checks/README.md lists the codes."
        reader.refuse(node, f"{where}: {short(code)!r} {problem}")
    try:
        require_known_code(code)
    except ValueError as error:
        reader.refuse(node, f"{where}: {error}")
    return code


def _check_ignored(reader: NodeReader, node: yaml.Node, found: Mapping[str, yaml.Node], where: str) -> None:
    if "code" in found and "reason" not in found:
        code = _read_code(reader, found["code"], f"{where}.code")
        reader.refuse(node, f'{where}: the key "reason" is missing: say why {code} is accepted')


_CHECKS = Section(
    keys=(
        Key(
            name="fail-on",
            value=choice(FailOn),
            description="Which error findings fail the job: all, those that base does not have (default), or none.",
        ),
        Key(
            name="ignore",
            description="Findings that are accepted.",
            value=ListOf(
                item=Section(
                    keys=(
                        Key(
                            name="code",
                            value=Scalar(schema=TEXT.schema, parse=_read_code),
                            description="Code of the finding.",
                            is_required=True,
                        ),
                        Key(name="image", value=TEXT, description="Name or glob of images. Default: all."),
                        Key(name="reason", value=TEXT, description="Why the finding is accepted.", is_required=True),
                    ),
                    make=IgnoredFinding,
                    check=_check_ignored,
                )
            ),
        ),
    ),
    make=Checks,
)


def _read_verify(reader: NodeReader, node: yaml.Node, where: str) -> VerifyTips:
    if node.tag == BOOLEAN_TAG:
        return VerifyTips.AFTER_VERDICT if reader.boolean(node, where) else VerifyTips.NEVER
    return VerifyTips(reader.choice(node, where, tuple(VerifyTips)))


_TIPS = Section(
    keys=(
        Key(
            name="verify",
            value=Scalar(schema={"enum": [True, False, *(str(one) for one in VerifyTips)]}, parse=_read_verify),
            description="When the patches of tips are built and measured: after the verdict (true), only in runs"
            " on the default branch, or never (false).",
        ),
        Key(name="ladder", value=BOOLEAN, description="Also build the image on other bases."),
        Key(
            name="minimum-saving",
            value=BYTES,
            field="minimum_saving_bytes",
            description="Least saving of a tip. Default: 1 MB or 1% of the image, the smaller, at least 10 kB.",
        ),
        Key(name="include", value=ListOf(item=one_of(OPTIONAL_TIPS)), description="Optional tips."),
        Key(name="maximum-builds", value=COUNT, description="Maximum builds per image, for its tips and its ladder."),
        Key(name="maximum-builds-in-all", value=COUNT, description="Maximum builds per run."),
        Key(name="build-time-limit", value=SECONDS, field="build_time_limit_seconds", description="Timeout per build."),
        Key(
            name="time-limit",
            value=SECONDS,
            field="time_limit_seconds",
            description="Timeout for all builds together.",
        ),
        Key(
            name="disk-limit",
            value=BYTES,
            field="disk_limit_bytes",
            description="Maximum disk space; each build counts with its image's size.",
        ),
        Key(
            name="fail-on",
            value=choice(FailOnTips),
            description="The tips that fail the job: those that the change introduces, or none (default).",
        ),
        Key(
            name="above",
            value=SIZE_LIMIT,
            field="fail_above",
            description="The bytes that a change may add and a tip saves (default 1MB).",
        ),
        Key(
            name="maximum-age",
            value=SECONDS,
            field="maximum_age_seconds",
            description="Maximum age of reused measurements of an earlier run.",
        ),
    ),
    make=Tips,
)

CONFIG = Section(
    keys=(
        Key(
            name="version",
            value=Scalar(schema={"const": CONFIG_VERSION}, parse=_read_version),
            description=f"Version of the format: {CONFIG_VERSION}.",
        ),
        Key(name="limits", value=LIMITS, description="Limits of all images."),
        Key(name="budgets", value=BUDGETS, description="Limits on several images together."),
        Key(name="discover", value=_DISCOVER),
        Key(name="images", value=IMAGES),
        Key(name="build", value=_BUILD),
        Key(name="checks", value=_CHECKS),
        Key(
            name="lint",
            value=Section(
                keys=(Key(name="trusted-bases", value=TEXTS, description="Image names without tag."),), make=Lint
            ),
        ),
        Key(name="tips", value=_TIPS),
        Key(
            name="report",
            value=Section(
                keys=(
                    Key(
                        name="text-diffs",
                        value=BOOLEAN,
                        description="Diffs of small text files in the HTML report.",
                    ),
                    Key(name="file-maps", value=BOOLEAN, description="The map of all files. Default: true."),
                ),
                make=ReportSettings,
            ),
        ),
        Key(
            name="comment",
            value=Section(
                keys=(
                    Key(
                        name="above",
                        value=BYTES,
                        field="above_bytes",
                        description="Post no comment while every image changes by less.",
                    ),
                ),
                make=CommentSettings,
            ),
        ),
        Key(
            name="override",
            value=Section(
                keys=(
                    Key(name="label", value=TEXT, description="Label of a pull request that overrides a failed gate."),
                ),
                make=OverrideSettings,
            ),
        ),
        Key(
            name="history",
            value=Section(
                keys=(
                    Key(
                        name="branch",
                        value=parsed(parse_branch),
                        description="Separate branch that stores the size history.",
                    ),
                ),
                make=HistorySettings,
            ),
        ),
    ),
    make=Config,
)
"""The whole file."""
