"""Converts the sections of the configuration file to settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

from weighbridge.build.cache import parse_cache_source
from weighbridge.config.grammar import ARGUMENT, BAKE_TARGET, CONFIG_VERSION, OPTIONAL_TIPS, PLATFORM
from weighbridge.config.limits import read_budgets, read_limits
from weighbridge.config.nodes import BOOLEAN, INTEGER, MAXIMUM_SHOWN, NodeReader, as_written, short
from weighbridge.config.settings import (
    Build,
    Checks,
    CommentSettings,
    Config,
    Discover,
    FailOnTips,
    HistorySettings,
    IgnoredFinding,
    ImageSettings,
    Lint,
    OverrideSettings,
    ReportSettings,
    Tips,
    VerifyTips,
)
from weighbridge.domain.gate.ignores import require_known_code
from weighbridge.domain.gate.limits import SizeLimit, parse_size, parse_size_limit
from weighbridge.domain.gate.settings import FailOn
from weighbridge.durations import parse_duration
from weighbridge.errors import UsageError

_BUILDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_STAGE = re.compile(r"[A-Za-z][A-Za-z0-9-_.]*")
_BRANCH_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def read_config(reader: NodeReader, root: yaml.Node) -> Config:
    """All settings, from the root of the file. Raises ConfigError."""
    known = (
        *("version", "limits", "budgets", "discover", "images", "build"),
        *("checks", "lint", "tips", "comment", "report", "override", "history"),
    )
    top = reader.mapping(root, known, where="")
    version = top.get("version")
    if version is not None and (version.tag != INTEGER or version.value != str(CONFIG_VERSION)):
        reader.refuse(
            version, f"version {short(as_written(version))} is unsupported: this program reads version {CONFIG_VERSION}"
        )
    images: dict[str, ImageSettings] = {}
    if "images" in top:
        for key, value in reader.pairs(top["images"], "images"):
            images[key] = _read_image(reader, key, value)
    return Config(
        path=reader.path,
        limits=read_limits(reader, top.get("limits"), "limits"),
        discover=_read_discover(reader, top.get("discover")),
        images=images,
        build=_read_build(reader, top.get("build")),
        checks=_read_checks(reader, top.get("checks")),
        lint=_read_lint(reader, top.get("lint")),
        tips=_read_tips(reader, top.get("tips")),
        override=_read_override(reader, top.get("override")),
        history=_read_history(reader, top.get("history")),
        budgets=read_budgets(reader, top.get("budgets")),
        comment=_read_comment(reader, top.get("comment")),
        report=_read_report(reader, top.get("report")),
    )


def _read_report(reader: NodeReader, node: yaml.Node | None) -> ReportSettings:
    found = {} if node is None else reader.mapping(node, ("text-diffs",), where="report")
    wanted = found.get("text-diffs")
    return ReportSettings(text_diffs=wanted is not None and reader.boolean(wanted, "report.text-diffs"))


def _read_comment(reader: NodeReader, node: yaml.Node | None) -> CommentSettings:
    if node is None:
        return CommentSettings()
    found = reader.mapping(node, ("above",), where="comment")
    return CommentSettings(above_bytes=_size(reader, found["above"], "comment.above") if "above" in found else None)


def _read_history(reader: NodeReader, node: yaml.Node | None) -> HistorySettings:
    if node is None:
        return HistorySettings()
    found = reader.mapping(node, ("branch",), where="history")
    branch = found.get("branch")
    return HistorySettings(branch=None if branch is None else reader.parsed(branch, "history.branch", parse_branch))


def parse_branch(text: str) -> str:
    """A branch name that git allows and no shell or ref syntax interprets. Raises ValueError."""
    parts = text.split("/")
    if len(text) > 200 or not all(_BRANCH_PART.fullmatch(part) and not part.endswith((".lock", ".")) for part in parts):
        raise ValueError(f"{short(text)!r} is not a branch name such as weighbridge-data")
    if ".." in text or text.startswith("refs/"):
        raise ValueError(f"{short(text)!r} is not a branch name: write it without refs/heads/")
    return text


def _read_discover(reader: NodeReader, node: yaml.Node | None) -> Discover:
    if node is None:
        return Discover()
    found = reader.mapping(node, ("include", "exclude", "bake-targets"), where="discover")
    include, exclude, targets = found.get("include"), found.get("exclude"), found.get("bake-targets")
    names = Discover().bake_targets if targets is None else reader.texts(targets, "discover.bake-targets")
    for name in names:
        if targets is not None and BAKE_TARGET.fullmatch(name) is None:
            reader.refuse(targets, f"discover.bake-targets: {short(name)!r} is not the name of a target or group")
    return Discover(
        include=() if include is None else reader.texts(include, "discover.include"),
        exclude=() if exclude is None else reader.texts(exclude, "discover.exclude"),
        bake_targets=names,
    )


def _read_lint(reader: NodeReader, node: yaml.Node | None) -> Lint:
    if node is None:
        return Lint()
    found = reader.mapping(node, ("trusted-bases",), where="lint")
    trusted = found.get("trusted-bases")
    return Lint(trusted_bases=() if trusted is None else reader.texts(trusted, "lint.trusted-bases"))


def _read_image(reader: NodeReader, name: str, node: yaml.Node) -> ImageSettings:
    where = f"images.{short(name)}"
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > 200:
        reader.refuse(node, f"{name[:MAXIMUM_SHOWN]!r} is not a valid image name")
    known = ("dockerfile", "from", "context", "target", "platforms", "build-args", "prepare", "limits")
    found = reader.mapping(node, known, where=where)
    of_a_build = next(
        (key for key in ("context", "target", "platforms", "build-args", "prepare") if key in found), None
    )
    if "dockerfile" not in found and of_a_build is not None:
        reader.refuse(node, f'{where}: {of_a_build} needs the key "dockerfile"')
    if "dockerfile" in found and "from" in found:
        reader.refuse(found["from"], f"{where}.from: a Dockerfile names its base image itself")
    context, target, platforms = found.get("context"), found.get("target"), found.get("platforms")
    names, required = _read_platforms(reader, platforms, f"{where}.platforms")
    target_name = None if target is None else reader.text(target, f"{where}.target")
    if target is not None and target_name is not None and _STAGE.fullmatch(target_name) is None:
        reader.refuse(target, f"{where}.target: {short(target_name)!r} is not a valid stage name")
    return ImageSettings(
        name=name,
        line=node.start_mark.line + 1,
        dockerfile=reader.path_below(found["dockerfile"], f"{where}.dockerfile") if "dockerfile" in found else None,
        from_image=reader.text(found["from"], f"{where}.from") if "from" in found else None,
        context=None if context is None else reader.path_below(context, f"{where}.context"),
        target=target_name,
        platforms=names,
        required_platforms=required,
        build_args=_read_build_args(reader, found.get("build-args"), f"{where}.build-args"),
        prepare=reader.texts(found["prepare"], f"{where}.prepare") if "prepare" in found else (),
        limits=read_limits(reader, found.get("limits"), f"{where}.limits"),
    )


def _read_platforms(reader: NodeReader, node: yaml.Node | None, where: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """The platforms (a name, or ``{ name: …, required: true }``), and the required ones."""
    names: list[str] = []
    required: set[str] = set()
    for index, item in enumerate(reader.items(node, where) if node is not None else ()):
        if isinstance(item, yaml.MappingNode):
            found = reader.mapping(item, ("name", "required"), where=f"{where}[{index}]")
            if "name" not in found:
                reader.refuse(item, f'{where}[{index}]: the key "name" is missing')
            name = reader.text(found["name"], f"{where}[{index}].name")
            if "required" in found and reader.boolean(found["required"], f"{where}[{index}].required"):
                required.add(name)
        else:
            name = reader.text(item, f"{where}[{index}]")
        if PLATFORM.fullmatch(name) is None:
            reader.refuse(item, f"{where}: {short(name)!r} is not a platform such as linux/arm64")
        if name in names:
            reader.refuse(item, f"{where}: duplicate platform")
        names.append(name)
    return tuple(names), frozenset(required)


def _read_build_args(reader: NodeReader, node: yaml.Node | None, where: str) -> dict[str, str]:
    if node is None:
        return {}
    arguments = {}
    for name, value in reader.pairs(node, where):
        if ARGUMENT.fullmatch(name) is None:
            reader.refuse(value, f"{where}: {short(name)!r} is not a valid name of a build argument")
        # Kept as written: 1.10 stays 1.10 and yes stays yes.
        arguments[name] = reader.scalar(value, f"{where}.{short(name)}")
    return arguments


def _read_build(reader: NodeReader, node: yaml.Node | None) -> Build:
    if node is None:
        return Build()
    found = reader.mapping(node, ("builder", "cache-from"), where="build")
    builder, sources = found.get("builder"), found.get("cache-from")
    name = None if builder is None else reader.text(builder, "build.builder")
    if builder is not None and name is not None and _BUILDER.fullmatch(name) is None:
        reader.refuse(builder, f"build.builder: {short(name)!r} is not a valid builder name")
    places = []
    for index, item in enumerate([] if sources is None else reader.items(sources, "build.cache-from")):
        try:
            places.append(parse_cache_source(reader.text(item, f"build.cache-from[{index}]")))
        except UsageError as error:
            reader.refuse(item, f"build.{error}")
    return Build(builder_name=name, cache_from=tuple(places))


def _read_checks(reader: NodeReader, node: yaml.Node | None) -> Checks:
    if node is None:
        return Checks()
    found = reader.mapping(node, ("fail-on", "ignore"), where="checks")
    fail_on = FailOn.REGRESSION
    if "fail-on" in found:
        fail_on = FailOn(reader.choice(found["fail-on"], "checks.fail-on", tuple(FailOn)))
    ignored = []
    if "ignore" in found:
        for index, item in enumerate(reader.items(found["ignore"], "checks.ignore")):
            ignored.append(_read_ignored(reader, item, f"checks.ignore[{index}]"))
    return Checks(fail_on=fail_on, ignore=tuple(ignored))


def _read_ignored(reader: NodeReader, node: yaml.Node, where: str) -> IgnoredFinding:
    found = reader.mapping(node, ("code", "image", "reason"), where=where)
    if "code" not in found:
        reader.refuse(node, f'{where}: the key "code" is missing')
    code = reader.text(found["code"], f"{where}.code")
    if _CODE.fullmatch(code) is None:
        reader.refuse(found["code"], f"{where}.code: {short(code)!r} is not a finding code such as runtime-ca-missing")
    try:
        require_known_code(code)
    except ValueError as error:
        reader.refuse(found["code"], f"{where}.code: {error}")
    if "reason" not in found:
        reader.refuse(node, f'{where}: the key "reason" is missing: say why {code} is accepted')
    image = found.get("image")
    return IgnoredFinding(
        code=code,
        reason=reader.text(found["reason"], f"{where}.reason"),
        image=None if image is None else reader.text(image, f"{where}.image"),
    )


def _read_tips(reader: NodeReader, node: yaml.Node | None) -> Tips:
    if node is None:
        return Tips()
    found = reader.mapping(node, tuple(_TIPS), where="tips")
    values: dict[str, Any] = {}
    for key, value in found.items():
        field_name, read = _TIPS[key]
        values[field_name] = read(reader, value, f"tips.{key}")
    return Tips(**values)


def _read_override(reader: NodeReader, node: yaml.Node | None) -> OverrideSettings:
    if node is None:
        return OverrideSettings()
    found = reader.mapping(node, ("label",), where="override")
    return OverrideSettings(label=reader.text(found["label"], "override.label") if "label" in found else None)


def _size(reader: NodeReader, node: yaml.Node, where: str) -> int:
    return reader.parsed(node, where, parse_size)


def _duration(reader: NodeReader, node: yaml.Node, where: str) -> float:
    return reader.parsed(node, where, parse_duration)


def _optional_tips(reader: NodeReader, node: yaml.Node, where: str) -> tuple[str, ...]:
    items = enumerate(reader.items(node, where))
    return tuple(reader.choice(item, f"{where}[{index}]", OPTIONAL_TIPS) for index, item in items)


def _verify_tips(reader: NodeReader, node: yaml.Node, where: str) -> VerifyTips:
    if node.tag == BOOLEAN:
        return VerifyTips.AFTER_VERDICT if reader.boolean(node, where) else VerifyTips.NEVER
    return VerifyTips(reader.choice(node, where, tuple(VerifyTips)))


def _fail_on_tips(reader: NodeReader, node: yaml.Node, where: str) -> FailOnTips:
    return FailOnTips(reader.choice(node, where, tuple(FailOnTips)))


def _size_limit(reader: NodeReader, node: yaml.Node, where: str) -> SizeLimit:
    return reader.parsed(node, where, parse_size_limit)


_TIPS: dict[str, tuple[str, Callable[[NodeReader, yaml.Node, str], object]]] = {
    "verify": ("verify", _verify_tips),
    "ladder": ("ladder", NodeReader.boolean),
    "minimum-saving": ("minimum_saving_bytes", _size),
    "include": ("include", _optional_tips),
    "maximum-builds": ("maximum_builds", NodeReader.count),
    "maximum-builds-in-all": ("maximum_builds_in_all", NodeReader.count),
    "build-time-limit": ("build_time_limit_seconds", _duration),
    "time-limit": ("time_limit_seconds", _duration),
    "disk-limit": ("disk_limit_bytes", _size),
    "maximum-age": ("maximum_age_seconds", _duration),
    "fail-on": ("fail_on", _fail_on_tips),
    "above": ("fail_above", _size_limit),
}
"""The keys of ``tips``, each with its field of `Tips` and its reader."""
