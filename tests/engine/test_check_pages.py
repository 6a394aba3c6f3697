"""What docs/checks/ says is what a real engine does: both examples of a page are built, weighed and run."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.image.image import Image
from weighbridge.domain.image.origins import layer_origins
from weighbridge.domain.image.weighed import WeighedImage, weigh_image
from weighbridge.domain.start.predict import Starts
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.transports import parse_image_reference

PAGES = Path(__file__).resolve().parents[2] / "docs/checks"
FENCE = re.compile(
    r"^(?:`(?P<file>[\w.-]+)`:\n\n)?```(?P<language>[a-z]+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
SECTION = re.compile(r"^## (?P<title>[^\n]+)\n(?P<body>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
COMPANION = re.compile(r"^It comes with: `([a-z-]+)`", re.MULTILINE)
BASE_IMAGES = re.compile(r"^FROM (\S+)", re.MULTILINE)
IN_HEALTHCHECK = "healthcheck-command-missing"
CODES = list(CheckCode)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """The example of one page: its files, its two Dockerfiles, and what the page prints as the error."""

    code: str
    files: dict[str, str]
    dockerfiles: dict[str, str]
    error: str
    companions: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """How a container ended, with all that it and the engine said."""

    exit_code: int
    said: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One image of a page, weighed with its Dockerfile as `diff` does it, and really run."""

    weighed: WeighedImage
    ran: Ran


def _page(code: str) -> Page:
    sections = {one["title"]: one["body"] for one in SECTION.finditer((PAGES / f"{code}.md").read_text())}
    fences = list(FENCE.finditer(sections["Example"]))
    dockerfiles = [one["body"] for one in fences if one["language"] == "dockerfile"]
    assert [body.splitlines()[0] for body in dockerfiles] == ["# fails", "# works"]
    return Page(
        code=code,
        files={one["file"]: one["body"] for one in fences if one["file"]},
        dockerfiles=dict(zip(("fails", "works"), dockerfiles, strict=True)),
        error=sections["The error"],
        companions=frozenset(COMPANION.findall(sections["Example"])),
    )


@pytest.fixture(scope="module")
def examples(
    engine: Any, need_images: Callable[..., None], layer_cache: LayerCache, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[str, str], Example]]:
    """All examples of the pages, built, weighed and run; one set of images, removed at the end."""
    run = uuid.uuid4().hex[:8]
    pages = {code: _page(code) for code in CODES}
    sides = [(code, side) for code in CODES for side in ("fails", "works")]
    tags = {one: f"weighbridge-test-check-{run}:{'-'.join(one)}" for one in sides}
    texts = "\n".join(text for page in pages.values() for text in page.dockerfiles.values())
    need_images(engine, *sorted(set(BASE_IMAGES.findall(texts)) - {"scratch"}))

    def build(one: tuple[str, str]) -> None:
        code, side = one
        context = tmp_path_factory.mktemp(f"{code}-{side}")
        for name, content in {**pages[code].files, "Dockerfile": pages[code].dockerfiles[side]}.items():
            (context / name).write_text(content)
        done = engine.docker("build", "--quiet", "--tag", tags[one], context)
        assert done.returncode == 0, f"{code}, {side}: {done.stderr}"

    def start(one: tuple[str, str]) -> Ran:
        return _run_healthcheck(engine, tags[one]) if one[0] == IN_HEALTHCHECK else _run(engine, tags[one])

    tmp_path_factory.getbasetemp()  # made here: the first call is not safe in threads
    try:
        with ThreadPoolExecutor(max_workers=3) as pool:
            list(pool.map(build, sides))
            ran = dict(zip(sides, pool.map(start, sides), strict=True))
        weighed = _weigh(engine, pages, tags, layer_cache)
        yield {one: Example(weighed=weighed[one], ran=ran[one]) for one in sides}
    finally:
        engine.docker("image", "rm", "--force", *tags.values())


def _weigh(
    engine: Any, pages: dict[str, Page], tags: dict[tuple[str, str], str], cache: LayerCache
) -> dict[tuple[str, str], WeighedImage]:
    weighed = {}
    references = {one: parse_image_reference(tag) for one, tag in tags.items()}
    with LayerReader(engine=lambda: engine.client, cache=cache) as reader:
        images = reader.read(list(references.values()))
        for one, reference in references.items():
            image = images[reference]
            assert isinstance(image, Image), image
            dockerfile = parse_dockerfile(pages[one[0]].dockerfiles[one[1]], path="Dockerfile")
            stage = dockerfile.final_stage()
            lines = {step.name: step.line for each in dockerfile.chain(stage) for step in each.instructions}
            weighed[one] = weigh_image(
                image,
                layer_origins(image.history, dockerfile, stage),
                reader.contents(reference),
                instruction_lines=lines,
            )
    return weighed


def _run(engine: Any, tag: str) -> Ran:
    done = engine.run(tag)
    return Ran(exit_code=done.returncode, said=done.stdout + done.stderr)


def _run_healthcheck(engine: Any, tag: str) -> Ran:
    """What the engine's first probe says. The health check of an image runs beside its program."""
    started = engine.docker("run", "--detach", "--network=none", "--health-interval=200ms", tag)
    assert started.returncode == 0, started.stderr
    container = engine.client.containers.get(started.stdout.strip())
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            container.reload()
            log = container.attrs["State"]["Health"]["Log"]
            if log:
                return Ran(exit_code=log[-1]["ExitCode"], said=log[-1]["Output"])
            time.sleep(0.1)
        raise AssertionError("no probe within two minutes")
    finally:
        container.remove(force=True)


@pytest.mark.parametrize("code", CODES)
def test_failing_example_gives_code_of_its_page_and_no_other(
    examples: dict[tuple[str, str], Example], code: str
) -> None:
    page, found = _page(code), examples[code, "fails"].weighed.findings
    graver = {finding.code for finding in found if finding.severity is not Severity.INFO}
    assert code in {finding.code for finding in found}
    assert graver - {code} == page.companions, found


@pytest.mark.parametrize("code", CODES)
def test_failing_example_fails_with_predicted_text_of_page(examples: dict[tuple[str, str], Example], code: str) -> None:
    example = examples[code, "fails"]
    errors = [finding for finding in example.weighed.findings if finding.code == code]
    for predicted in filter(None, (finding.predicts for finding in errors)):
        assert predicted in example.ran.said
        assert predicted in _page(code).error
        assert example.ran.exit_code != 0


@pytest.mark.parametrize("code", CODES)
def test_verdict_on_failing_example_is_outcome(examples: dict[tuple[str, str], Example], code: str) -> None:
    example = examples[code, "fails"]
    graver = [finding for finding in example.weighed.findings if finding.severity is Severity.ERROR]
    assert (example.weighed.start.starts is Starts.NO) or not any(one.subject == "entrypoint" for one in graver)
    if example.weighed.start.starts is Starts.NO:
        assert example.ran.exit_code != 0


@pytest.mark.parametrize("code", CODES)
def test_finding_of_failing_example_names_line_of_its_dockerfile(
    examples: dict[tuple[str, str], Example], code: str
) -> None:
    lines = len(_page(code).dockerfiles["fails"].splitlines())
    for finding in examples[code, "fails"].weighed.findings:
        if finding.code == code and finding.severity is Severity.ERROR:
            assert finding.line is not None
            assert 1 < finding.line <= lines


@pytest.mark.parametrize("code", CODES)
def test_working_example_runs_without_code(examples: dict[tuple[str, str], Example], code: str) -> None:
    example = examples[code, "works"]
    assert code not in {finding.code for finding in example.weighed.findings}
    assert example.weighed.start.starts is not Starts.NO
    assert example.ran.exit_code == 0, example.ran.said
