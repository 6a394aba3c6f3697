"""The tip cache: stores measurements of patched Dockerfiles, so that the next push does not build them again.

A measurement has two keys. The content key covers every file that the build reads, so its result is the same. The
recipe key omits copied files, so its result belongs to another commit, which the report names. Records that are
corrupt, too old or of another version count as missing.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import msgspec

from weighbridge import __version__
from weighbridge.build.builder import BuildRequest
from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.result.tips import EarlierMeasurement
from weighbridge.domain.start.predict import Starts
from weighbridge.domain.tips.measured import Measured
from weighbridge.domain.tips.patch import Patched, Sources
from weighbridge.sources.layer_cache import LayerCache

_FORMAT = 1
_MAXIMUM_BYTES = 256 * 1024
_CLOCK_SKEW_SECONDS = 300
_Text = Annotated[str, msgspec.Meta(max_length=4_000)]
_Bytes = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


@dataclass(frozen=True, kw_only=True, slots=True)
class TipKeys:
    """The keys of one variant. `content` is ``None`` if the content of a build is unknown."""

    content: str | None
    recipe: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CachedVariant:
    """A measurement of an earlier run: the image without and with the patch. `earlier` has its time and commit."""

    before: Measured
    after: Measured
    earlier: EarlierMeasurement


class _Finding(msgspec.Struct, array_like=True):
    code: CheckCode
    severity: Severity
    subject: Subject
    path: _Text | None
    predicts: _Text | None


class _Figures(msgspec.Struct, array_like=True):
    unpacked_bytes: _Bytes
    download_bytes: _Bytes | None
    download_estimated: bool
    starts: Starts
    start_error: _Text | None
    findings: Annotated[list[_Finding], msgspec.Meta(max_length=2_000)]
    shell: bool
    debug_tools: Annotated[list[_Text], msgspec.Meta(max_length=100)]


class _Record(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    format: int
    version: str
    key: str
    base_layers: str
    commit: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40,64}\Z")]
    measured_at: int
    before: _Figures
    after: _Figures


_decoder = msgspec.msgpack.Decoder(_Record)


class TipCache:
    """The measured variants in one cache folder. With `maximum_age_seconds` 0 the cache is write-only."""

    def __init__(self, cache: LayerCache, *, maximum_age_seconds: float, now: float | None = None) -> None:
        self._cache = cache
        self._maximum_age_seconds = maximum_age_seconds
        self._now = int(time.time() if now is None else now)

    def find(self, keys: TipKeys, *, base_layers: str) -> CachedVariant | None:
        """The measurement of the same content, or otherwise of the same recipe; ``None`` if there is none.

        `base_layers` identifies the base image's layers in head. If the base image moved, nothing is found.
        """
        if self._maximum_age_seconds <= 0:
            return None
        for key, is_same_content in ((keys.content, True), (keys.recipe, False)):
            record = None if key is None else self._record(key)
            if record is None or record.base_layers != base_layers:
                continue
            return CachedVariant(
                before=_measured(record.before),
                after=_measured(record.after),
                earlier=EarlierMeasurement(
                    commit=record.commit, measured_at=record.measured_at, is_same_content=is_same_content
                ),
            )
        return None

    def keep(self, keys: TipKeys, *, base_layers: str, commit: str, before: Measured, after: Measured) -> None:
        """Store a measurement of this run under both keys."""
        for key in (keys.content, keys.recipe):
            if key is None:
                continue
            record = _Record(
                format=_FORMAT,
                version=__version__,
                key=key,
                base_layers=base_layers,
                commit=commit,
                measured_at=self._now,
                before=_figures(before),
                after=_figures(after),
            )
            self._cache.put_document(f"tip {key}", msgspec.msgpack.encode(record))

    def _record(self, key: str) -> _Record | None:
        content = self._cache.document(f"tip {key}")
        if content is None or len(content) > _MAXIMUM_BYTES:
            return None
        try:
            record = _decoder.decode(content)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            return None
        age_seconds = self._now - record.measured_at
        is_usable = (record.format, record.version, record.key) == (
            _FORMAT,
            __version__,
            key,
        ) and -_CLOCK_SKEW_SECONDS <= age_seconds <= self._maximum_age_seconds
        return record if is_usable else None


def tip_keys(
    request: BuildRequest,
    sources: Sources,
    files: Patched,
    *,
    head_key: str | None,
    circumstances: Iterable[str] | None,
) -> TipKeys:
    """The keys of the build `request` with `files` in place of `sources`.

    `head_key` is the content key of head. `circumstances` identify engine and builder. Both are ``None`` if unknown. A
    build with contexts of other images has no recipe key, because their content matters.
    """
    variant = [files.text, files.ignore_text or "", "ignored" if files.ignore_text is not None else "as it is"]
    content = None if head_key is None else _digest(["content", head_key, *variant])
    if circumstances is None or head_key is None or request.contexts:
        return TipKeys(content=content, recipe=None)
    facts = [
        request.image or "",
        sources.dockerfile,
        sources.ignore_file,
        request.target or "",
        request.platform or "",
        *(f"{name}={value}" for name, value in sorted(request.build_args.items())),
        *sorted(request.secret_files),
        *sorted(circumstances),
    ]
    recipe = _digest(["recipe", sources.text, sources.ignore_text or "", *variant, *facts])
    return TipKeys(content=content, recipe=recipe)


def base_layers_of(head: WeighedImage) -> str:
    """An identifier of the base image's layers in `head`."""
    return _digest(layer.diff_id for layer in head.layers if layer.from_base_image)


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape")
        digest.update(f"{len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()


def _figures(one: Measured) -> _Figures:
    return _Figures(
        unpacked_bytes=one.unpacked_bytes,
        download_bytes=one.download_bytes,
        download_estimated=one.download_estimated,
        starts=one.starts,
        start_error=None if one.start_error is None else _utf8(one.start_error),
        findings=[
            _Finding(
                code=finding.code,
                severity=finding.severity,
                subject=finding.subject,
                path=None if finding.path is None else _utf8(finding.path),
                predicts=None if finding.predicts is None else _utf8(finding.predicts),
            )
            for finding in one.findings
        ],
        shell=one.shell,
        debug_tools=list(one.debug_tools),
    )


def _measured(figures: _Figures) -> Measured:
    return Measured(
        unpacked_bytes=figures.unpacked_bytes,
        download_bytes=figures.download_bytes,
        download_estimated=figures.download_estimated,
        starts=figures.starts,
        start_error=figures.start_error,
        findings=tuple(
            Finding(code=one.code, severity=one.severity, subject=one.subject, path=one.path, predicts=one.predicts)
            for one in figures.findings
        ),
        shell=figures.shell,
        debug_tools=tuple(figures.debug_tools),
    )


def _utf8(value: str) -> str:
    """`value` with escapes for bytes that are not UTF-8, cut to the maximum length of a record."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")[:4_000]
