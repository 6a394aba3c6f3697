"""The report as the Markdown comment of a pull request, and as the summary of a job.

The numbers and words are made ready here; the templates under ``templates/markdown`` only place them, and can print
nothing unescaped (see `weighbridge.report.escape`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jinja2

from weighbridge.domain.finding import Severity, Subject
from weighbridge.errors import UsageError
from weighbridge.report.compose import Piece, Section, compose
from weighbridge.report.escape import (
    Markdown,
    code,
    environment,
    fence,
    figure,
    html_code,
    is_marker_key,
    join,
    prose,
    text,
)
from weighbridge.report.markdown_tips import ladder_section, shared_tips_section, tips_section
from weighbridge.report.model import (
    Failure,
    FindingReport,
    ImageReport,
    ImageSide,
    LayerRow,
    Override,
    Report,
    Revision,
    Status,
    TrialReport,
)
from weighbridge.report.units import bar, format_bytes, format_delta, format_share, sparkline
from weighbridge.report.view.contents import (
    FILE_MARKS,
    LAYER_MARKS,
    changed_bytes,
    changed_layers,
    file_delta,
    file_path,
    has_one_side,
    layer_delta,
    main_layer,
    package_bytes_text,
    package_versions,
    same_layers,
    sorted_files,
    sorted_packages,
    top_folders,
    weightiest,
)
from weighbridge.report.view.facts import image_facts
from weighbridge.report.view.findings import (
    Starts,
    finding_place,
    ignored_findings,
    image_starts,
    new_findings,
    old_findings,
    trial_verdict,
)
from weighbridge.report.view.memory import memory_summary, trend_sizes
from weighbridge.report.view.sizes import (
    download_text,
    estimated_text,
    image_delta,
    percent_text,
    unpacked_text,
    waste_text,
)
from weighbridge.report.view.verdict import (
    broken_limits,
    counts_text,
    is_inspection,
    is_quiet,
    known_total,
    named_sides,
    reason_text,
    sorted_images,
    verdict_clauses,
)
from weighbridge.report.view.words import (
    ABSENT,
    bytes_text,
    enumerate_words,
    layer_name,
    more_text,
    plural,
    short_sha,
    where,
)

MAXIMUM_COMMENT_CHARACTERS = 65_536
"""GitHub answers 422 to a longer body ("body is too long (maximum is 65536 characters)"), on create and on edit."""

_FOLD_UNCHANGED_FROM = 6
_LAYER_ROWS = 15
_PACKAGE_ROWS = 10
_FILE_ROWS = 10
_FINDING_ROWS = 20
_BAR_CELLS = 10
_NAME_CHARACTERS = 80
_TREND_BLOCKS = 12

# Which pieces are dropped first where the comment is too long: the higher, the earlier. 0 is never dropped.
_KEEP = 0
_RANK_LIMIT = 10
_RANK_CHANGED_ROW = 20
_RANK_PROBLEM = 30
_RANK_NOTE = 40
_RANK_CAUSE = 45
_RANK_LOG = 50
_RANK_TIP = 55
_RANK_IGNORED = 60
_RANK_LADDER = 62
_RANK_LAYERS = 65
_RANK_PACKAGES = 70
_RANK_FINDINGS = 75
_RANK_FILES = 80
_RANK_UNCHANGED_ROW = 90

_NONE = Markdown(ABSENT)
_SEVERITY_ICON = {Severity.ERROR: "❌", Severity.WARNING: "⚠️", Severity.INFO: "💬"}

_templates = environment(jinja2.PackageLoader("weighbridge.report", "templates/markdown"))


def comment_marker(key: str) -> str:
    """The hidden first line by which our comment of this `key` is found again.

    Raises UsageError for a key that could end the HTML comment or be mistaken for another.
    """
    if not is_marker_key(key):
        raise UsageError(
            f"comment-key {key[:80]!r}: use 1 to 64 letters, digits, '.', '_' and single '-', not '-' at the end."
        )
    return f"<!-- weighbridge:v1:{key} -->"


def render_markdown(
    report: Report, *, key: str = "default", maximum_characters: int = MAXIMUM_COMMENT_CHARACTERS
) -> str:
    """The comment, at most `maximum_characters` long.

    Where it would be longer, details are left out, the least important first, and it says how many. The marker, the
    headline and the reasons of the verdict go last. Raises UsageError for a key that cannot stand in the marker.
    """
    marker = comment_marker(key) + "\n"
    if is_inspection(report):
        sections = _inspection(report, marker)
        return compose(sections, maximum=maximum_characters, remark=_remark, remark_before=len(sections) - 1)
    if is_quiet(report):
        sections = [_section(marker, _quiet(report) + "\n"), _notes(report)]
        return compose(sections, maximum=maximum_characters, remark=_remark, remark_before=1)
    images = sorted_images(report)
    sections = [
        _section(marker, _headline(report) + "\n\n"),
        _override(report.verdict.override),
        _limits(report),
        _table(report, images),
        _section(_upgrade_sentence(images)),
        _problems(images),
        *(_failure_logs(image) for image in images),
        *(_details(image) for image in images),
        tips_section(report, rank=_RANK_TIP),
        shared_tips_section(report, rank=_RANK_TIP),
        *(ladder_section(image, rank=_RANK_LADDER) for image in images),
        _ignored(images),
        _notes(report, images),
        _section(_footer(report) + "\n"),
    ]
    return compose(sections, maximum=maximum_characters, remark=_remark, remark_before=len(sections) - 1)


def _template(name: str, **values: Any) -> Markdown:
    return Markdown(_templates.get_template(f"{name}.md.j2").render(values).strip("\n"))


def _section(*parts: str, rank: int = _KEEP, kind: str = "") -> Section:
    return Section(pieces=tuple(Piece(text=part, rank=rank, kind=kind) for part in parts if part))


def _remark(omitted: dict[str, int]) -> str:
    said = enumerate_words(f"{count} × {kind}" for kind, count in omitted.items())
    return f"✂️ Left out, to fit into one comment: {said}. The full report has them.\n\n"


# The head: headline, override, broken limits.


def _quiet(report: Report) -> Markdown:
    count = len(report.images)
    if not count:
        return _template("quiet", sentence="no Dockerfile is affected, nothing to weigh.")
    skipped = sum(image.status is Status.SKIPPED for image in report.images)
    images = f"{count} {plural(count, 'image')}"
    aside = f" ({skipped} of them skipped)" if skipped else ""
    return _template("quiet", sentence=f"no change in {images}{aside}. ✅ passed")


def _headline(report: Report) -> Markdown:
    total = known_total(report)
    missing = total.not_known
    return _template(
        "headline",
        counts=counts_text(report),
        total=figure(format_delta(total.delta_bytes)),
        not_known=f"({missing} {plural(missing, 'image')} not known)" if missing else "",
        verdict=_verdict(report),
    )


def _verdict(report: Report) -> Markdown:
    clauses = verdict_clauses(report)
    if report.verdict.passed:
        return Markdown("⚠️ allowed by hand" if clauses else "✅ passed")
    if not clauses:
        return Markdown("❌ failed")
    shown = [Markdown(f"{_name(each.image)} {text(each.what)}") for each in clauses[:2]]
    more = len(clauses) - len(shown)
    said = join(shown, ", ") if more else join(shown, " and ")
    return Markdown(f"❌ {said}" + (f" and {more} more {plural(more, 'reason')}" if more else ""))


def _override(override: Override | None) -> Section:
    if override is None:
        return _section()
    said = (
        f"> ⚠️ The gate was opened by {code(override.actor)} with the label {code(override.label)} ({text(override.at)})"
    )
    return _section(said + (f": {prose(override.reason)}" if override.reason else ".") + "\n\n")


def _limits(report: Report) -> Section:
    """The reasons of the verdict that no other block tells: broken limits, and rules of a later version."""
    told = {"check", "build", "unreadable", "unavailable"}
    icon = "⚠️" if report.verdict.passed else "❌"
    lines = []
    images = {image.name: image for image in report.images}
    for reason in report.verdict.reasons:
        image = images.get(reason.image)
        if reason.rule in told and image is not None and (image.failures or image.findings):
            continue
        sentence = prose(reason_text(reason))
        lines.append(_template("limit", icon=icon, image=_name(reason.image), sentence=sentence) + "\n\n")
    first = Piece(text=lines[0], rank=_KEEP, kind="") if lines else None
    rest = [Piece(text=line, rank=_RANK_LIMIT, kind="reason") for line in lines[1:]]
    return Section(pieces=(first, *rest) if first else ())


# One image alone, as ``inspect`` gives it.


def _inspection(report: Report, marker: str) -> list[Section]:
    images = sorted_images(report)
    return [
        _section(marker),
        *(section for image in images for section in _inspected(image)),
        tips_section(report, rank=_RANK_TIP),
        _ignored(images),
        _notes(report),
        _section(_footer(report) + "\n"),
    ]


def _inspected(image: ImageReport) -> list[Section]:
    side = image.head
    size = figure(format_bytes(None if side is None else side.unpacked_bytes))
    runs = {Starts.YES: "✅ starts", Starts.NOT_CHECKED: "start not checked"}
    starts = image_starts(image)
    verdict = "❌ will not start" if starts in {Starts.NO_NEW, Starts.NO_AS_BEFORE} else runs.get(starts)
    heading = f"### ⚖️ Weighbridge: {_name(image.name)} · **{size}**{f' · {verdict}' if verdict else ''}\n\n"
    pieces = [
        Piece(text=block + "\n\n", rank=rank, kind=kind)
        for block, rank, kind in (
            (_inspected_sizes(side, image.remarks), _RANK_CAUSE, "summary"),
            (_inspected_layers(side), _RANK_LAYERS, "layer table"),
            (_packages(image), _RANK_PACKAGES, "package table"),
            (_findings(image), _RANK_FINDINGS, "list of findings"),
            (_files(image), _RANK_FILES, "file table"),
        )
        if block
    ]
    return [_section(heading), _problems([image]), _failure_logs(image), Section(pieces=tuple(pieces))]


def _inspected_sizes(side: ImageSide | None, remarks: Sequence[str]) -> Markdown:
    if side is None:
        return Markdown("")
    facts = [Markdown(f"Download, compressed: {figure(download_text(side))}.")]
    waste = waste_text(side)
    if waste:
        facts.append(text(f"It has {waste}."))
    facts += [prose(remark) for remark in remarks]
    return _template("facts", facts=facts)


def _inspected_layers(side: ImageSide | None) -> Markdown:
    if side is None or not side.layers:
        return Markdown("")
    weighty = weightiest(side.layers, lambda layer: layer.unpacked_bytes, maximum=_LAYER_ROWS)
    largest = max(layer.unpacked_bytes for layer in weighty)
    more = len(side.layers) - len(weighty)
    rows = [
        {
            "line": _NONE if layer.line is None else Markdown(str(layer.line)),
            "instruction": _instruction(layer.instruction, layer.note, from_base_image=layer.from_base_image),
            "size": figure(format_bytes(layer.unpacked_bytes)),
            "share": text(format_share(layer.unpacked_bytes, side.unpacked_bytes)),
            "bar": _bar(layer.unpacked_bytes, largest),
        }
        for layer in weighty
    ]
    return _template("inspected", rows=rows, more=f"and {more} smaller {plural(more, 'layer')}" if more else "")


# The table of images.


def _table(report: Report, images: Sequence[ImageReport]) -> Section:
    if not images:
        return _section()
    quiet = [image for image in images if _is_plain(image)]
    folded = quiet if len(quiet) >= _FOLD_UNCHANGED_FROM else []
    columns = _columns(report, images)
    shown = [image for image in images if not (folded and _is_plain(image))]
    rows = [
        Piece(
            text=_row(cell(image) for _, _, cell in columns),
            rank=_RANK_UNCHANGED_ROW if _is_plain(image) else _RANK_CHANGED_ROW,
            kind="image",
        )
        for image in shown
    ]
    opening = _row(Markdown(title) for title, _, _ in columns) + "|" + "|".join(rule for _, rule, _ in columns) + "|\n"
    after = f"\nUnchanged and not listed: {len(folded)} {plural(len(folded), 'image')}.\n\n" if folded else "\n"
    if not rows:
        return _section(after.lstrip("\n"))
    return Section(opening=opening, pieces=tuple(rows), closing=after)


def _columns(report: Report, images: Sequence[ImageReport]) -> list[tuple[str, str, Callable[[ImageReport], Markdown]]]:
    limits = broken_limits(report)
    broken = "⚠️" if report.verdict.passed else "❌"

    def limit(image: ImageReport) -> Markdown:
        if image.name in limits:
            return Markdown(f"{broken} {figure(limits[image.name])}")
        return Markdown(f"✅ {figure(image.limit)}") if image.limit and image.head else _NONE

    columns: list[tuple[str, str, Callable[[ImageReport], Markdown]]] = [
        ("image", "---", _name_cell),
        ("base", "--:", lambda image: figure(unpacked_text(image.base))),
        ("head", "--:", lambda image: figure(unpacked_text(image.head))),
        ("change", "--:", _change),
    ]
    if any(image.delta.upgrade_bytes is not None for image in images):
        columns.append(("pull on upgrade", "--:", _upgrade))
    if any(image_starts(image) is not Starts.NOT_KNOWN for image in images):
        columns.append(("runs?", ":-:", _runs))
    if limits or any(image.limit for image in images):
        columns.append(("limit", ":-:", limit))
    if any(len(trend_sizes(image)) > 1 for image in images):
        columns.append(("trend", "---", _trend))
    return columns


def _row(cells: Iterable[Markdown]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _is_plain(image: ImageReport) -> bool:
    return image.status in {Status.UNCHANGED, Status.SKIPPED} and not (image.failures or new_findings(image))


def _name(name: str) -> Markdown:
    return code(name, maximum=_NAME_CHARACTERS)


def _name_cell(image: ImageReport) -> Markdown:
    return _name(image.name) if _is_plain(image) else Markdown(f"**{_name(image.name)}**")


def _change(image: ImageReport) -> Markdown:
    delta = image_delta(image)
    match image.status:
        case Status.UNCHANGED:
            return Markdown("– unchanged")
        case Status.SKIPPED:
            return Markdown("– skipped")
        case Status.FAILED:
            return Markdown(f"❌ {_failed_in_words(image.failures)}")
        case Status.ADDED:
            return Markdown(f"🆕 {figure(format_delta(delta))}")
        case Status.REMOVED:
            return Markdown(f"🗑️ {figure(format_delta(delta))}")
        case _ if delta is None:
            return Markdown("not known")
        case _:
            icon = "🔺 " if delta > 0 else "🔻 " if delta < 0 else ""
            return Markdown(f"{icon}{figure(format_delta(delta))}{_percent(image)}")


def _percent(image: ImageReport) -> str:
    value = percent_text(image)
    return f" ({figure(value)})" if value else ""


def _upgrade(image: ImageReport) -> Markdown:
    size = image.delta.upgrade_bytes
    if size is None or image.head is None or image.base is None:
        return _NONE
    return figure(estimated_text(size, estimated=image.head.download_estimated))


def _runs(image: ImageReport) -> Markdown:
    if image.status is Status.REMOVED:
        return _NONE
    return {
        Starts.YES: Markdown("✅"),
        Starts.NO_NEW: Markdown("❌ new"),
        Starts.NO_AS_BEFORE: Markdown("❌ as before"),
        Starts.NOT_CHECKED: Markdown("not checked"),
        Starts.NOT_KNOWN: _NONE,
    }[image_starts(image)]


def _trend(image: ImageReport) -> Markdown:
    sizes = trend_sizes(image)
    return Markdown(sparkline(sizes[-_TREND_BLOCKS:])) if len(sizes) > 1 else _NONE


def _upgrade_sentence(images: Sequence[ImageReport]) -> str:
    known = [
        image
        for image in images
        if image.delta.upgrade_bytes is not None and image.base is not None and image.head is not None
    ]
    if not known:
        return ""
    first = known[0]
    estimated = " ≈ was computed here, with one compressor for both sides." if _estimated(known) else ""
    return (
        f"<sub>Pull on upgrade: a node that runs base of {_name(first.name)} pulls"
        f" {figure(format_bytes(first.delta.upgrade_bytes))}, compressed, to run head.{estimated}</sub>\n\n"
    )


def _estimated(images: Iterable[ImageReport]) -> bool:
    return any(image.head is not None and image.head.download_estimated for image in images)


# What is broken: new errors and failed builds.


def _problems(images: Sequence[ImageReport]) -> Section:
    blocks: list[str] = []
    for image in images:
        blocks += [_failure(image, failure) for failure in image.failures]
        errors = [each for each in new_findings(image) if each.severity is Severity.ERROR]
        blocks += [_error(image, finding) for finding in errors]
        blocks += [_trial(image, image.head.trial)] if image.head and image.head.trial else []
    return Section(pieces=tuple(Piece(text=block + "\n\n", rank=_RANK_PROBLEM, kind="error") for block in blocks))


def _error(image: ImageReport, finding: FindingReport) -> Markdown:
    what = {
        Subject.ENTRYPOINT: "will not start",
        Subject.HEALTHCHECK: "will never be healthy",
        Subject.FILE: "has an error",
    }[finding.subject]
    place = where(image, finding.line)
    return _template(
        "start",
        icon="❌",
        image=_name(image.name),
        what=what,
        predicts=code(finding.predicts) if finding.predicts else "",
        evidence=_evidence(finding),
        place=code(place) if place else "",
        code=code(finding.code),
        fix=prose(finding.fix) if finding.fix else "",
    )


def _trial(image: ImageReport, trial: TrialReport) -> Markdown:
    return _template(
        "start",
        icon="⚠️" if trial.agrees is False else "▶️",
        image=_name(image.name),
        what="was not started" if trial.outcome == "not tried" else "was really started",
        predicts=code(trial.message),
        evidence=join([code(line) for line in trial.output[-3:]], " ⏎ "),
        place="",
        code=text(trial_verdict(trial)),
        fix="",
    )


def _evidence(finding: FindingReport) -> Markdown:
    shown = [code(each) for each in finding.evidence[:6]]
    more = len(finding.evidence) - len(shown)
    return join([*shown, Markdown(f"{more} more")] if more > 0 else shown, " → ")


_FAILED = {
    "build": "did not build",
    "unreadable": "could not be read",
    "unavailable": "could not be had",
    "dockerfile": "has a Dockerfile that does not parse",
    "context": "has no usable build context",
}


def _failed_in_words(failures: Sequence[Failure]) -> str:
    sides = enumerate_words(dict.fromkeys(failure.side for failure in failures))
    return f"{sides} {_FAILED[failures[0].kind]}" if failures else "not known"


def _failure(image: ImageReport, failure: Failure) -> Markdown:
    what = f"{_FAILED[failure.kind]} ({failure.side})"
    return _template("failure", image=_name(image.name), what=what, message=prose(failure.message))


def _failure_logs(image: ImageReport) -> Section:
    logs = [
        _template(
            "log",
            image=html_code(image.name, maximum=_NAME_CHARACTERS),
            side=failure.side,
            log=fence(failure.log_tail),
        )
        for failure in image.failures
        if failure.log_tail
    ]
    return _section(*(log + "\n\n" for log in logs), rank=_RANK_LOG, kind="build log")


# The folded details of one image.


def _details(image: ImageReport) -> Section:
    pieces = [
        Piece(text=piece_text + "\n\n", rank=rank, kind=kind)
        for piece_text, rank, kind in (
            (_facts(image), _RANK_CAUSE, "summary"),
            (_layers(image), _RANK_LAYERS, "layer table"),
            (_packages(image), _RANK_PACKAGES, "package table"),
            (_findings(image), _RANK_FINDINGS, "list of findings"),
            (_files(image), _RANK_FILES, "file table"),
        )
        if piece_text
    ]
    if _is_plain(image):
        return _section()
    opening = f"<details><summary>{_details_title(image)}</summary>\n\n"
    return Section(opening=opening, pieces=tuple(pieces), closing="</details>\n\n")


def _details_title(image: ImageReport) -> Markdown:
    name = Markdown(f"<b>{html_code(image.name, maximum=_NAME_CHARACTERS)}</b>")
    main = main_layer(image)
    if image.status is Status.ADDED and image.head is not None:
        return Markdown(f"{name}: new, {figure(format_bytes(image.head.unpacked_bytes))}")
    if image.status is Status.REMOVED and image.base is not None:
        return Markdown(f"{name}: removed, {figure(format_delta(image_delta(image)))}")
    if main is None:
        return Markdown(f"{name}: details")
    verb = "grew" if layer_delta(main) > 0 else "shrank"
    line = f" (line {main.line})" if main.line is not None else ""
    instruction = html_code(layer_name(main.instruction), maximum=100)
    return Markdown(f"{name}: what {verb}: {figure(format_delta(layer_delta(main)))} is {instruction}{line}")


def _facts(image: ImageReport) -> Markdown:
    facts: list[Markdown] = []
    facts += [text(fact) for fact in image_facts(image)]
    if image.reason:
        facts.append(prose(image.reason))
    folders = [
        Markdown(f"{code(row.path, maximum=100)} {figure(format_delta(row.delta_bytes))}") for row in top_folders(image)
    ]
    if folders:
        facts.append(Markdown(f"Where: {join(folders, ', ')}."))
    facts += [prose(remark) for remark in image.remarks]
    facts += _config_changes(image.base, image.head)
    return _template("facts", facts=facts) if facts else Markdown("")


def _config_changes(base: ImageSide | None, head: ImageSide | None) -> list[Markdown]:
    if base is None or head is None:
        return []
    changes: list[Markdown] = []
    for name in ("entrypoint", "cmd", "shell", "user", "workdir", "healthcheck"):
        before, after = getattr(base.config, name), getattr(head.config, name)
        if before != after:
            changes.append(Markdown(f"{name.upper()}: {_setting(before)} → {_setting(after)}"))
    return changes


def _setting(value: tuple[str, ...] | str | None) -> Markdown:
    if not value:
        return Markdown("none")
    return code(value if isinstance(value, str) else " ".join(value), maximum=120)


def _layers(image: ImageReport) -> Markdown:
    changed = changed_layers(image)
    if not changed:
        return Markdown("")
    largest = max(map(changed_bytes, changed))
    weighty = weightiest(changed, changed_bytes, maximum=_LAYER_ROWS)
    same_count, same_bytes = same_layers(image)
    more = len(changed) - len(weighty)
    return _template(
        "layers",
        rows=[_layer_row(row, largest) for row in weighty],
        same_count=same_count,
        same_noun=plural(same_count, "layer"),
        same_size=figure(format_bytes(same_bytes)),
        more=f"{more_text(more, 'layer')} with smaller changes" if more else "",
    )


def _layer_row(row: LayerRow, largest: int) -> dict[str, Markdown]:
    delta = layer_delta(row)
    return {
        "icon": Markdown(LAYER_MARKS[row.change]),
        "line": _NONE if row.line is None else Markdown(str(row.line)),
        "instruction": _instruction(row.instruction, row.note, from_base_image=row.from_base_image),
        "base": figure(bytes_text(row.base_bytes)),
        "head": figure(bytes_text(row.head_bytes)),
        "change": figure(format_delta(delta)),
        "bar": _bar(abs(delta), largest),
    }


def _instruction(instruction: str | None, note: str | None, *, from_base_image: bool) -> Markdown:
    shown = code(layer_name(instruction), maximum=90)
    if from_base_image:
        shown = Markdown(f"{shown} <sub>base image</sub>")
    return Markdown(f"{shown}<br><sub>{text(note, maximum=200)}</sub>") if note else shown


def _bar(part: int, whole: int) -> Markdown:
    drawn = bar(part, whole, width=_BAR_CELLS)
    return Markdown(f"`{drawn}`" if drawn else "")


def _packages(image: ImageReport) -> Markdown:
    packages = sorted_packages(image)
    if not packages:
        return Markdown("")
    more = max(0, len(packages) - _PACKAGE_ROWS) + image.packages_omitted
    one_side = has_one_side(image)
    rows = [
        {
            "name": code(row.name, maximum=60),
            "ecosystem": text(row.ecosystem, maximum=20),
            "versions": [
                _NONE if version is None else code(version, maximum=40)
                for version in package_versions(row, one_side=one_side)
            ],
            "bytes": figure(package_bytes_text(row, one_side=one_side)),
        }
        for row in packages[:_PACKAGE_ROWS]
    ]
    return _template("packages", rows=rows, one_side=one_side, more=more_text(more, "package"))


def _files(image: ImageReport) -> Markdown:
    files = sorted_files(image)
    if not files:
        return Markdown("")
    more = max(0, len(files) - _FILE_ROWS) + image.files_omitted
    rows = [
        {
            "icon": Markdown(FILE_MARKS[row.change]),
            "path": code(file_path(row), maximum=200 if row.moved_from else 120),
            "base": figure(bytes_text(row.base_bytes)),
            "head": figure(bytes_text(row.head_bytes)),
            "change": figure(format_delta(file_delta(row))),
        }
        for row in files[:_FILE_ROWS]
    ]
    return _template("files", rows=rows, more=more_text(more, "file"))


def _findings(image: ImageReport) -> Markdown:
    new = [each for each in new_findings(image) if each.severity is not Severity.ERROR]
    found = [*new, *old_findings(image)]
    if not found:
        return Markdown("")
    more = len(found) - _FINDING_ROWS
    rows = [_finding_row(image, finding) for finding in found[:_FINDING_ROWS]]
    return _template("findings", rows=rows, more=more_text(more, "finding"))


def _finding_row(image: ImageReport, finding: FindingReport) -> dict[str, Markdown]:
    place = finding_place(image, finding)
    return {
        "icon": Markdown(_SEVERITY_ICON[finding.severity]),
        "code": code(finding.code),
        "new": Markdown(" <sub>new</sub>" if finding.introduced else ""),
        "place": code(place) if place else Markdown(""),
        "predicts": code(finding.predicts) if finding.predicts else Markdown(""),
        "evidence": _evidence(finding),
        "fix": prose(finding.fix) if finding.fix else Markdown(""),
    }


# Ignored findings, notes, footer.


def _ignored(images: Sequence[ImageReport]) -> Section:
    lines = [
        f"- {_name(image.name)}: {code(finding.code)}"
        f"{' at ' + code(finding.path) if finding.path else ''}, ignored because: {prose(finding.ignored_because)}\n"
        for image in images
        for finding in ignored_findings(image)
        if finding.ignored_because is not None
    ]
    pieces = tuple(Piece(text=line, rank=_RANK_IGNORED, kind="ignored finding") for line in lines)
    title = f"{len(lines)} {plural(len(lines), 'finding')} ignored on purpose"
    return Section(opening=f"<details><summary>{title}</summary>\n\n", pieces=pieces, closing="\n</details>\n\n")


def _notes(report: Report, images: Sequence[ImageReport] = ()) -> Section:
    """The notes of the report, and why which images were skipped."""
    lines = [prose(note) for note in report.notes]
    lines += [
        Markdown(f"{_name(image.name)} skipped: {prose(image.reason)}")
        for image in images
        if image.status is Status.SKIPPED and image.reason
    ]
    pieces = tuple(Piece(text=f"- {line}\n", rank=_RANK_NOTE, kind="note") for line in lines)
    return Section(opening="\n" if is_quiet(report) else "", pieces=pieces, closing="\n")


def _footer(report: Report) -> Markdown:
    sides = [_side(name, side) for name, side in named_sides(report)]
    memory = memory_summary(report)
    version = text(f"{report.tool.name[:40]} {report.tool.version[:40]}")
    return _template("footer", sides=join([*sides, *([text(memory)] if memory else []), version], " · "))


def _side(name: str, side: Revision) -> Markdown:
    short = short_sha(side.sha)
    if short is None:
        return Markdown(f"{name} {code(side.ref, maximum=80)}")
    if side.ref == side.sha:
        return Markdown(f"{name} {code(short)}")
    return Markdown(f"{name} {code(side.ref, maximum=80)} at {code(short)}")
