"""The comment: what a reviewer finds in it, in which order, and that nothing in it came alive."""

import os
import re
from dataclasses import replace

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.tips.tip import Basis
from weighbridge.errors import UsageError
from weighbridge.report.fit import utf16_length
from weighbridge.report.markdown import ReportLinks, comment_marker
from weighbridge.report.markdown import render_markdown as render_comment
from weighbridge.report.model import (
    AsBaseDefinesReport,
    CausePart,
    CauseRow,
    Delta,
    Override,
    Reason,
    Revision,
    Verdict,
)
from weighbridge.report.view.reason import verdict_sentence

MARKER = "<!-- weighbridge:v1:default -->"
MARKDOWN_IT = MarkdownIt("gfm-like", {"html": True})
OUR_TAGS = {
    *("p", "h3", "strong", "code", "table", "thead", "tbody", "tr", "th", "td", "blockquote", "pre", "ul", "li", "sub"),
    *("details", "summary", "b", "br", "wbr"),
}
GITHUB_MAKES_LINKS_OF = re.compile(
    r"(?i)@[a-z0-9]|#[0-9]|\bgh-[0-9]|://|www\.|(?<![0-9a-z_])[0-9a-f]{7,40}(?![0-9a-z_])|:[\w+-]+:"
)


LINKS = ReportLinks(
    repository_url="https://github.com/octo/shop",
    run_url="https://github.com/octo/shop/actions/runs/7",
    head_sha="5d6e7f80" + "0" * 32,
    base_sha="1a2b3c4d" + "0" * 32,
)


def render_markdown(report, **options):
    """The comment with ordinary spaces in its figures, so that a test reads like what it expects."""
    return render_comment(report, **options).replace("\u00a0", " ")


def as_github(source):
    return cmarkgfm.github_flavored_markdown_to_html(
        source, options=Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_HARDBREAKS
    )


def shape(source):
    """The blocks of the document: their kinds and nesting, with the number of cells of each row."""
    return [(token.type, token.level) for token in MARKDOWN_IT.parse(source)]


def table_cells(source):
    """The rows of the first table as lists of rendered cells."""
    first = as_github(source).split("<table>")[1].split("</table>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", first, re.DOTALL)
    return [[re.sub("<.*?>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows]


# What a reviewer needs.


def test_first_line_is_hidden_marker_and_next_verdict(samples):
    first, second, *_ = render_markdown(samples.full()).splitlines()
    assert first == MARKER
    assert second == (
        "### ⚖️ ❌ `worker` will not start: glibc program in an image with musl"
        " · fix: build it with `CGO_ENABLED=0`, or run it on `busybox:glibc` <sub>(and 2 more reasons)</sub>"
    )


def test_several_images_have_their_sum_below_table(samples):
    shown = render_markdown(samples.full())
    assert (
        "\n1 of 7 images grew, 1 shrank, 1 added, 1 removed, 1 not weighed; total +43.0 MB (1 image unknown)\n" in shown
    )


def test_limit_exceeded_has_size_limit_cause_and_cure_in_headline(samples):
    reason = Reason(image="api", rule="max-increase", limit="+10 MB", actual_bytes=41_200_000, message="grew")
    api = replace(samples.api(), causes=CAUSES)
    assert render_markdown(samples.report(api, passed=False, reasons=[reason])).splitlines()[1] == (
        "### ⚖️ ❌ `api` is over its limit: grew by 41.2 MB (+64 %), limit +10 MB,"
        " most of it `pandas` (`services/api/requirements.txt:4`) +38.1 MB"
        " · fix: `use-multi-stage` and `recommended-packages` (built: 62.3 MB)"
    )


def test_growth_without_limit_names_its_cause(samples):
    shown = render_markdown(samples.report(replace(samples.api(), causes=CAUSES[:1], findings=())))
    assert ": `pandas` (`services/api/requirements.txt:4`) +38.1 MB" in shown.splitlines()[1]


def test_limit_exceeded_by_many_causes_names_largest_without_most(samples):
    reason = Reason(image="api", rule="max-increase", limit="+10 MB", actual_bytes=41_200_000, message="grew")
    small = replace(CAUSES[0], bytes=18_200_000)
    shown = render_markdown(samples.report(replace(samples.api(), causes=(small,)), passed=False, reasons=[reason]))
    assert ", largest cause `pandas` (`services/api/requirements.txt:4`) +18.2 MB" in shown.splitlines()[1]


def test_failed_build_has_its_place_and_message_in_headline(samples):
    reason = Reason(image="batch", rule="build", limit=None, actual_bytes=None, message="could not be built")
    headline = render_markdown(samples.report(samples.failed(), passed=False, reasons=[reason])).splitlines()[1]
    assert headline.startswith("### ⚖️ ❌ `batch` could not be built: `services/batch/Dockerfile:4`: `COPY --from=build")


@pytest.mark.parametrize(
    ("name", "headline"),
    [
        ("added", "### ⚖️ ✅ `mailer` is new: 12.3 MB, start not checked"),
        ("removed", "### ⚖️ ✅ `legacy` is removed: it had 3.4 MB"),
    ],
)
def test_headline_of_only_new_or_removed_image_names_it_and_its_size(samples, name, headline):
    assert render_markdown(samples.report(getattr(samples, name)(), samples.cron())).splitlines()[1] == headline


def test_every_image_has_row_with_size_change_and_status(samples):
    header, *rows = table_cells(render_markdown(samples.full()))
    assert header == ["image", "size", "change", "status"]
    assert rows == [
        ["❌ worker", "12.2 → 5.1 MB", "🟢 −7.1 MB (−58 %)", "will not start"],
        ["❌ batch", "8.8 MB", "–", "head did not build"],
        ["❌ api", "64.2 → 105.4 MB", "🔺 +41.2 MB (+64 %)", "over +10 MB"],
        ["mailer", "12.3 MB", "🔺 +12.3 MB", "new, start not checked"],
        ["legacy", "3.4 MB", "🟢 −3.4 MB", "removed"],
        ["cron", "8.0 MB", "–", "unchanged"],
        ["docs", "–", "–", "skipped"],
    ]


def test_row_of_image_with_one_new_warning_names_it(samples):
    cron = samples.cron()
    warnings = [
        samples.finding(code=code, severity=Severity.WARNING, introduced=True)
        for code in ("healthcheck-broken", "runtime-ca-missing")
    ]
    for found, status in ((warnings[:1], "new: healthcheck-broken"), (warnings, "2 new findings")):
        _, row = table_cells(render_markdown(samples.report(replace(cron, findings=tuple(found)))))
        assert (row[0], row[-1]) == ("⚠️ cron", status)


def test_figure_holds_together_when_line_breaks(samples):
    shown = render_comment(samples.full())
    assert "| 64.2\u00a0→ 105.4\u00a0MB | 🔺 +41.2\u00a0MB (+64\u00a0%) |" in shown


def test_skipped_image_is_shown_with_reason(samples):
    shown = render_markdown(samples.full())
    assert "- `docs` skipped: The base image needs credentials that a fork does not have.\n" in shown


def test_difference_unknown_is_shown_as_unknown(samples):
    unknown = replace(samples.api(), delta=Delta())
    cells = table_cells(render_markdown(samples.report(unknown)))
    assert cells[1] == ["✅ api", "64.2 → 105.4 MB", "not known", "starts"]


def test_footer_has_bytes_pulled_by_node(samples):
    assert "; a node that has base downloads 38.0 MB for head of `api`</sub>" in render_markdown(samples.full())


def test_new_error_is_quoted_with_evidence_and_fix(samples):
    assert (
        "> ❌ **`worker`** will not start: `exec /worker: no such file or directory`\n"
        "> `/worker: PT_INTERP /lib64/ld-linux-x86-64.so.2` → `not in the image` → `musl only:"
        " /lib/ld-musl-x86_64.so.1`\n"
        "> `services/worker/Dockerfile:9` · `libc-loader-missing` ·"
        " Build it with `CGO_ENABLED=0`, or run it on `busybox:glibc`.\n"
    ) in render_markdown(samples.full())


def test_error_of_base_is_listed_but_not_quoted(samples):
    old = replace(
        samples.worker(),
        findings=(samples.finding(introduced=False),),
        base=samples.side(layers=[samples.layer(1, "COPY a /", 5)], start="no"),
    )
    shown = render_markdown(samples.report(old))
    assert "> ❌" not in shown
    assert "- ❌ `libc-loader-missing` at `services/worker/Dockerfile:9`" in shown
    assert "| will not start, as before |" in shown


def test_failed_build_shows_its_message_and_folded_end_of_its_log(samples):
    shown = render_markdown(samples.full())
    assert "> ❌ **`batch`** did not build (head): `services/batch/Dockerfile:4`: `COPY" in shown
    assert '#9 ERROR: failed to calculate checksum: "/src/src/batch": not found' in shown
    assert "\x1b" not in shown


def test_equal_failures_of_both_sides_are_shown_once_without_fold(samples):
    batch = samples.failed()
    cause = "failed to resolve debian:gone"
    failures = tuple(
        replace(batch.failures[0], side=side, message=f"batch {side}: {cause}", log_tail=(f"#2 ERROR in {side}",))
        for side in ("base", "head")
    )
    both = replace(batch, base=None, failures=failures, reason=failures[1].message)
    shown = render_markdown(samples.report(both))
    assert shown.splitlines()[1] == f"### ⚖️ ⚠️ `batch` was not compared: base and head did not build: {cause}"
    assert "".join(shown.splitlines()[2:]).count(cause) == 1
    assert f"> ⚠️ **`batch`** did not build (base and head): {cause}\n" in shown
    assert re.findall("<summary>(.*?)</summary>", shown) == ["<code>batch</code>: the end of the output (head)"]
    assert "#2 ERROR in head" in shown

    apart = replace(both, failures=(failures[0], replace(failures[1], message="batch head: no space left")))
    shown = render_markdown(samples.report(apart))
    assert f"did not build (base): {cause}\n" in shown
    assert "did not build (head): no space left\n" in shown


def test_packages_table_without_packages_is_omitted(samples):
    api = samples.api()
    other = replace(api.packages[0], name="not in any package", ecosystem="other")
    assert "not in any package" in render_markdown(samples.report(replace(api, packages=(*api.packages, other))))
    assert "not in any package" not in render_markdown(samples.report(replace(api, packages=(other,))))


def test_most_changed_layer_without_causes_is_named_with_line(samples):
    shown = render_markdown(samples.full())
    assert "**`api`** grew: `RUN apt-get update && apt-get install -y" in shown
    assert "+39.8 MB (`services/api/Dockerfile:7`)" in shown
    assert "**`worker`** shrank: base image −5.1 MB" in shown, "all its layers together: −5.7 MB and +600 kB"


CAUSES = (
    CauseRow(
        bytes=38_100_000,
        kind="dependency",
        what="pandas",
        because="new, 2.2.3",
        path="services/api/requirements.txt",
        line=4,
        brings=(CausePart(what="numpy", bytes=35_100_000),),
    ),
    CauseRow(
        bytes=3_000_000,
        kind="file",
        what="assets/demo.mp4",
        because="new",
        path="assets/demo.mp4",
        via=("services/api/Dockerfile:9",),
    ),
    CauseRow(
        bytes=-2_000_000,
        kind="base-image",
        what="alpine:3",
        because="debian:bookworm → alpine:3 (recognised by FROM)",
        path="services/api/Dockerfile",
        line=1,
    ),
    CauseRow(bytes=100, kind="not-attributed", what="other files", because="not attributed"),
)


def test_causes_are_named_with_permalinks_and_tiny_ones_left_out(samples):
    shown = render_markdown(samples.report(replace(samples.api(), causes=CAUSES)), links=LINKS)
    blob = f"https://github.com/octo/shop/blob/{LINKS.head_sha}"
    assert (
        "**`api`** grew:"
        f" `pandas` +38.1 MB ([`services/api/requirements.txt:4`]({blob}/services/api/requirements.txt#L4),"
        " new, 2.2.3, brings `numpy` 35.1 MB) ·"
        f" [`assets/demo.mp4`]({blob}/assets/demo.mp4) +3.0 MB"
        f" ([`services/api/Dockerfile:9`]({blob}/services/api/Dockerfile#L9)) ·"
        f" `debian:bookworm → alpine:3` −2.0 MB ([`services/api/Dockerfile:1`]({blob}/services/api/Dockerfile#L1),"
        " base image)\n"
    ) in shown
    assert "not attributed" not in shown


def test_comment_leads_to_run_and_its_artifacts(samples):
    last = render_markdown(samples.full(), links=LINKS).rstrip().splitlines()[-1]
    run = "https://github.com/octo/shop/actions/runs/7"
    assert last.startswith(f"<sub>[full report]({run}#artifacts) · [run]({run}) · base `main` at `1a2b3c4`")
    assert "](" not in render_markdown(samples.full())


@pytest.mark.parametrize("path", ["../../../evil/repository", "/etc/passwd", "a/../../b", "a//b", "", "."])
def test_ambiguous_path_has_no_permalink(path):
    assert LINKS.line_url(path, 1) is None


def test_permalink_of_path_with_special_characters_is_quoted():
    url = LINKS.line_url("a b/c)#d?e\n".strip() + "/[x](y)", 3)
    assert url == f"https://github.com/octo/shop/blob/{LINKS.head_sha}/a%20b/c%29%23d%3Fe/%5Bx%5D%28y%29#L3"


def test_best_built_patch_is_shown_inline(samples):
    shown = render_markdown(samples.full())
    assert "💡 **`api`**: `use-multi-stage` and `recommended-packages` together save 43.1 MB, built" in shown
    assert "```diff\n--- a/services/api/Dockerfile\n" in shown
    api = samples.api()
    tips = tuple(replace(tip, basis=Basis.UPPER_BOUND) for tip in api.tips)
    assert "```diff" not in render_markdown(samples.report(replace(api, tips=tips, combined=None)))


def open_lines(source):
    """The lines of a comment that a reader sees without opening a fold."""
    seen, depth = [], 0
    for line in source.splitlines():
        if depth == 0 and line.strip():
            seen.append(line)
        depth += line.count("<details>") - line.count("</details>")
    return seen


@pytest.mark.parametrize("count", [40, 300])
def test_many_images_fill_at_most_three_screens(samples, count):
    shown = render_markdown(samples.large(count), links=LINKS)
    assert len(table_cells(shown)) == 1 + 8
    assert len(open_lines(shown)) < 55
    assert f"{count - 8} more images</summary>" in shown or "Left out" in shown


def test_details_have_layers_packages_files_attribution_and_cause(samples):
    shown = render_markdown(samples.full())
    for line in (
        "| + | 7 | `RUN apt-get update && apt-get install -y build-essential libpq-dev` | – | 39.8 MB |"
        " +39.8 MB | `██████████` |",
        "| = | | 2 layers on both sides | 48.1 MB | 48.1 MB | – | |",
        "| `numpy` <sub>pip</sub> | `1.26.4` | `2.1.0` | +1.3 MB |",
        "| `tzdata` <sub>deb</sub> | `2024a` | `2024b` | not known |",
        "| − | `/srv/old.txt` | 1.2 kB | – | −1.2 kB |",
        "and 1204 more files",
        "- Own instructions +41.2 MB, base image ±0 B. Cause: a change of this repository.",
        "- Download, compressed: 24.1 MB → 41.9 MB (+17.8 MB).",
        "- Head has 3.2 MB wasted in overwritten and removed files (efficiency 97.1 %).",
        "- `CMD`: none → `--port 8080`",
    ):
        assert f"\n{line}\n" in shown


def test_tips_are_one_folded_list_with_total_saving_first(samples):
    shown = render_markdown(samples.full(), links=LINKS)
    title = "5 tips to make these images smaller; the compatible ones save 43.1 MB together, built and measured"
    assert f"<summary>💡 {title}</summary>" in shown
    tips = shown[shown.index(title) :]
    savings = [line.partition(":")[0] for line in tips.splitlines() if line.startswith("- **") and "B**" in line]
    assert savings == [f"- **{saved}**" for saved in ("43.1 MB", "41.2 MB", "9.0 MB", "≤ 5.0 MB", "3.2 MB", "664.0 kB")]
    assert "<sub>built and measured, 105.4 → 64.2 MB</sub>" in tips
    assert "the patch was not built: the time limit of 10 min (`tips.time-limit`) was exceeded</sub>" in tips
    assert "The [full report](https://github.com/octo/shop/actions/runs/7#artifacts) has all patches." in tips


def test_failed_patches_are_named_and_small_savings_are_not(samples):
    shown = render_markdown(samples.full())
    (line,) = [line for line in shown.splitlines() if line.startswith("- `api`, ") and "smaller-base" in line]
    assert "the image would not start" in line
    assert "it saves too little" not in shown


def test_ladder_is_folded_table_with_untried_bases(samples):
    shown = render_markdown(samples.full())
    title = "on 2 other bases: from 105.4 MB down to 74.8 MB"
    assert f"<details><summary>🪜 <b><code>api</code></b> {title}</summary>" in shown
    rows = [line for line in shown.splitlines() if line.startswith(("| **as it is**", "| `debian", "| `scratch`"))]
    assert [[cell.strip() for cell in line.split("|")[2:8]] for line in rows] == [
        ["**105.4 MB**", "41.9 MB", "✅", "yes", "ls, cat", "–"],
        ["**74.8 MB**", "≈ 28.2 MB", "✅", "yes", "ls, cat", "CA certificates"],
        ["4.1 MB", "1.9 MB", "❌ `exec /api: no such file or directory`", "no", "none", "a shell, debug tools"],
    ]
    assert "- not tried: `gcr.io/distroless/base-debian12`: the base image" in shown


def test_shared_tips_are_separate_from_tips(samples):
    shown = render_markdown(samples.sharing())
    assert (
        "<summary>💡 1 thing that images could share; it saves 41.2 MB on a node that has them all,"
        " computed from the layers</summary>" in shown
    )
    assert "- **41.2 MB**, computed from the layers, `share-base`: api, worker hold 2 files" in shown


def test_ignored_findings_and_notes_are_listed(samples):
    shown = render_markdown(samples.full())
    assert "- `api`: `no-debug-tools`, ignored because: debugged with ephemeral containers" in shown
    assert "- 2 uncommitted files stayed out: `notes.txt`, `todo.md`." in shown


def test_footer_names_both_commits_and_kind_of_size(samples):
    last = render_markdown(samples.full()).rstrip().splitlines()[-1]
    assert last.startswith("<sub>base `main` at `1a2b3c4` · head `feature/x` at `5d6e7f8` · weighbridge 1.0.0")
    assert "sizes are unpacked" in last


def test_parts_are_in_order_of_importance(samples):
    shown = render_markdown(samples.full())
    places = [
        shown.index(part)
        for part in (
            MARKER,
            "### ⚖️",
            "| image |",
            "grew: `RUN",
            "will not start: `exec",
            "the end of the output",
            "```diff",
            "<b><code>api</code></b>: layers, packages, files",
            "| package |",
            "<details><summary>💡",
            "ignored on purpose",
            "uncommitted",
            "sizes are unpacked",
        )
    ]
    assert places == sorted(places)


def test_images_needing_attention_come_first(samples):
    names = [row[0] for row in table_cells(render_markdown(samples.full()))[1:]]
    assert names == [*("❌ worker", "❌ batch", "❌ api", "mailer", "legacy", "cron", "docs")]


def test_report_without_change_is_one_short_line(samples):
    assert render_markdown(samples.quiet()) == (
        MARKER + "\n⚖️ **Weighbridge**: no change in 2 images (1 of them skipped). ✅ passed\n"
    )


def test_report_of_skipped_images_says_that_nothing_was_weighed(samples):
    report = samples.report(samples.skipped())
    shown = "⚖️ **Weighbridge**: nothing was weighed: 1 image skipped. ✅ passed"
    assert shown in render_markdown(report)
    assert verdict_sentence(report) == "✅ nothing was weighed: 1 image skipped"


def test_report_without_images_has_its_own_line(samples):
    assert "nothing to weigh" in render_markdown(samples.report())


def test_many_unchanged_images_are_counted_and_not_listed(samples):
    unchanged = [replace(samples.cron(), name=f"cron-{number}") for number in range(300)]
    shown = render_markdown(samples.report(samples.api(), *unchanged))
    assert "| `cron-0`, `cron-1`, `cron-10` and 297 more | – | – | unchanged |" in shown
    assert "cron-7" not in shown


def test_row_of_unchanged_images_names_as_many_as_are_short_together(samples):
    unchanged = [replace(samples.cron(), name=f"services/team-{number}/scheduler") for number in range(9)]
    shown = render_markdown(samples.report(samples.api(), *unchanged))
    assert "| <code>services/<wbr>team-0/<wbr>scheduler</code> and 8 more | – | – | unchanged |" in shown


def test_changed_definition_has_difference_and_size_of_second_build(samples):
    change = AsBaseDefinesReport(change="its target was prod", unpacked_bytes=31_000_000)
    shown = render_markdown(samples.report(replace(samples.api(), as_base_defines=change)))
    assert (
        "> ⚠️ **`api`**: this change alters how the image is built: its target was prod."
        " The limits check the larger of two builds of head; as base defines it, head has 31.0 MB.\n"
    ) in shown


def test_limit_not_checked_is_named_once_with_reason(samples):
    reason = Reason(
        image="api",
        rule="not-checked",
        limit="+10%",
        actual_bytes=None,
        message="max-increase +10% was not checked: the build of base failed",
    )
    shown = render_markdown(samples.report(samples.api(), passed=False, reasons=[reason]))
    assert shown.splitlines()[1] == (
        "### ⚖️ ❌ `api` could not be checked against its limit:"
        " max-increase +10% was not checked: the build of base failed"
    )
    assert shown.count("the build of base failed") == 1


def test_total_is_left_out_if_one_image_changed(samples):
    reason = Reason(image="api", rule="max-increase", limit="+10 MB", actual_bytes=41_200_000, message="grew")
    shown = render_markdown(samples.report(samples.api(), samples.cron(), passed=False, reasons=[reason]))
    assert "; total" not in shown


def test_headline_names_passed_gate(samples):
    headline = render_markdown(samples.report(samples.api())).splitlines()[1]
    assert headline == "### ⚖️ ✅ `api` grew by 41.2 MB (+64 %)"


def test_override_names_actor_time_and_reason(samples):
    full = samples.full()
    override = Override(actor="octocat", label="weighbridge: allow", at="2026-01-02T03:04:05Z", reason="one-off")
    shown = render_markdown(
        replace(full, verdict=Verdict(passed=True, reasons=full.verdict.reasons, override=override))
    )
    assert shown.splitlines()[1].startswith("### ⚖️ ⚠️ `worker` will not start, overridden: ")
    assert "> ⚠️ Overridden by `octocat` with the label `weighbridge: allow`" in shown
    assert shown.index("one-off") < shown.index("over +10 MB")


def test_compared_images_are_named_in_footer(samples):
    shown = render_markdown(
        replace(samples.full(), base=Revision(ref="app:1"), head=Revision(ref="docker-archive:new.tar"))
    )
    assert "base `app:1` · head `docker-archive:new.tar`" in shown


def test_inspected_image_shows_its_layers_with_sizes_and_shares(samples):
    shown = render_markdown(samples.inspected())
    assert shown.splitlines()[:2] == [MARKER, "### ⚖️ Weighbridge: `api:1.2` · **105.4 MB** · ✅ starts"]
    assert "| 8 | `RUN pip install -r requirements.txt` | 10.9 MB | 10 % | `██▎` |" in shown


# The marker.


def test_key_is_in_marker():
    assert comment_marker("frontend.v2") == "<!-- weighbridge:v1:frontend.v2 -->"


@pytest.mark.parametrize("key", ["-->", "a b", "", "x--y", "a\nb"])
def test_key_able_to_break_marker_is_refused(samples, key):
    with pytest.raises(UsageError, match="comment-key"):
        render_markdown(samples.quiet(), key=key)


# Hostile values.


@pytest.fixture(scope="session")
def hostile_comment(samples, hostile_value):
    return render_markdown(samples.hostile(hostile_value))


def test_hostile_values_make_no_link_image_mention_or_html(hostile_comment):
    source = hostile_comment
    unfenced = re.sub(r"(?ms)^(`{3,})[a-z]*$.*?^\1$", "", source)
    assert unfenced.count("<!--") == unfenced.count("-->") == 1
    assert source.splitlines()[0] == MARKER
    for render in (as_github, MARKDOWN_IT.render):
        document = render(source).replace(MARKER, "")
        assert {tag.lower() for tag in re.findall(r"<\s*([A-Za-z][\w-]*)", document)} <= OUR_TAGS
        attributes = set(re.findall(r"<\w+ ([^>]*)>", document))
        assert attributes <= {
            *('align="right"', 'align="center"', 'style="text-align:right"', 'style="text-align:center"'),
            *('align="left"', 'style="text-align:left"'),
            *('lang="text"', 'class="language-text"', 'lang="diff"', 'class="language-diff"', "/"),
        }
        without_code = re.sub(r"(?s)<pre.*?</pre>|<code.*?</code>", "", document)
        loose = re.sub("<[^>]*>", " ", without_code).replace("&amp;", "&").replace("&lt;", "<")
        assert not GITHUB_MAKES_LINKS_OF.search(loose)


def test_every_link_leads_to_repository_of_run(samples, hostile_value):
    document = as_github(render_markdown(samples.hostile(hostile_value), links=LINKS))
    repository = "https://github.com/octo/shop/"
    for url in re.findall('href="([^"]*)"', document):
        assert url.startswith((repository + "blob/", repository + "actions/runs/7")), url
        assert ".." not in url.removeprefix(repository).split("/")


@pytest.fixture(scope="session")
def plain_shape(samples):
    return shape(render_markdown(samples.hostile("plain")))


def test_hostile_values_do_not_change_shape_of_comment(hostile_comment, hostile_value, plain_shape):
    if hostile_value.strip():
        assert shape(hostile_comment) == plain_shape


@settings(max_examples=20)
@given(
    value=st.text(alphabet=st.sampled_from("`|<>[]()!#@*_~\\&;:/.-+=$ \n1a"), min_size=1, max_size=30).filter(str.strip)
)
def test_no_text_changes_shape_of_comment(samples, value, plain_shape):
    assert shape(render_markdown(samples.hostile(value))) == plain_shape


def test_invalid_commit_hash_is_not_shown(samples):
    shown = render_markdown(replace(samples.full(), head=Revision(ref="x", sha="](https://evil.example)")))
    assert "evil" not in shown


# The limit on its length.


@pytest.mark.parametrize("maximum", [65_536, 20_000, 5_000, 2_000, 600, 120, 40])
@pytest.mark.parametrize("count", [1, 30, 150])
def test_comment_never_exceeds_maximum_and_keeps_marker(samples, count, maximum):
    shown = render_markdown(samples.large(count), maximum_characters=maximum)
    assert len(shown) <= utf16_length(shown) <= maximum
    assert shown.startswith(MARKER + "\n")


@settings(max_examples=20)
@given(count=st.integers(1, 15), maximum=st.integers(700, 70_000))
def test_headline_and_first_reason_are_never_dropped(samples, count, maximum):
    shown = render_markdown(samples.large(count), maximum_characters=maximum)
    assert utf16_length(shown) <= maximum
    assert "is over its limit" in shown.splitlines()[1]
    assert "`service-0000` will not start" in shown or "grew by 41.2 MB (+64 %), limit +10 MB" in shown
    assert "sizes are unpacked" in shown


def test_dropped_pieces_are_counted(samples):
    shown = render_markdown(samples.large(40))
    (remark,) = [line for line in shown.splitlines() if line.startswith("✂️")]
    dropped = int(re.search(r"([0-9]+) × image in detail", remark).group(1))
    assert dropped == 40 - shown.count("| instruction |") > 0


def test_files_go_before_packages_before_layers_before_reasons(samples):
    kept = []
    for maximum in range(3_000, 51_000, 4_000):
        shown = render_markdown(samples.large(4), maximum_characters=maximum)
        kept.append([shown.count(part) for part in ("| file |", "| package |", "| instruction |", "over +10 MB |")])
    for files, packages, layers, rows in kept:
        assert not files or packages == 4
        assert not packages or layers == 4
        assert not layers or rows == 4
    assert kept[0][0] == 0
    assert kept[-1] == [4, 4, 4, 4]


def test_details_of_further_images_go_before_files_of_first(samples):
    shown = render_markdown(samples.large(40))
    assert shown.count("| file | base |") >= 4


def test_dropped_part_leaves_well_formed_markdown(samples):
    for maximum in (3_000, 9_000, 27_000, 65_536):
        shown = render_markdown(samples.large(60), maximum_characters=maximum)
        assert shown.count("<details>") == shown.count("</details>")
        assert shown.count("<summary>") == shown.count("</summary>")


def test_reasons_of_unknown_rules_are_shown(samples):
    reason = Reason(image="api", rule="future-rule", limit="5", actual_bytes=None, message="breaks a later rule")
    assert "breaks a later rule" in render_markdown(samples.report(samples.api(), passed=False, reasons=[reason]))


# Golden files. To write them anew: REGENERATE=1 python -m pytest tests/unit/report -k golden


@pytest.mark.parametrize("name", ["full", "quiet", "inspected"])
def test_golden_comments_are_unchanged(samples, golden_folder, name):
    shown = render_comment(getattr(samples, name)())
    golden = golden_folder / f"{name}.md"
    if os.environ.get("REGENERATE"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")
