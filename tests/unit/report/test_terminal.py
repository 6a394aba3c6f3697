import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from weighbridge.report.html import render_html
from weighbridge.report.markdown import render_markdown
from weighbridge.report.model import Delta, Override, PackageRow, Verdict
from weighbridge.report.terminal import render_inspect, render_table
from weighbridge.report.view.reason import verdict_lines

WIDTHS = [40, 80, 140]


def shown(render, report, *, width=80, terminal=False):
    console = Console(
        file=io.StringIO(), width=width, force_terminal=terminal, color_system="truecolor" if terminal else None
    )
    render(report, console)
    return console.file.getvalue()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("render", [render_table, render_inspect])
def test_lines_fit_into_terminal_width(samples, render, width):
    report = samples.full() if render is render_table else samples.inspected()
    assert max(len(line) for line in shown(render, report, width=width).splitlines()) <= width


def test_output_without_terminal_has_no_colour(samples):
    assert "\x1b" not in shown(render_table, samples.full())


def test_terminal_output_has_colour(samples):
    assert "\x1b[31m" in shown(render_table, samples.full(), terminal=True)


@pytest.mark.parametrize("width", [80, 140])
def test_every_image_has_row_in_summary(samples, width):
    lines = shown(render_table, samples.full(), width=width).splitlines()
    assert re.search(r"^worker +12.2 MB +5.1 MB +−7.1 MB \(−58 %\) .* no \(new\) +changed", lines[2])
    assert re.search(r"^batch +8.8 MB +– +not known .*– +failed", lines[3])
    assert re.search(r"^api +64.2 MB +105.4 MB +\+41.2 MB \(\+64 %\) .* yes +changed", lines[4])
    assert re.search(r"^cron +8.0 MB +8.0 MB +±0 B .* yes +unchanged", lines[7])


def test_first_line_of_image_has_start_status(samples):
    for report, render in ((samples.report(samples.worker()), render_table), (samples.inspected(), render_inspect)):
        lines = shown(render, report).splitlines()
        heading = next(n for n, line in enumerate(lines) if "Dockerfile  linux/amd64" in line)
        assert lines[heading + 1].strip() == ("starts: no" if render is render_table else "starts: yes")


@pytest.mark.parametrize(("start", "said"), [(None, "not checked"), ("not checked", "not checked"), ("no", "no")])
def test_unchecked_limit_is_reported(samples, start, said):
    side = samples.side(layers=[samples.layer(1, "COPY a /", 5)], start=start)
    report = replace(samples.report(samples.image("x", "added", head=side)), base=None)
    assert f"starts: {said}\n" in shown(render_inspect, report)


def test_error_is_followed_by_evidence_and_fix(samples):
    text = shown(render_table, samples.full())
    places = [
        text.index(part)
        for part in (
            "error: libc-loader-missing (new)",
            "exec /worker: no such file or directory",
            "· /worker: PT_INTERP /lib64/ld-linux-x86-64.so.2",
            "fix: Build it with `CGO_ENABLED=0`",
        )
    ]
    assert places == sorted(places)


def test_layers_have_line_instruction_sizes_and_bar(samples):
    text = shown(render_table, samples.full(), width=140)
    assert re.search(r"   7   \+ RUN apt-get update && .* – +39.8 MB +\+39.8 MB   █{16}\n", text)
    assert "2 layers on both sides, 48.1 MB" in text


def test_packages_files_tips_failures_notes_and_verdict_are_shown(samples):
    text = shown(render_table, samples.full(), width=140)
    for part in (
        "numpy pip",
        "+ /usr/lib/gcc/x86_64-linux-gnu/12/cc1plus",
        "and 1204 more files",
        "5 tips to make these images smaller; the compatible ones save 43.1 MB together, built and measured",
        "api: both together: −43.1 MB (105.4 → 62.3 MB), built and measured: use-multi-stage and",
        "built and not proposed: smaller-base (services/api/Dockerfile:1): the image would not start",
        "the same on 2 other bases: from 105.4 MB down to 74.8 MB",
        "use-multi-stage  services/api/Dockerfile:7",
        "head did not build: services/batch/Dockerfile:4:",
        '│ #9 ERROR: failed to calculate checksum: "/src/src/batch": not found',
        "ignored: no-debug-tools, because: debugged with ephemeral containers",
        "note: 2 uncommitted files stayed out",
        "base main (1a2b3c4) · head feature/x (5d6e7f8)",
        "api: grew by 41.2 MB; its limit is +10 MB",
    ):
        assert part in text


def test_shared_tips_follow_tips(samples):
    text = shown(render_table, samples.sharing(), width=140)
    assert (
        "1 thing that images could share; it saves 41.2 MB on a node that has them all, computed from the layers\n"
        "  41.2 MB computed from the layers, share-base: api, worker hold 2 files with equal paths and contents.\n"
    ) in text


def test_inspected_image_shows_sizes_waste_and_shares(samples):
    text = shown(render_inspect, samples.inspected())
    assert "unpacked  105.4 MB" in text
    assert "download  41.9 MB" in text
    assert "wasted    3.2 MB   (efficiency 97.1 %)" in text
    assert re.search(r" 7   RUN apt-get update .* 39.8 MB    38 %   ██████", text)


def test_unknown_size_is_not_zero(samples):
    side = replace(samples.side(layers=[samples.layer(1, "COPY a /", 5)]), download_bytes=None, wasted_bytes=None)
    text = shown(
        render_inspect, replace(samples.report(samples.image("x", "added", head=side, delta=Delta())), base=None)
    )
    assert "download  not known" in text
    assert "wasted    not known" in text


def test_override_is_shown(samples):
    override = Override(actor="octocat", label="weighbridge: allow", at="2026-01-02", reason="one-off")
    full = samples.full()
    report = replace(full, verdict=Verdict(passed=True, reasons=full.verdict.reasons, override=override))
    assert "overridden by octocat with the label weighbridge: allow" in shown(render_table, report)


def test_empty_report_is_shown(samples):
    assert shown(render_table, samples.report()).startswith("No Dockerfile is affected, nothing to weigh.")


@pytest.mark.parametrize("render", [render_table, render_inspect])
def test_hostile_values_cannot_steer_terminal(samples, hostile_value, render):
    text = shown(render, samples.hostile(hostile_value))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)


def test_markup_in_value_is_shown_literally(samples):
    text = shown(
        render_table, samples.hostile("[bold red]x[/] [link=https://evil.example]y[/link]"), terminal=True, width=200
    )
    assert "[bold red]x[/] [link=https://evil.example]y[/link]" in text
    assert "\x1b]8;" not in text


def test_packages_of_single_image_have_version_and_size(samples):
    package = PackageRow(ecosystem="deb", name="libx", base_version=None, head_version="1.2", delta_bytes=4_000_000)
    side = samples.side(layers=[samples.layer(1, "COPY a /", 5)])
    report = replace(samples.report(samples.image("x", "added", head=side, packages=(package,))), base=None)
    assert re.search(r"package +version +size\n.*\n *libx deb +1\.2 +4\.0 MB\n", shown(render_inspect, report))
    assert "| package | version | size |\n|---|---|--:|\n| `libx` <sub>deb</sub> | `1.2` | 4.0\u00a0MB |\n" in (
        render_markdown(report)
    )
    page = render_html(report)
    assert '<th scope="col">version</th><th scope="col" class="number">size</th>' in page
    assert "+4.0 MB" not in page


def test_equal_failures_of_both_sides_are_shown_once(samples):
    batch = samples.failed()
    failures = tuple(
        replace(batch.failures[0], side=side, message=f"batch {side}: no route to debian:gone", log_tail=())
        for side in ("base", "head")
    )
    both = replace(batch, base=None, failures=failures, reason=failures[1].message)
    text = shown(render_table, samples.report(both), width=140)
    assert "base and head did not build: no route to debian:gone\n" in text
    details, _, verdict = text.rpartition("passed: ")
    assert details.count("no route") == 1
    assert verdict.startswith("⚠️ batch was not compared: base and head did not build: no route")


def test_last_line_is_verdict_with_reason_and_fix(samples):
    lines = shown(render_table, samples.full(), width=400).splitlines()
    assert lines[-1].startswith(
        "failed: ❌ worker will not start: glibc program in an image with musl · fix: build it with `CGO_ENABLED=0`"
    )
    assert "api: grew by 41.2 MB; its limit is +10 MB" in lines


def test_growth_from_zero_has_no_percentage(samples):
    api = samples.api()
    grown = replace(api, base=replace(api.base, unpacked_bytes=0), delta=replace(api.delta, unpacked_bytes=105_400_000))
    row = next(line for line in shown(render_table, samples.report(grown), width=140).splitlines() if "api" in line)
    assert re.search(r"\+105\.4 MB +\S", row)
    assert "()" not in row


def test_verdict_lines_open_with_reason_and_cure_and_list_all_reasons(samples):
    first, *reasons = verdict_lines(samples.full())
    assert first == (
        "❌ worker will not start: glibc program in an image with musl"
        " · fix: build it with `CGO_ENABLED=0`, or run it on `busybox:glibc` (and 2 more reasons)"
    )
    assert reasons[0] == "  api: grew by 41.2 MB; its limit is +10 MB"
    assert len(reasons) == 3


def test_verdict_lines_of_hostile_values_stay_one_line_each(samples, hostile_value):
    for line in verdict_lines(samples.hostile(hostile_value)):
        assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", line)
