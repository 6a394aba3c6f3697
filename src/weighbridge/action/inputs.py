"""Parses and checks the inputs of the Action (``with:`` in a workflow). The names are the names in ``action.yml``."""

from __future__ import annotations

import contextlib
import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from weighbridge.build.cache import CachePlace, parse_cache_source, parse_cache_target
from weighbridge.config import VERIFY_TIPS, VerifyTips, parse_branch
from weighbridge.domain.gate.limits import parse_limit, parse_size_limit
from weighbridge.domain.gate.settings import FailOn, Limits, OnUnknown
from weighbridge.domain.lines import lines_of
from weighbridge.domain.nearest import nearest
from weighbridge.durations import parse_duration
from weighbridge.errors import UsageError
from weighbridge.github.comment import CommentMode
from weighbridge.plan.shares import MAXIMUM_JOBS, PartNumber, parse_part
from weighbridge.report.markdown import comment_marker

_E = TypeVar("_E", bound=enum.StrEnum)
_T = TypeVar("_T")

_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"[A-Za-z0-9_.-]+")
_HEREDOC = re.compile(r"(?P<name>[^=]*?)<<(?P<end>[A-Za-z0-9_]+)")


class Mode(enum.StrEnum):
    """What a step does.

    `WEIGH` weighs and publishes. `COMPARE` weighs images that other steps built, and publishes. `TIPS` measures the
    tips that an earlier step left out (``wait-for-tips: false``). `POST` publishes the report of another run. `PLAN`
    prints the matrix of a run on many machines, and `MERGE` joins and publishes its parts.
    """

    WEIGH = "weigh"
    COMPARE = "compare"
    POST = "post"
    TIPS = "tips"
    PLAN = "plan"
    MERGE = "merge"


class CheckRun(enum.StrEnum):
    """When to publish a check run. `AUTO` tries, and falls back to the log if the token lacks the permission."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class ReadStorage(enum.StrEnum):
    """Whether a helper container may read the engine's storage. `AUTO` tries; `NEVER` always uses docker save."""

    AUTO = "auto"
    NEVER = "never"


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """All inputs. ``None`` or empty means unset. The representation contains no secrets."""

    mode: Mode
    token: str = field(repr=False)
    config: str | None
    images: tuple[str, ...]
    base_images: tuple[str, ...]
    head_images: tuple[str, ...]
    all_images: bool
    base_ref: str | None
    build_args: Mapping[str, str] = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)
    platform: str | None
    builder: str | None
    cache_from: tuple[CachePlace, ...]
    cache_to: tuple[CachePlace, ...]
    limits: Limits
    fail_on: FailOn | None
    allow_limit_changes: bool
    override_label: str | None
    verify_tips: VerifyTips | None
    wait_for_tips: bool
    build_timeout_seconds: float
    comment: CommentMode
    comment_key: str
    hide_resolved: bool
    suggestions: int
    check_run: CheckRun
    cache_dir: str | None
    read_storage: ReadStorage
    no_cache: bool
    history_branch: str | None
    docker_config: str | None = field(repr=False)
    report: str
    artifact: str
    part: PartNumber | None
    parts: str
    max_jobs: int


def input_variable(name: str) -> str:
    """The environment variable in which the runner passes the input `name`."""
    return f"INPUT_{name.upper().replace(' ', '_')}"


def input_text(environment: Mapping[str, str], name: str) -> str:
    """The input `name` as the runner passes it, or with underscores, as a step of a shell can set it; else empty."""
    variable = input_variable(name)
    return environment.get(variable, "") or environment.get(variable.replace("-", "_"), "")


def secrets_of_inputs(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Every secret text among the inputs, even if the inputs are invalid."""
    token, secrets, config = (input_text(environment, name) for name in ("token", "secrets", "docker-config"))
    found = [token]
    try:
        found += _assignments(secrets, "secrets", _SECRET).values()
    except UsageError:
        found.append(secrets)
    found.append(config)
    for name, parse in (("cache-from", parse_cache_source), ("cache-to", parse_cache_target)):
        for line in lines_of(input_text(environment, name)):
            with contextlib.suppress(UsageError):  # `read_inputs` reports it without the value
                found += parse(line).secrets
    with contextlib.suppress(msgspec.MsgspecError, RecursionError):  # not JSON: masked line by line
        found += _texts(msgspec.json.decode(config))
    return tuple(text for text in found if text.strip())


def _limits(text: Callable[[str], str]) -> Limits:
    """The limits among the inputs. `text` gives an input by its name. Raises UsageError."""
    increase, size, new_size, unknown = map(text, ("max-increase", "max-size", "max-new-size", "on-unknown"))
    return Limits(
        max_increase=_parsed("max-increase", parse_limit, increase) if increase else None,
        max_size=_parsed("max-size", parse_size_limit, size) if size else None,
        max_new_size=_parsed("max-new-size", parse_size_limit, new_size) if new_size else None,
        on_unknown=_choice(OnUnknown, "on-unknown", unknown) if unknown else None,
    )


def read_inputs(environment: Mapping[str, str]) -> Inputs:
    """Parse the inputs from the variables that the runner sets. Raises UsageError, which names the input."""

    def text(name: str) -> str:
        return input_text(environment, name).strip()

    def lines(name: str) -> tuple[str, ...]:
        return tuple(line.strip() for line in lines_of(text(name)) if line.strip())

    def flag(name: str) -> bool:
        value = text(name).lower() or "false"
        if value not in {"true", "false"}:
            raise UsageError(f"{name}: {value[:80]!r} is neither true nor false.")
        return value == "true"

    key = text("comment-key") or "default"
    comment_marker(key)
    return Inputs(
        mode=_choice(Mode, "mode", text("mode") or Mode.WEIGH),
        token=text("token"),
        config=text("config") or None,
        images=lines("images"),
        base_images=lines("base-image"),
        head_images=lines("head-image"),
        all_images=flag("all"),
        base_ref=text("base-ref") or None,
        build_args=_assignments(input_text(environment, "build-args"), "build-args", _ARGUMENT),
        secrets=_assignments(input_text(environment, "secrets"), "secrets", _SECRET),
        platform=text("platform") or None,
        builder=text("builder") or None,
        cache_from=tuple(parse_cache_source(line) for line in lines("cache-from")),
        cache_to=tuple(parse_cache_target(line) for line in lines("cache-to")),
        limits=_limits(text),
        fail_on=_choice(FailOn, "fail-on", text("fail-on")) if text("fail-on") else None,
        allow_limit_changes=flag("allow-limit-changes"),
        override_label=text("override-label") or None,
        verify_tips=_verify_tips(text("verify-tips")) if text("verify-tips") else None,
        wait_for_tips=flag("wait-for-tips") if text("wait-for-tips") else True,
        build_timeout_seconds=_parsed("build-timeout", parse_duration, text("build-timeout") or "30m"),
        comment=_choice(CommentMode, "comment", text("comment") or CommentMode.ALWAYS),
        comment_key=key,
        hide_resolved=flag("hide-resolved"),
        suggestions=_count("suggestions", text("suggestions") or "5"),
        check_run=_choice(CheckRun, "check-run", text("check-run") or CheckRun.AUTO),
        cache_dir=text("cache-dir") or None,
        read_storage=_choice(ReadStorage, "read-storage", text("read-storage") or ReadStorage.AUTO),
        no_cache=flag("no-cache"),
        history_branch=_parsed("history-branch", parse_branch, text("history-branch"))
        if text("history-branch")
        else None,
        docker_config=_docker_config(text("docker-config")),
        report=text("report") or "weighbridge-report",
        artifact=text("artifact") or "weighbridge-report",
        part=parse_part(text("part")) if text("part") else None,
        parts=text("parts") or "parts",
        max_jobs=_jobs(text("max-jobs") or str(MAXIMUM_JOBS)),
    )


def _choice(kind: type[_E], name: str, value: str) -> _E:
    try:
        return kind(value)
    except ValueError as error:
        meant = nearest(value, kind)
        hint = f' (did you mean "{meant}"?)' if meant else ""
        raise UsageError(f"{name}: {value[:80]!r} is not one of {', '.join(kind)}{hint}.") from error


def _verify_tips(value: str) -> VerifyTips:
    if value.lower() not in VERIFY_TIPS:
        raise UsageError(f"verify-tips: {value[:80]!r} is not one of {', '.join(VERIFY_TIPS)}.")
    return VERIFY_TIPS[value.lower()]


def _count(name: str, value: str) -> int:
    if not value.isascii() or not value.isdecimal() or len(value) > 3:
        raise UsageError(f"{name}: {value[:80]!r} is not a number from 0 to 999.")
    return int(value)


def _jobs(value: str) -> int:
    jobs = _count("max-jobs", value)
    if not 1 <= jobs <= MAXIMUM_JOBS:
        raise UsageError(f"max-jobs: {jobs} is not a number from 1 to {MAXIMUM_JOBS}.")
    return jobs


def _parsed(name: str, parse: Callable[[str], _T], value: str) -> _T:
    try:
        return parse(value)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error


def _assignments(text: str, name: str, names: re.Pattern[str]) -> dict[str, str]:
    """Parse ``NAME=VALUE`` lines, and multi-line values as ``NAME<<END`` … ``END``. Errors never contain a value."""
    found: dict[str, str] = {}
    lines = enumerate(lines_of(text), start=1)
    for number, line in lines:
        if not line.strip():
            continue
        heredoc = _HEREDOC.fullmatch(line.strip())
        key, separator, value = (heredoc["name"], "<<", "") if heredoc else line.partition("=")
        key = key.strip()
        if not separator or not names.fullmatch(key):
            raise UsageError(f"{name}: line {number} is neither NAME=VALUE nor the start of NAME<<END.")
        if heredoc:
            kept = []
            for _, inner in lines:
                if inner.strip() == heredoc["end"]:
                    break
                kept.append(inner)
            else:
                raise UsageError(f"{name}: the value that begins in line {number} has no end.")
            value = "\n".join(kept)
        if key in found:
            raise UsageError(f"{name}: line {number} repeats a name.")
        found[key] = value
    return found


def _docker_config(text: str) -> str | None:
    if not text:
        return None
    try:
        msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        # Without the cause, because it quotes the text.
        raise UsageError("docker-config: not a JSON object. Use the content of docker's config.json.") from None
    return text


def _texts(value: object) -> list[str]:
    """Every string in the JSON value `value` that is not a key: an ``auth``, a password, a token."""
    found: list[str] = []
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, dict):
            pending += one.values()
        elif isinstance(one, list):
            pending += one
    return found
