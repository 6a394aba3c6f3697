"""``.github/weighbridge.yml`` to typed settings, each error with its file and line.

The file comes from a pull request: its size, its depth and what its aliases expand to are bounded, and it is only ever
read as a tree of nodes (nothing is constructed from tags).
"""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import yaml

from weighbridge.build.cache import CachePlace, parse_cache_source
from weighbridge.domain.limits import Limit, parse_limit, parse_size
from weighbridge.domain.verdict import FailOn, Limits, Ratchet
from weighbridge.durations import parse_duration
from weighbridge.errors import ConfigError, UsageError

_T = TypeVar("_T")

DEFAULT_CONFIG = ".github/weighbridge.yml"
OPTIONAL_TIPS = ("locale-doc-man",)
"""Tips that are only given where the configuration asks for them."""

CONFIG_VERSION = 1
MAXIMUM_CONFIG_BYTES = 262_144

_MAXIMUM_NODES = 20_000
_MAXIMUM_DEPTH = 20
_MAXIMUM_TEXT = 4_096
_MAXIMUM_SHOWN = 80
_MAXIMUM_COUNT = 1_000
PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9._]+)?")
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BUILDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_STAGE = re.compile(r"[A-Za-z][A-Za-z0-9-_.]*")
_BAKE_TARGET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+@-]{0,199}")
_DAY_LIKE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_BRANCH_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSettings:
    """One image as the configuration defines it. What is ``None`` is found by looking. `line` is where it stands.

    `dockerfile` and `context` are paths below the repository's root, ``.`` for the root. An empty `platforms` is the
    engine's own platform; that one of the `required_platforms` cannot be built here is an error.
    """

    name: str
    line: int
    dockerfile: str
    context: str | None = None
    target: str | None = None
    platforms: tuple[str, ...] = ()
    required_platforms: frozenset[str] = frozenset()
    build_args: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, kw_only=True, slots=True)
class IgnoredFinding:
    """A finding that the repository's owner accepts, and why. `image` is a glob; ``None`` means every image."""

    code: str
    reason: str
    image: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Discover:
    """How images are found.

    `include` and `exclude` are globs of Dockerfile paths: with an `include` only what it matches counts, and never what
    `exclude` matches, which goes for Compose and bake files too. `bake_targets` are what is asked of bake files.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    bake_targets: tuple[str, ...] = ("default",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lint:
    """What ``weighbridge lint`` takes for granted: `trusted_bases` are image names without tag, ``*`` for anything."""

    trusted_bases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Checks:
    """Which findings close the gate."""

    fail_on: FailOn = FailOn.REGRESSION
    ignore: tuple[IgnoredFinding, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Tips:
    """How tips are made. `minimum_saving_bytes` ``None`` is the built-in floor, `include` names optional ones.

    `verify` builds the patches of tips and measures them, `ladder` also the image on other bases; the rest bounds that:
    `maximum_builds` of one image and `maximum_builds_in_all` of a run, the time of one build and of all together, and
    the disk that they may fill, each counted as large as its image is now.
    """

    verify: bool = True
    ladder: bool = True
    minimum_saving_bytes: int | None = None
    include: tuple[str, ...] = ()
    maximum_builds: int = 16
    maximum_builds_in_all: int = 60
    build_time_limit_seconds: float = 300.0
    time_limit_seconds: float = 600.0
    disk_limit_bytes: int = 20_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Build:
    """How images are built. Where a cache is written to is not said here: that is for who runs the program."""

    builder_name: str | None = None
    cache_from: tuple[CachePlace, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """How a closed gate is opened by hand: the label of the pull request."""

    label: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class HistorySettings:
    """Where the history of sizes is kept beside the cache folder: `branch` is a branch of its own in the repository."""

    branch: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """All settings. Without a file these are the defaults. `path` is the file they came from, for messages."""

    path: str | None = None
    limits: Limits = field(default_factory=Limits)
    discover: Discover = field(default_factory=Discover)
    images: Mapping[str, ImageSettings] = field(default_factory=dict)
    build: Build = field(default_factory=Build)
    checks: Checks = field(default_factory=Checks)
    lint: Lint = field(default_factory=Lint)
    tips: Tips = field(default_factory=Tips)
    override: Override = field(default_factory=Override)
    history: HistorySettings = field(default_factory=HistorySettings)
    gate: Limits = field(default_factory=Limits)

    @property
    def fail_on(self) -> FailOn:
        """Which error findings close the gate."""
        return self.checks.fail_on

    def limits_of(self, image: str) -> Limits:
        """The limits of an image: the command line's above the image's own, above those of the whole repository.

        `image` is a name as the plan gives it: one of an image's several platforms stands behind an ``@``.
        """
        settings = self.images.get(image) or self.images.get(image.rpartition("@")[0])
        own = Limits() if settings is None else settings.limits
        return _over(self.gate, _over(own, self.limits))

    def with_gate(
        self,
        *,
        max_increase: Limit | None = None,
        max_size_bytes: int | None = None,
        max_size_text: str | None = None,
        fail_on: FailOn | None = None,
    ) -> Config:
        """These settings with the command line's above them, for every image. ``None`` leaves what is configured."""
        given = Limits(max_increase=max_increase, max_size_bytes=max_size_bytes, max_size_text=max_size_text)
        checks = self.checks if fail_on is None else replace(self.checks, fail_on=fail_on)
        return replace(self, gate=_over(given, self.gate), checks=checks)


def load_config(repository: Path, file: Path | None = None) -> Config:
    """The settings of `file`, else of ``.github/weighbridge.yml`` below `repository`, else the defaults.

    Raises ConfigError: for what is in the file, and where `file` was named and cannot be read.
    """
    path = file or repository / DEFAULT_CONFIG
    shown = str(file) if file is not None else DEFAULT_CONFIG
    try:
        with path.open("rb") as stream:
            data = stream.read(MAXIMUM_CONFIG_BYTES + 1)
    except FileNotFoundError as error:
        if file is None:
            return Config()
        raise ConfigError(f"{shown}: there is no such file") from error
    except OSError as error:
        raise ConfigError(f"{shown}: cannot be read: {error.strerror}") from error
    return parse_config(data, path=shown)


def parse_config(data: bytes, *, path: str = DEFAULT_CONFIG) -> Config:
    """Parse a configuration file's bytes. Raises ConfigError, its text beginning with ``path:line``."""
    if len(data) > MAXIMUM_CONFIG_BYTES:
        raise ConfigError(f"{path}: larger than {MAXIMUM_CONFIG_BYTES} bytes")
    try:
        # The pure Python loader on purpose: that in C recurses on the machine's stack.
        root = yaml.compose(data.decode("utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = path if mark is None else f"{path}:{mark.line + 1}"
        raise ConfigError(
            f"{where}: not valid YAML: {_short(error.problem or error.context or 'unreadable')}"
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: not valid YAML: {_short(str(error))}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deeply") from error
    reader = _Reader(path)
    if root is None:
        return Config(path=path)
    reader.check_bounds(root)
    return _read_config(reader, root)


def _read_config(reader: _Reader, root: yaml.Node) -> Config:
    known = ("version", "limits", "discover", "images", "build", "checks", "lint", "tips", "override", "history")
    top = reader.mapping(root, known, where="")
    version = top.get("version")
    if version is not None and (version.tag != _INT or version.value != str(CONFIG_VERSION)):
        reader.refuse(
            version, f"version {_short(_shown(version))} is not known: this program reads version {CONFIG_VERSION}"
        )
    images: dict[str, ImageSettings] = {}
    if "images" in top:
        for key, value in reader.pairs(top["images"], "images"):
            images[key] = _read_image(reader, key, value)
    return Config(
        path=reader.path,
        limits=_read_limits(reader, top.get("limits"), "limits"),
        discover=_read_discover(reader, top.get("discover")),
        images=images,
        build=_read_build(reader, top.get("build")),
        checks=_read_checks(reader, top.get("checks")),
        lint=_read_lint(reader, top.get("lint")),
        tips=_read_tips(reader, top.get("tips")),
        override=_read_override(reader, top.get("override")),
        history=_read_history(reader, top.get("history")),
    )


def _read_limits(reader: _Reader, node: yaml.Node | None, where: str) -> Limits:
    if node is None:
        return Limits()
    found = reader.mapping(node, ("max-increase", "max-size", "ratchet"), where=where)
    increase = found.get("max-increase")
    size = found.get("max-size")
    return Limits(
        max_increase=None if increase is None else reader.parsed(increase, f"{where}.max-increase", parse_limit),
        max_size_bytes=None if size is None else reader.parsed(size, f"{where}.max-size", parse_size),
        max_size_text=None if size is None else " ".join(str(size.value).split()),
        ratchet=_read_ratchet(reader, found.get("ratchet"), f"{where}.ratchet"),
    )


def _read_ratchet(reader: _Reader, node: yaml.Node | None, where: str) -> Ratchet | None:
    if node is None:
        return None
    found = reader.mapping(node, ("since", "max-increase"), where=where)
    for name in ("since", "max-increase"):
        if name not in found:
            reader.refuse(node, f'{where}: the key "{name}" is missing')
    since = reader.text(found["since"], f"{where}.since")
    if _REVISION.fullmatch(since) is None or ".." in since:
        reader.refuse(
            found["since"], f"{where}.since: {_short(since)!r} is neither a tag or commit, nor a day as 2026-01-31"
        )
    if _DAY_LIKE.fullmatch(since):
        try:
            date.fromisoformat(since)
        except ValueError:
            reader.refuse(found["since"], f"{where}.since: there is no day {since}")
    return Ratchet(since=since, max_increase=reader.parsed(found["max-increase"], f"{where}.max-increase", parse_limit))


def _read_history(reader: _Reader, node: yaml.Node | None) -> HistorySettings:
    if node is None:
        return HistorySettings()
    found = reader.mapping(node, ("branch",), where="history")
    branch = found.get("branch")
    return HistorySettings(branch=None if branch is None else reader.parsed(branch, "history.branch", parse_branch))


def parse_branch(text: str) -> str:
    """The name of a branch, as git allows one and no shell or ref syntax reads anything into it. Raises ValueError."""
    parts = text.split("/")
    if len(text) > 200 or not all(_BRANCH_PART.fullmatch(part) and not part.endswith((".lock", ".")) for part in parts):
        raise ValueError(f"{_short(text)!r} is not a branch's name, as weighbridge-data is")
    if ".." in text or text.startswith("refs/"):
        raise ValueError(f"{_short(text)!r} is not a branch's name: write it without refs/heads/")
    return text


def _read_discover(reader: _Reader, node: yaml.Node | None) -> Discover:
    if node is None:
        return Discover()
    found = reader.mapping(node, ("include", "exclude", "bake-targets"), where="discover")
    include, exclude, targets = found.get("include"), found.get("exclude"), found.get("bake-targets")
    names = Discover().bake_targets if targets is None else reader.texts(targets, "discover.bake-targets")
    for name in names:
        if targets is not None and _BAKE_TARGET.fullmatch(name) is None:
            reader.refuse(targets, f"discover.bake-targets: {_short(name)!r} is not the name of a target or group")
    return Discover(
        include=() if include is None else reader.texts(include, "discover.include"),
        exclude=() if exclude is None else reader.texts(exclude, "discover.exclude"),
        bake_targets=names,
    )


def _read_lint(reader: _Reader, node: yaml.Node | None) -> Lint:
    if node is None:
        return Lint()
    found = reader.mapping(node, ("trusted-bases",), where="lint")
    trusted = found.get("trusted-bases")
    return Lint(trusted_bases=() if trusted is None else reader.texts(trusted, "lint.trusted-bases"))


def _read_image(reader: _Reader, name: str, node: yaml.Node) -> ImageSettings:
    where = f"images.{_short(name)}"
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > 200:
        reader.refuse(node, f"{name[:_MAXIMUM_SHOWN]!r} is not a name for an image")
    known = ("dockerfile", "context", "target", "platforms", "build-args", "limits")
    found = reader.mapping(node, known, where=where)
    if "dockerfile" not in found:
        reader.refuse(node, f'{where}: the key "dockerfile" is missing')
    context, target, platforms = found.get("context"), found.get("target"), found.get("platforms")
    names, required = _read_platforms(reader, platforms, f"{where}.platforms")
    target_name = None if target is None else reader.text(target, f"{where}.target")
    if target is not None and target_name is not None and _STAGE.fullmatch(target_name) is None:
        reader.refuse(target, f"{where}.target: {_short(target_name)!r} is not a stage's name")
    return ImageSettings(
        name=name,
        line=node.start_mark.line + 1,
        dockerfile=reader.path_below(found["dockerfile"], f"{where}.dockerfile"),
        context=None if context is None else reader.path_below(context, f"{where}.context"),
        target=target_name,
        platforms=names,
        required_platforms=required,
        build_args=_read_build_args(reader, found.get("build-args"), f"{where}.build-args"),
        limits=_read_limits(reader, found.get("limits"), f"{where}.limits"),
    )


def _read_platforms(reader: _Reader, node: yaml.Node | None, where: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """The platforms, each a name or ``{ name: …, required: true }``, and those that are required."""
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
            reader.refuse(item, f"{where}: {_short(name)!r} is not a platform, as linux/arm64 is")
        if name in names:
            reader.refuse(item, f"{where}: a platform is named twice")
        names.append(name)
    return tuple(names), frozenset(required)


def _read_build_args(reader: _Reader, node: yaml.Node | None, where: str) -> dict[str, str]:
    if node is None:
        return {}
    arguments = {}
    for name, value in reader.pairs(node, where):
        if _ARGUMENT.fullmatch(name) is None:
            reader.refuse(value, f"{where}: {_short(name)!r} is not a name of a build argument")
        # As written: 1.10 stays 1.10 and yes stays yes.
        arguments[name] = reader.scalar(value, f"{where}.{_short(name)}")
    return arguments


def _read_build(reader: _Reader, node: yaml.Node | None) -> Build:
    if node is None:
        return Build()
    found = reader.mapping(node, ("builder", "cache-from"), where="build")
    builder, sources = found.get("builder"), found.get("cache-from")
    name = None if builder is None else reader.text(builder, "build.builder")
    if builder is not None and name is not None and _BUILDER.fullmatch(name) is None:
        reader.refuse(builder, f"build.builder: {_short(name)!r} is not a builder's name")
    places = []
    for index, item in enumerate([] if sources is None else reader.items(sources, "build.cache-from")):
        try:
            places.append(parse_cache_source(reader.text(item, f"build.cache-from[{index}]")))
        except UsageError as error:
            reader.refuse(item, f"build.{error}")
    return Build(builder_name=name, cache_from=tuple(places))


def _read_checks(reader: _Reader, node: yaml.Node | None) -> Checks:
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


def _read_ignored(reader: _Reader, node: yaml.Node, where: str) -> IgnoredFinding:
    found = reader.mapping(node, ("code", "image", "reason"), where=where)
    if "code" not in found:
        reader.refuse(node, f'{where}: the key "code" is missing')
    code = reader.text(found["code"], f"{where}.code")
    if _CODE.fullmatch(code) is None:
        reader.refuse(
            found["code"], f"{where}.code: {_short(code)!r} is not a finding's code, as runtime-ca-missing is"
        )
    if "reason" not in found:
        reader.refuse(node, f'{where}: the key "reason" is missing: say why {code} is accepted')
    image = found.get("image")
    return IgnoredFinding(
        code=code,
        reason=reader.text(found["reason"], f"{where}.reason"),
        image=None if image is None else reader.text(image, f"{where}.image"),
    )


def _read_tips(reader: _Reader, node: yaml.Node | None) -> Tips:
    if node is None:
        return Tips()
    found = reader.mapping(node, tuple(_TIPS), where="tips")
    values: dict[str, Any] = {}
    for key, value in found.items():
        field_name, read = _TIPS[key]
        values[field_name] = read(reader, value, f"tips.{key}")
    return Tips(**values)


def _read_override(reader: _Reader, node: yaml.Node | None) -> Override:
    if node is None:
        return Override()
    found = reader.mapping(node, ("label",), where="override")
    return Override(label=reader.text(found["label"], "override.label") if "label" in found else None)


def _over(upper: Limits, lower: Limits) -> Limits:
    """`upper` where it says something, else `lower`."""
    has_size = upper.max_size_bytes is not None
    return Limits(
        max_increase=upper.max_increase or lower.max_increase,
        max_size_bytes=upper.max_size_bytes if has_size else lower.max_size_bytes,
        max_size_text=upper.max_size_text if has_size else lower.max_size_text,
        ratchet=upper.ratchet or lower.ratchet,
    )


# --- nodes --------------------------------------------------------------------------------------------------------

_INT = "tag:yaml.org,2002:int"
_BOOL = "tag:yaml.org,2002:bool"
_NULL = "tag:yaml.org,2002:null"


class _Reader:
    """Takes nodes apart, refusing what does not belong with its line."""

    def __init__(self, path: str) -> None:
        self.path = path

    def refuse(self, node: yaml.Node, message: str) -> NoReturn:
        raise ConfigError(f"{self.path}:{node.start_mark.line + 1}: {message}")

    def check_bounds(self, root: yaml.Node) -> None:
        """Refuse a tree that its aliases make large, deep or endless, and tags that are not YAML's own."""
        waiting: list[tuple[yaml.Node, int]] = [(root, 1)]
        seen = 0
        while waiting:
            node, depth = waiting.pop()
            seen += 1
            if seen > _MAXIMUM_NODES:
                self.refuse(node, "too many values (aliases count as what they stand for)")
            if depth > _MAXIMUM_DEPTH:
                self.refuse(node, "nested too deeply")
            if not node.tag.startswith("tag:yaml.org,2002:"):
                self.refuse(node, f"the tag {_short(node.tag)!r} is not supported")
            if isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    waiting += [(value, depth + 1), (key, depth + 1)]
            elif isinstance(node, yaml.SequenceNode):
                waiting += [(item, depth + 1) for item in node.value]
            elif len(node.value) > _MAXIMUM_TEXT:
                self.refuse(node, f"a text longer than {_MAXIMUM_TEXT} characters")

    def pairs(self, node: yaml.Node, where: str) -> Iterator[tuple[str, yaml.Node]]:
        """The keys and values of a mapping, each key once."""
        if not isinstance(node, yaml.MappingNode):
            self.refuse(node, f"{where or 'the file'} must be a mapping (key: value), not {_kind(node)}")
        seen: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.refuse(key, f"a key {_in(where)}must be a word, not {_kind(key)}")
            if key.value in seen:
                self.refuse(key, f'duplicate key "{_short(key.value)}" {_in(where)}(first on line {seen[key.value]})')
            seen[key.value] = key.start_mark.line + 1
            yield key.value, value

    def mapping(self, node: yaml.Node, known: tuple[str, ...], *, where: str) -> dict[str, yaml.Node]:
        """A mapping whose keys are all among `known`."""
        if isinstance(node, yaml.MappingNode):
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value not in known:
                    nearest = difflib.get_close_matches(key.value[:_MAXIMUM_SHOWN], known, n=1, cutoff=0.5)
                    hint = f'did you mean "{nearest[0]}"?' if nearest else f"known here: {', '.join(known)}"
                    place = f" in {where}" if where else ""
                    self.refuse(key, f'unknown key "{_short(key.value)}"{place} ({hint})')
        return dict(self.pairs(node, where))

    def items(self, node: yaml.Node, where: str) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            self.refuse(node, f"{where} must be a list, not {_kind(node)}")
        return list(node.value)

    def texts(self, node: yaml.Node, where: str) -> tuple[str, ...]:
        return tuple(self.text(item, f"{where}[{index}]") for index, item in enumerate(self.items(node, where)))

    def scalar(self, node: yaml.Node, where: str) -> str:
        """The text of a scalar as written, whatever YAML takes it for."""
        if not isinstance(node, yaml.ScalarNode):
            self.refuse(node, f"{where} must be a text, not {_kind(node)}")
        if node.tag == _NULL and node.style is None:
            self.refuse(node, f'{where} has no value (an empty text is "")')
        value: str = node.value
        return value

    def text(self, node: yaml.Node, where: str) -> str:
        value = self.scalar(node, where)
        if not value.strip():
            self.refuse(node, f"{where} must not be empty")
        if not value.isprintable():
            self.refuse(node, f"{where} must be one line of printable characters")
        return value

    def boolean(self, node: yaml.Node, where: str) -> bool:
        if node.tag != _BOOL:
            self.refuse(node, f"{where} must be true or false, not {_short(_shown(node))}")
        return str(node.value).lower() in {"true", "yes", "on"}

    def count(self, node: yaml.Node, where: str) -> int:
        if node.tag != _INT or not node.value.isdecimal() or not 1 <= int(node.value) <= _MAXIMUM_COUNT:
            self.refuse(node, f"{where} must be a number from 1 to {_MAXIMUM_COUNT}, not {_short(_shown(node))}")
        return int(node.value)

    def choice(self, node: yaml.Node, where: str, choices: tuple[str, ...]) -> str:
        value = self.text(node, where)
        if value not in choices:
            nearest = difflib.get_close_matches(value[:_MAXIMUM_SHOWN], choices, n=1, cutoff=0.5)
            hint = f' (did you mean "{nearest[0]}"?)' if nearest else ""
            self.refuse(node, f"{where} must be one of {', '.join(choices)}, not {_short(value)!r}{hint}")
        return value

    def parsed(self, node: yaml.Node, where: str, parse: Callable[[str], _T]) -> _T:
        value = self.text(node, where)
        try:
            return parse(value)
        except ValueError as error:
            self.refuse(node, f"{where}: {error}")

    def path_below(self, node: yaml.Node, where: str) -> str:
        """A path below the repository's root, normal: no ``..``, no leading slash, ``.`` for the root."""
        value = self.text(node, where)
        if "://" in value:
            self.refuse(node, f"{where}: {_short(value)!r} is a URL; only folders of the repository can be weighed")
        path = posixpath.normpath(value)
        if path == ".." or path.startswith(("/", "../")):
            self.refuse(node, f"{where}: {_short(value)!r} is outside of the repository; write it from its root")
        return path


def _size(reader: _Reader, node: yaml.Node, where: str) -> int:
    return reader.parsed(node, where, parse_size)


def _duration(reader: _Reader, node: yaml.Node, where: str) -> float:
    return reader.parsed(node, where, parse_duration)


def _optional_tips(reader: _Reader, node: yaml.Node, where: str) -> tuple[str, ...]:
    items = enumerate(reader.items(node, where))
    return tuple(reader.choice(item, f"{where}[{index}]", OPTIONAL_TIPS) for index, item in items)


_TIPS: dict[str, tuple[str, Callable[[_Reader, yaml.Node, str], object]]] = {
    "verify": ("verify", _Reader.boolean),
    "ladder": ("ladder", _Reader.boolean),
    "minimum-saving": ("minimum_saving_bytes", _size),
    "include": ("include", _optional_tips),
    "maximum-builds": ("maximum_builds", _Reader.count),
    "maximum-builds-in-all": ("maximum_builds_in_all", _Reader.count),
    "build-time-limit": ("build_time_limit_seconds", _duration),
    "time-limit": ("time_limit_seconds", _duration),
    "disk-limit": ("disk_limit_bytes", _size),
}
"""The keys of ``tips``: the field of `Tips` that each is, and how it is read."""


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if node.tag == _NULL:
        return "nothing"
    return "a single value"


def _shown(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else _kind(node)


def _in(where: str) -> str:
    return f"in {where} " if where else ""


def _short(text: str) -> str:
    """A text of the file in one printable line of a message."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text[: _MAXIMUM_SHOWN + 1])
    return shown if len(shown) <= _MAXIMUM_SHOWN else f"{shown[:_MAXIMUM_SHOWN]}…"


# --- schema -------------------------------------------------------------------------------------------------------


def config_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the configuration file, for editors."""
    size = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?([kKMGT]i?)?B$", "examples": ["500MB", "64MiB"]}
    count = {"type": "integer", "minimum": 1, "maximum": _MAXIMUM_COUNT}
    duration = {
        "type": ["string", "integer"],
        "minimum": 1,
        "pattern": r"^[0-9]+(\.[0-9]+)? ?[smh]?$",
        "examples": ["90s", "10m"],
    }
    growth = r"\+ ?[0-9]+(\.[0-9]+)? ?(%|([kKMGT]i?)?B)"
    limits = _object(
        {
            "max-increase": {
                "type": "string",
                "pattern": f"^{growth}(( and {growth})+|( or {growth})+)?$",
                "description": "How much an image may grow between base and head.",
                "examples": ["+10%", "+5MB", "+5MB and +10%", "+5MB or +10%"],
            },
            "max-size": {**size, "description": "How large an image may be, unpacked."},
            "ratchet": _object(
                {
                    "since": {
                        "type": "string",
                        "pattern": f"^{_REVISION.pattern}$",
                        "description": "A tag or commit of the default branch, or a day.",
                        "examples": ["v1.0", "2026-01-31"],
                    },
                    "max-increase": {"type": "string", "pattern": f"^{growth}(( and {growth})+|( or {growth})+)?$"},
                },
                required=["since", "max-increase"],
            ),
        }
    )
    text = {"type": "string", "minLength": 1}
    platform = {"type": "string", "pattern": f"^{PLATFORM.pattern}$"}
    image = _object(
        {
            "dockerfile": {**text, "description": "Path from the repository's root."},
            "context": {
                **text,
                "description": "Path from the repository's root; found by looking where it is not given.",
            },
            "target": {**text, "description": "The stage to build; the last one where it is not given."},
            "platforms": {
                "type": "array",
                "items": {
                    "anyOf": [
                        platform,
                        _object({"name": platform, "required": {"type": "boolean"}}, required=["name"]),
                    ]
                },
                "uniqueItems": True,
            },
            "build-args": {
                "type": "object",
                "propertyNames": {"pattern": f"^{_ARGUMENT.pattern}$"},
                "additionalProperties": {"type": ["string", "number", "boolean"]},
            },
            "limits": limits,
        },
        required=["dockerfile"],
    )
    ignored = _object({"code": text, "image": text, "reason": text}, required=["code", "reason"])
    schema = _object(
        {
            "version": {"const": CONFIG_VERSION},
            "limits": limits,
            "discover": _object(
                {
                    "include": {
                        "type": "array",
                        "items": text,
                        "description": "Globs of Dockerfile paths; only these.",
                    },
                    "exclude": {"type": "array", "items": text, "description": "Globs of Dockerfile paths."},
                    "bake-targets": {
                        "type": "array",
                        "items": {"type": "string", "pattern": f"^{_BAKE_TARGET.pattern}$"},
                        "description": "Targets and groups that are asked of bake files; default where none is named.",
                    },
                }
            ),
            "images": {"type": "object", "additionalProperties": image},
            "build": _object(
                {
                    "builder": {**text, "description": "The buildx builder that builds."},
                    "cache-from": {
                        "type": "array",
                        "items": text,
                        "description": "As docker buildx build takes it; {image} and {side} are filled in.",
                        "examples": [["type=registry,ref=registry.example/cache:{image}"]],
                    },
                }
            ),
            "checks": _object(
                {
                    "fail-on": {"enum": [str(choice) for choice in FailOn]},
                    "ignore": {"type": "array", "items": ignored},
                }
            ),
            "lint": _object(
                {"trusted-bases": {"type": "array", "items": text, "description": "Image names without tag."}}
            ),
            "tips": _object(
                {
                    "verify": {"type": "boolean", "description": "Build the patches of tips and measure them."},
                    "ladder": {"type": "boolean", "description": "Also build the image on other bases."},
                    "minimum-saving": size,
                    "include": {
                        "type": "array",
                        "items": {"enum": list(OPTIONAL_TIPS)},
                        "description": "Optional tips.",
                    },
                    "maximum-builds": {**count, "description": "Of one image, for its tips and its ladder."},
                    "maximum-builds-in-all": {**count, "description": "Of a run."},
                    "build-time-limit": {**duration, "description": "For one of these builds."},
                    "time-limit": {**duration, "description": "For all of these builds together."},
                    "disk-limit": {**size, "description": "For all of them, each as large as its image is now."},
                }
            ),
            "override": _object({"label": text}),
            "history": _object(
                {
                    "branch": {
                        **text,
                        "description": "A branch of its own for what images weigh.",
                    }
                }
            ),
        }
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Weighbridge configuration ({DEFAULT_CONFIG})",
        **schema,
    }


def _object(properties: Mapping[str, Any], *, required: list[str] | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": dict(properties)}
    if required:
        schema["required"] = required
    return schema
