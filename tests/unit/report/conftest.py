"""Sample reports of real and of hostile pull requests."""

import functools
from dataclasses import replace
from pathlib import Path

import pytest

from weighbridge.domain.checks.finding import Severity, Subject
from weighbridge.domain.tips.tip import Basis
from weighbridge.report.model import (
    Attribution,
    CausePart,
    CauseRow,
    CombinedTips,
    ConfigReport,
    Delta,
    DroppedTip,
    Failure,
    FileChange,
    FileRow,
    FindingReport,
    ImageReport,
    ImageSide,
    LadderRow,
    LayerChange,
    LayerReport,
    LayerRow,
    MetadataRow,
    Override,
    PackageRow,
    Reason,
    Report,
    Revision,
    SharedTipReport,
    StartReport,
    Status,
    TipReport,
    TrialReport,
    Verdict,
    WritingProgram,
)

DEBIAN = "# debian.sh --arch 'amd64' out/ 'bookworm' '@1729123200'"
APT = "RUN apt-get update && apt-get install -y build-essential libpq-dev"

PATCH = """\
--- a/services/api/Dockerfile
+++ b/services/api/Dockerfile
@@ -1,2 +1,4 @@
-FROM debian:12
+FROM debian:12 AS build
 RUN apt-get update && apt-get install -y build-essential
+FROM debian:12-slim
+COPY --from=build /src/api /usr/local/bin/api
"""

HOSTILE = [
    "a|b|c",
    "`code` ``more`` ```",
    "<img src=x onerror=alert(1)>",
    "</summary></details><script>alert(1)</script>",
    "[link](https://evil.example/x)",
    "![image](https://evil.example/x.png)",
    "<https://evil.example/auto>",
    "[ref]: https://evil.example",
    "see https://evil.example/path?x=1#y and http://evil.example",
    "ftp://evil.example/x",
    "www.evil.example/path",
    "evil.com/path",
    "mailto:eve@evil.example xmpp:eve@evil.example/x",
    "eve@evil.example",
    "@octocat @github/security",
    "#1 GH-26 octo/repo#26 octo@a5c3785ed8d6a35868bc169f07e40e889087fd2e",
    "a5c3785 a5c3785ed8d6a35868bc169f07e40e889087fd2e",
    "octo/repo@a5c3785ed8d6a35868bc169f07e40e889087fd2e",
    "--> <!-- weighbridge:v1:default -->",
    "-->",
    "line one\n\n# heading\n\n- list\n> quote\n```\nfence",
    "x\r\ny\ttab",
    "\x1b[31mred\x1b[0m \x1b]8;;https://evil.example\x07click\x1b]8;;\x07 \x07bell",
    "\u202egnp.exe\u202c \u2066isolate\u2069 \u200bzero\u200d",
    "**bold** _em_ ~~strike~~ $x^2$ $`x`$ :octocat: :shipit:",
    "trailing backslash \\",
    "\\| \\` \\[x](y)",
    "&lt;b&gt; &#64;octocat &amp;",
    "    four spaces",
    "- [ ] task",
    "1. one",
    "+ plus",
    "===",
    "---",
    "[^1]: footnote",
    "> [!WARNING] note",
    "bad\udcff\udc80bytes",
    "x" * 5000,
    "\x00",
    "",
    " ",
    "{{ 7 * 7 }} {% raw %} ${{ github.token }}",
    "::error file=x::y",
    "[bold red]markup[/bold red] [link=https://evil.example]x[/link]",
]


def side(*, layers, start="yes", config=None, download=None, wasted=0, efficiency=0.99, estimated=False):
    return ImageSide(
        image_id="sha256:" + "ab" * 32,
        platform="linux/amd64",
        unpacked_bytes=sum(layer.unpacked_bytes for layer in layers),
        download_bytes=download,
        download_estimated=estimated,
        wasted_bytes=wasted,
        efficiency=efficiency,
        layers=tuple(layers),
        config=config or ConfigReport(entrypoint=("/usr/local/bin/api",), cmd=None, workdir="/srv"),
        start=None
        if start is None
        else StartReport(outcome=start, chain=("/usr/local/bin/api", "/lib64/ld-linux-x86-64.so.2")),
    )


def layer(number, instruction, size, line=None, *, base=False):
    return LayerReport(
        diff_id=f"sha256:{number:064x}",
        instruction=instruction,
        line=line,
        unpacked_bytes=size,
        download_bytes=size * 2 // 5,
        from_base_image=base,
    )


def row(change, instruction, line, base, head, *, ids=(0, 1), from_base=False):
    return LayerRow(
        change=LayerChange(change),
        instruction=instruction,
        line=line,
        base_bytes=base,
        head_bytes=head,
        base_diff_id=None if base is None else f"sha256:{ids[0]:064x}",
        head_diff_id=None if head is None else f"sha256:{ids[-1]:064x}",
        from_base_image=from_base,
    )


def finding(**changes):
    return replace(
        FindingReport(
            code="libc-loader-missing",
            severity=Severity.ERROR,
            subject=Subject.ENTRYPOINT,
            path="/worker",
            predicts="exec /worker: no such file or directory",
            evidence=(
                "/worker: PT_INTERP /lib64/ld-linux-x86-64.so.2",
                "not in the image",
                "musl only: /lib/ld-musl-x86_64.so.1",
            ),
            line=9,
            fix="Build it with `CGO_ENABLED=0`, or run it on `busybox:glibc`.",
            introduced=True,
        ),
        **changes,
    )


def image(name, status, **changes):
    return replace(
        ImageReport(
            name=name,
            dockerfile=f"services/{name}/Dockerfile",
            context=f"services/{name}",
            target=None,
            platform="linux/amd64",
            status=Status(status),
        ),
        **changes,
    )


def api():
    base = side(
        layers=[
            layer(1, DEBIAN, 48_100_000, base=True),
            layer(2, "COPY requirements.txt ./", 312, 5),
            layer(3, "RUN pip install -r requirements.txt", 9_600_000, 6),
            layer(4, "COPY --from=build /src/api /usr/local/bin/api", 6_500_000, 11),
        ],
        download=24_100_000,
    )
    head = side(
        layers=[
            layer(1, DEBIAN, 48_100_000, base=True),
            layer(2, "COPY requirements.txt ./", 312, 5),
            layer(5, APT, 39_800_000, 7),
            layer(6, "RUN pip install -r requirements.txt", 10_900_000, 8),
            layer(7, "COPY --from=build /src/api /usr/local/bin/api", 6_600_000, 12),
        ],
        download=41_900_000,
        wasted=3_200_000,
        efficiency=0.971,
        config=ConfigReport(entrypoint=("/usr/local/bin/api",), cmd=("--port", "8080"), workdir="/srv", user="app"),
    )
    return image(
        "api",
        "changed",
        base=base,
        head=head,
        delta=Delta(unpacked_bytes=41_200_000, download_bytes=17_800_000, upgrade_bytes=38_000_000),
        attribution=Attribution(base_image_bytes=0, own_bytes=41_200_000, cause="own-change"),
        metadata=(
            MetadataRow(name="CMD", base=None, head="--port 8080"),
            MetadataRow(name="USER", base=None, head="app"),
        ),
        layers=(
            row("same", DEBIAN, None, 48_100_000, 48_100_000, ids=(1,), from_base=True),
            row("same", "COPY requirements.txt ./", 5, 312, 312, ids=(2,)),
            row("added", APT, 7, None, 39_800_000, ids=(5,)),
            row("changed", "RUN pip install -r requirements.txt", 8, 9_600_000, 10_900_000, ids=(3, 6)),
            row("changed", "COPY --from=build /src/api /usr/local/bin/api", 12, 6_500_000, 6_600_000, ids=(4, 7)),
        ),
        packages=(
            PackageRow(
                ecosystem="deb", name="gcc-12", base_version=None, head_version="12.2.0-14", delta_bytes=20_900_000
            ),
            PackageRow(
                ecosystem="deb",
                name="libpq-dev",
                base_version=None,
                head_version="15.8-0+deb12u1",
                delta_bytes=3_100_000,
            ),
            PackageRow(
                ecosystem="pip", name="numpy", base_version="1.26.4", head_version="2.1.0", delta_bytes=1_300_000
            ),
            PackageRow(ecosystem="deb", name="tzdata", base_version="2024a", head_version="2024b", delta_bytes=None),
        ),
        files=(
            FileRow(
                path="/usr/lib/gcc/x86_64-linux-gnu/12/cc1plus",
                change=FileChange.ADDED,
                base_bytes=None,
                head_bytes=12_400_000,
                layer=2,
            ),
            FileRow(
                path="/usr/lib/gcc/x86_64-linux-gnu/12/cc1",
                change=FileChange.ADDED,
                base_bytes=None,
                head_bytes=11_600_000,
                layer=2,
            ),
            FileRow(
                path="/usr/local/bin/api",
                change=FileChange.CHANGED,
                base_bytes=6_500_000,
                head_bytes=6_600_000,
                layer=4,
            ),
            FileRow(path="/srv/old.txt", change=FileChange.REMOVED, base_bytes=1_200, head_bytes=None, layer=3),
        ),
        files_omitted=1_204,
        findings=(
            finding(
                code="runtime-ca-missing",
                severity=Severity.WARNING,
                subject=Subject.FILE,
                path="/etc/ssl/certs/ca-certificates.crt",
                predicts=None,
                evidence=("no certificate bundle in the image",),
                line=None,
                fix="Install `ca-certificates`.",
                introduced=False,
            ),
            finding(
                code="no-debug-tools",
                severity=Severity.INFO,
                subject=Subject.FILE,
                path=None,
                predicts=None,
                evidence=("no shell", "no busybox"),
                line=None,
                fix=None,
                introduced=False,
                ignored_because="debugged with ephemeral containers",
            ),
        ),
        tips=(
            TipReport(
                code="use-multi-stage",
                saved_bytes=41_200_000,
                basis=Basis.REBUILT,
                line=7,
                explanation="The compiler is only needed to build. Compile in its own stage, then `COPY --from=build`.",
                patch=PATCH,
                before_bytes=105_400_312,
                after_bytes=64_200_312,
            ),
            TipReport(
                code="recommended-packages",
                saved_bytes=9_000_000,
                basis=Basis.REBUILT,
                line=7,
                explanation="`build-essential` recommends 14 packages that nothing here asks for.",
                patch=PATCH,
                before_bytes=105_400_312,
                after_bytes=96_400_312,
            ),
            TipReport(
                code="dev-dependencies",
                saved_bytes=5_000_000,
                basis=Basis.UPPER_BOUND,
                line=9,
                explanation="The lockfile says that these are for development.",
                patch=PATCH,
                before_bytes=105_400_312,
                after_bytes=100_400_312,
                not_built="the time limit of 10 min (`tips.time-limit`) was exceeded",
            ),
            TipReport(
                code="package-cache",
                saved_bytes=3_200_000,
                basis=Basis.COMPUTED,
                line=7,
                explanation="`/var/lib/apt/lists` is still in the layer. Remove it in the same `RUN`.",
                patch=None,
                before_bytes=None,
                after_bytes=None,
            ),
        ),
        dropped_tips=(
            DroppedTip(
                code="smaller-base",
                line=1,
                ground="does not start",
                reason="the image would not start: exec /api: no such file or directory",
                saved_bytes=60_000_000,
            ),
            DroppedTip(
                code="strip-binaries", line=9, ground="saves too little", reason="it saves too little", saved_bytes=900
            ),
        ),
        combined=CombinedTips(
            codes=("use-multi-stage", "recommended-packages"),
            lines=(7, 7),
            saved_bytes=43_100_000,
            before_bytes=105_400_312,
            after_bytes=62_300_312,
            patch=PATCH,
        ),
        ladder=(
            LadderRow(
                name="as it is",
                outcome="as it is",
                unpacked_bytes=105_400_312,
                download_bytes=41_900_000,
                starts="yes",
                shell=True,
                debug_tools=("ls", "cat"),
            ),
            LadderRow(
                name="debian:bookworm-slim",
                outcome="built",
                unpacked_bytes=74_800_000,
                download_bytes=28_200_000,
                download_estimated=True,
                starts="yes",
                shell=True,
                debug_tools=("ls", "cat"),
                lost=("CA certificates",),
                patch=PATCH,
            ),
            LadderRow(
                name="scratch",
                outcome="built",
                unpacked_bytes=4_100_000,
                download_bytes=1_900_000,
                starts="no",
                shell=False,
                debug_tools=(),
                lost=("a shell", "debug tools"),
                reason="exec /api: no such file or directory",
                patch=PATCH,
            ),
            LadderRow(
                name="gcr.io/distroless/base-debian12",
                outcome="not tried",
                lost=("a shell",),
                reason="the base image gcr.io/distroless/base-debian12:latest cannot be pulled: no such host",
            ),
        ),
        limit="+10 MB",
    )


def worker():
    return image(
        "worker",
        "changed",
        base=side(
            layers=[layer(1, DEBIAN, 5_700_000, base=True), layer(8, "COPY worker /worker", 6_500_000, 9)],
            download=5_000_000,
        ),
        head=side(
            layers=[
                layer(9, "ADD rootfs.tar.gz /", 600_000, base=True),
                layer(10, "COPY worker /worker", 4_500_000, 9),
            ],
            start="no",
            download=2_000_000,
        ),
        delta=Delta(unpacked_bytes=-7_100_000, download_bytes=-3_000_000, upgrade_bytes=2_000_000),
        attribution=Attribution(base_image_bytes=-5_100_000, own_bytes=-2_000_000, cause="own-change"),
        layers=(
            row("removed", DEBIAN, None, 5_700_000, None, ids=(1,), from_base=True),
            row("added", "ADD rootfs.tar.gz /", None, None, 600_000, ids=(9,), from_base=True),
            row("changed", "COPY worker /worker", 9, 6_500_000, 4_500_000, ids=(8, 10)),
        ),
        findings=(finding(),),
        tips=(
            TipReport(
                code="strip-binaries",
                saved_bytes=664_000,
                basis=Basis.COMPUTED,
                line=4,
                explanation='`/worker` has symbols and debug sections. Build it with `-ldflags="-s -w"`.',
                patch=None,
                before_bytes=None,
                after_bytes=None,
            ),
        ),
        limit="+10 MB",
    )


def cron():
    only = side(
        layers=[layer(1, DEBIAN, 7_900_000, base=True), layer(11, "COPY cron /cron", 100_000, 3)], download=3_900_000
    )
    return image(
        "cron",
        "unchanged",
        reason="No file that it is built from has changed.",
        base=only,
        head=only,
        delta=Delta(unpacked_bytes=0, download_bytes=0, upgrade_bytes=0),
        layers=(
            row("same", DEBIAN, None, 7_900_000, 7_900_000, ids=(1,), from_base=True),
            row("same", "COPY cron /cron", 3, 100_000, 100_000, ids=(11,)),
        ),
        limit="+10 MB",
    )


def added():
    return image(
        "mailer",
        "added",
        head=side(layers=[layer(12, "COPY mailer /mailer", 12_300_000, 4)], start="not checked", download=4_800_000),
        delta=Delta(unpacked_bytes=12_300_000, download_bytes=4_800_000, upgrade_bytes=None),
        layers=(row("added", "COPY mailer /mailer", 4, None, 12_300_000, ids=(12,)),),
    )


def removed():
    return image(
        "legacy",
        "removed",
        base=side(layers=[layer(13, "COPY legacy /legacy", 3_400_000, 4)], download=1_100_000),
        delta=Delta(unpacked_bytes=-3_400_000, download_bytes=-1_100_000, upgrade_bytes=None),
        layers=(row("removed", "COPY legacy /legacy", 4, 3_400_000, None, ids=(13,)),),
    )


def failed():
    return image(
        "batch",
        "failed",
        base=side(layers=[layer(14, "COPY batch /batch", 8_800_000, 4)], download=2_100_000),
        failures=(
            Failure(
                side="head",
                kind="build",
                message="services/batch/Dockerfile:4: `COPY --from=build src/batch` found nothing; it is `/src/batch`.",
                log_tail=(
                    "#9 [stage-1 2/2] COPY --from=build src/batch /batch",
                    '\x1b[31m#9 ERROR: failed to calculate checksum: "/src/src/batch": not found\x1b[0m',
                    "------",
                    "::error::```` not a fence ````",
                ),
            ),
        ),
    )


def skipped():
    return image("docs", "skipped", reason="The base image needs credentials that a fork does not have.")


def report(*images, passed=True, reasons=(), notes=(), override=None):
    return Report(
        tool=WritingProgram(name="weighbridge", version="1.0.0"),
        base=Revision(ref="main", sha="1a2b3c4d" + "0" * 32),
        head=Revision(ref="feature/x", sha="5d6e7f80" + "0" * 32),
        verdict=Verdict(passed=passed, reasons=tuple(reasons), override=override),
        notes=tuple(notes),
        images=tuple(images),
    )


def full():
    return report(
        cron(),
        api(),
        worker(),
        added(),
        removed(),
        failed(),
        skipped(),
        passed=False,
        reasons=(
            Reason(
                image="api",
                rule="max-increase",
                limit="+10 MB",
                actual_bytes=41_200_000,
                message="grew by 41200000 bytes",
            ),
            Reason(
                image="worker",
                rule="check",
                limit="libc-loader-missing",
                actual_bytes=None,
                message="exec /worker: no such file or directory",
            ),
            Reason(image="batch", rule="build", limit=None, actual_bytes=None, message="could not be built"),
        ),
        notes=("2 uncommitted files stayed out: `notes.txt`, `todo.md`.",),
    )


@functools.cache
def hostile(value):
    """A report in which every free text is `value`."""
    base = ConfigReport(entrypoint=("ok",), cmd=None)
    config = ConfigReport(
        entrypoint=(value,), cmd=(value, value), shell=(value,), user=value, workdir=value, healthcheck=(value,)
    )
    weighed = image(
        value,
        "changed",
        dockerfile=value,
        context=value,
        target=value,
        platform=value,
        reason=value,
        base=side(layers=[layer(1, value, 1_000, 1)], download=1_000, config=base),
        head=side(layers=[layer(2, value, 3_000, 1)], download=2_000, config=config, start="no"),
        delta=Delta(unpacked_bytes=2_000, download_bytes=1_000, upgrade_bytes=2_000),
        layers=(row("changed", value, 1, 1_000, 3_000), row("added", value, None, None, 10)),
        packages=(PackageRow(ecosystem=value, name=value, base_version=value, head_version=value, delta_bytes=1),),
        files=(FileRow(path=value, change=FileChange.ADDED, base_bytes=None, head_bytes=2_000, layer=0),),
        findings=tuple(
            finding(
                code=value,
                path=value,
                predicts=value,
                evidence=(value, value),
                fix=value,
                severity=severity,
                line=line,
                ignored_because=ignored,
            )
            for severity in Severity
            for line in (None, 3)
            for ignored in (None, value)
        ),
        tips=(
            TipReport(
                code=value,
                saved_bytes=5,
                basis=Basis.REBUILT,
                line=1,
                explanation=value,
                patch=value,
                before_bytes=9,
                after_bytes=4,
            ),
            TipReport(
                code=value,
                saved_bytes=None,
                basis=Basis.UNKNOWN,
                line=None,
                explanation=value,
                patch=value,
                before_bytes=None,
                after_bytes=None,
                not_built=value,
            ),
        ),
        dropped_tips=tuple(
            DroppedTip(code=value, line=3, ground=ground, reason=value, saved_bytes=7)
            for ground in ("does not build", "saves too little")
        ),
        combined=CombinedTips(
            codes=(value, value), lines=(1, None), saved_bytes=6, before_bytes=9, after_bytes=3, patch=value
        ),
        not_combined=value,
        ladder=(
            LadderRow(
                name=value,
                outcome="built",
                unpacked_bytes=3,
                download_bytes=2,
                starts="no",
                trial=TrialReport(outcome="ended", message=value, output=(value,)),
                shell=True,
                debug_tools=(value,),
                lost=(value, value),
                reason=value,
                patch=value,
            ),
            LadderRow(name=value, outcome="not tried", lost=(value,), reason=value),
        ),
        failures=(Failure(side="base", kind="build", message=value, log_tail=(value, value)),),
        limit=value,
        causes=tuple(
            CauseRow(
                bytes=number * 1000,
                kind=kind,
                what=value,
                because=because,
                path=value,
                line=line,
                via=(value, value),
                brings=(CausePart(what=value, bytes=9, via=(value,)),),
            )
            for number, (kind, because, line) in enumerate(
                (("dependency", value, 1), ("base-image", f"{value} → {value}", None), ("file", "removed", 2)), start=2
            )
        ),
    )
    broken = image(
        value,
        "failed",
        dockerfile=None,
        failures=(Failure(side="head", kind="unavailable", message=value, log_tail=(value,)),),
    )
    plain = image(value, "skipped", reason=value)
    return Report(
        tool=WritingProgram(name=value, version=value),
        base=Revision(ref=value, sha=value),
        head=Revision(ref=value, sha=None),
        verdict=Verdict(
            passed=False,
            reasons=(
                Reason(image=value, rule="max-increase", limit=value, actual_bytes=5, message=value),
                Reason(image=value, rule="max-size", limit=value, actual_bytes=5, message=value),
                Reason(image=value, rule=value, limit=value, actual_bytes=None, message=value),
            ),
            override=Override(actor=value, label=value, at=value, reason=value),
        ),
        notes=(value,),
        images=(weighed, broken, plain),
        shared_tips=(
            SharedTipReport(code=value, saved_bytes=7, basis=Basis.COMPUTED, images=(value, value), explanation=value),
        ),
    )


@functools.cache
def large(count, *, files=40):
    """A report of `count` changed images, each with a failing check, many layers, packages, files and tips."""

    def one(number):
        sample = api()
        return replace(
            sample,
            name=f"service-{number:04}",
            findings=(finding(), *sample.findings),
            layers=sample.layers * 4,
            files=tuple(
                FileRow(
                    path=f"/srv/data/file-{index:05}",
                    change=FileChange.ADDED,
                    base_bytes=None,
                    head_bytes=index,
                    layer=0,
                )
                for index in range(files)
            ),
        )

    images = [one(number) for number in range(count)]
    reasons = [
        Reason(image=each.name, rule="max-increase", limit="+10 MB", actual_bytes=41_200_000, message="grew")
        for each in images
    ]
    return report(*images, passed=False, reasons=reasons)


class Samples:
    """The builders above, for tests to take as a fixture."""

    hostile_values = HOSTILE
    api = staticmethod(api)
    worker = staticmethod(worker)
    cron = staticmethod(cron)
    added = staticmethod(added)
    removed = staticmethod(removed)
    failed = staticmethod(failed)
    skipped = staticmethod(skipped)
    report = staticmethod(report)
    full = staticmethod(full)
    hostile = staticmethod(hostile)
    large = staticmethod(large)
    image = staticmethod(image)
    side = staticmethod(side)
    layer = staticmethod(layer)
    row = staticmethod(row)
    finding = staticmethod(finding)

    @staticmethod
    def inspected():
        """What ``inspect`` gives: one image, no base."""
        sample = api()
        one = replace(
            sample,
            name="api:1.2",
            base=None,
            delta=Delta(),
            attribution=None,
            layers=(),
            packages=(),
            files=(),
            files_omitted=0,
        )
        return replace(report(one), base=None, head=None)

    @staticmethod
    def sharing():
        """The full report, and something that its images could share."""
        tip = SharedTipReport(
            code="share-base",
            saved_bytes=41_200_000,
            basis=Basis.COMPUTED,
            images=("api", "worker"),
            explanation="api, worker hold 2 files with equal paths and contents.",
        )
        return replace(full(), shared_tips=(tip,))

    @staticmethod
    def quiet():
        return report(cron(), skipped())


@pytest.fixture(scope="session")
def samples():
    return Samples()


@pytest.fixture(scope="session", params=range(len(HOSTILE)), ids=lambda number: f"{number}-{HOSTILE[number][:12]!a}")
def hostile_value(request):
    return HOSTILE[request.param]


@pytest.fixture(scope="session")
def golden_folder():
    return Path(__file__).parents[2] / "data" / "report"
