"""What docs/tips/ says is what a real engine does: both sides of every page are built, weighed and compared.

The format of a page, beside what ``tests/unit/domain/tips/test_tip_pages.py`` asks for:

- Its second paragraph is ``**Basis:** BASIS.`` and, but for ``unknown``, ``**Saves here:** HOW N bytes.`` HOW is one of
  ``exactly`` (what the tip says and what the images differ by), ``about`` (both within 2 % of N, and of each other),
  ``at least`` (the images differ by N or more; the tip may not know yet) and ``at most`` (they differ by less than the
  tip says, and that is N at the most).
- Section *Example* holds the files and the Dockerfiles. A file is its name and a fence (```` `main.c`: ````, an empty
  line, the fence), or its name and a length (```` `data/model.bin`: 300,000 bytes of anything ````). One that only one
  side has says so: ```` `.dockerignore` (after): ````.
- A Dockerfile is a fence ``dockerfile`` whose first line is ``# before`` or ``# after``. A page about several images
  has several of each, with a name: ``# before: api``. The files are the build context of all of them.
"""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.image.image import Image
from weighbridge.domain.image.origins import layer_origins
from weighbridge.domain.image.weighed import weigh_image
from weighbridge.domain.tips.find import find_tips
from weighbridge.domain.tips.sharing import CODE as SHARED_CODE
from weighbridge.domain.tips.sharing import NamedImage, SharedTip, find_shared
from weighbridge.domain.tips.tip import Basis, DockerfileSource, Tip
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.transports import parse_image_reference

PAGES = Path(__file__).resolve().parents[2] / "docs/tips"
CODES = sorted(path.stem for path in PAGES.glob("*.md") if path.stem != "README")
STATED = re.compile(
    r"^\*\*Basis:\*\* (?P<basis>[a-z-]+)\."
    r"(?: \*\*Saves here:\*\* (?P<how>exactly|about|at least|at most) (?P<bytes>[\d,]+) bytes\.)?$",
    re.MULTILINE,
)
EXAMPLE = re.compile(r"^## Example\n(?P<body>.*?)(?=^## )", re.MULTILINE | re.DOTALL)
FENCE = re.compile(
    r"^(?:`(?P<file>[\w./@-]+)`(?: \((?P<only>before|after)\))?:\n\n)?```(?P<language>[a-z]+)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
GENERATED = re.compile(r"^`(?P<file>[\w./@-]+)`: (?P<bytes>[\d,]+) bytes of anything$", re.MULTILINE)
TITLE = re.compile(r"# (?P<side>before|after)(?:: (?P<image>[a-z]+))?$")
BASE_IMAGES = re.compile(r"^FROM (?:--\S+ )?(\S+)", re.MULTILINE)
STAGES = re.compile(r"^FROM .* AS (\S+)", re.MULTILINE)
TOLERANCE = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """The example of one page.

    Files by side (empty for both) and name, Dockerfiles by side and image (empty where there is one image).
    """

    code: str
    basis: Basis
    how: str | None
    saved_bytes: int
    files: dict[tuple[str, str], bytes]
    dockerfiles: dict[tuple[str, str], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """The images of one side of a page: what they occupy together, and the tips with the page's code."""

    unpacked_bytes: int
    tips: tuple[Tip | SharedTip, ...]


def _page(code: str) -> Page:
    text = (PAGES / f"{code}.md").read_text()
    stated, example = STATED.search(text), EXAMPLE.search(text)
    assert stated is not None, code
    assert example is not None, code
    files: dict[tuple[str, str], bytes] = {}
    dockerfiles: dict[tuple[str, str], str] = {}
    for fence in FENCE.finditer(example["body"]):
        if fence["file"]:
            files[fence["only"] or "", fence["file"]] = fence["body"].encode()
        elif fence["language"] == "dockerfile":
            title = TITLE.match(fence["body"].splitlines()[0])
            assert title is not None, f"{code}: a Dockerfile begins with '# before' or '# after'"
            dockerfiles[title["side"], title["image"] or ""] = fence["body"]
    for made in GENERATED.finditer(example["body"]):
        files["", made["file"]] = random.Random(made["file"]).randbytes(_number(made["bytes"]))
    assert {side for side, _ in dockerfiles} == {"before", "after"}, code
    return Page(
        code=code,
        basis=Basis(stated["basis"]),
        how=stated["how"],
        saved_bytes=_number(stated["bytes"]) if stated["bytes"] else 0,
        files=files,
        dockerfiles=dockerfiles,
    )


def _number(text: str) -> int:
    return int(text.replace(",", ""))


@pytest.fixture(scope="module")
def sides(
    engine: Any, need_images: Callable[..., None], layer_cache: LayerCache, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[str, str], Side]]:
    """Both sides of all pages, built and weighed; one set of images, removed at the end."""
    run = uuid.uuid4().hex[:8]
    pages = {code: _page(code) for code in CODES}
    names = [(code, *side) for code in CODES for side in pages[code].dockerfiles]
    tags = {one: f"weighbridge-test-tip-{run}:{'-'.join(filter(None, one))}" for one in names}
    bases = {
        base
        for page in pages.values()
        for text in page.dockerfiles.values()
        for base in set(BASE_IMAGES.findall(text)) - set(STAGES.findall(text))
    }
    need_images(engine, *sorted(bases - {"scratch"}))

    def build(one: tuple[str, str, str]) -> None:
        code, *side = one
        context = tmp_path_factory.mktemp("-".join(filter(None, one)))
        for (only, name), content in pages[code].files.items():
            if only not in {"", side[0]}:
                continue
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            (context / name).write_bytes(content)
        (context / "Dockerfile").write_text(pages[code].dockerfiles[side[0], side[1]])
        done = engine.docker("build", "--quiet", "--tag", tags[one], context)
        assert done.returncode == 0, f"{one}: {done.stderr}"

    tmp_path_factory.getbasetemp()  # made here: the first call is not safe in threads
    try:
        with ThreadPoolExecutor(max_workers=3) as pool:
            list(pool.map(build, names))
        yield _weighed(engine, pages, tags, layer_cache)
    finally:
        engine.docker("image", "rm", "--force", *tags.values())


def _weighed(
    engine: Any, pages: dict[str, Page], tags: dict[tuple[str, str, str], str], cache: LayerCache
) -> dict[tuple[str, str], Side]:
    references = {one: parse_image_reference(tag) for one, tag in tags.items()}
    layers: dict[tuple[str, str], dict[str, int]] = {}
    tips: dict[tuple[str, str], list[Tip | SharedTip]] = {}
    together: dict[tuple[str, str], list[NamedImage]] = {}
    with LayerReader(engine=lambda: engine.client, cache=cache) as reader:
        images = reader.read(list(references.values()))
        for (code, side, name), reference in references.items():
            image = images[reference]
            assert isinstance(image, Image), image
            text = pages[code].dockerfiles[side, name]
            dockerfile = parse_dockerfile(text, path="Dockerfile")
            origins = layer_origins(image.history, dockerfile)
            weighed = weigh_image(image, origins, reader.contents(reference))
            found = find_tips(weighed, DockerfileSource(text=text, dockerfile=dockerfile), include=(code,))
            tips.setdefault((code, side), []).extend(tip for tip in found if tip.code == code)
            together.setdefault((code, side), []).append(
                NamedImage(name=name, base=dockerfile.stages[0].base, weighed=weighed)
            )
            layers.setdefault((code, side), {}).update({one.diff_id: one.unpacked_bytes for one in image.layers})
        for one, named in together.items():
            if one[0] == SHARED_CODE:
                tips[one].extend(find_shared(named, minimum_saving_bytes=10_000))
    return {one: Side(unpacked_bytes=sum(layers[one].values()), tips=tuple(tips[one])) for one in layers}


@pytest.mark.parametrize("code", CODES)
def test_tip_is_found_on_first_dockerfile_with_line(sides: dict[tuple[str, str], Side], code: str) -> None:
    found = sides[code, "before"].tips
    assert found
    lines = max(len(text.splitlines()) for text in _page(code).dockerfiles.values())
    assert all(isinstance(tip, SharedTip) or tip.line is None or 1 < tip.line <= lines for tip in found)


@pytest.mark.parametrize("code", CODES)
def test_tip_disappears_with_fixed_dockerfile(sides: dict[tuple[str, str], Side], code: str) -> None:
    assert sides[code, "after"].tips == ()


@pytest.mark.parametrize("code", CODES)
def test_images_differ_as_page_and_tip_say(sides: dict[tuple[str, str], Side], code: str) -> None:
    page = _page(code)
    measured = sides[code, "before"].unpacked_bytes - sides[code, "after"].unpacked_bytes
    claimed = [tip.saved_bytes for tip in sides[code, "before"].tips if tip.saved_bytes is not None]
    match page.how:
        case "exactly":
            assert measured == sum(claimed) == page.saved_bytes
        case "about":
            assert measured == pytest.approx(page.saved_bytes, rel=TOLERANCE)
            assert sum(claimed) == pytest.approx(measured, rel=TOLERANCE)
        case "at least":
            assert measured >= page.saved_bytes
        case "at most":
            assert 0 < measured <= sum(claimed) <= page.saved_bytes
        case _:
            assert page.basis is Basis.UNKNOWN
            assert claimed == []


@pytest.mark.parametrize("code", CODES)
def test_tip_has_basis_of_page_or_rebuildable_change(sides: dict[tuple[str, str], Side], code: str) -> None:
    for tip in sides[code, "before"].tips:
        if _page(code).basis is Basis.REBUILT:
            assert tip.change is not None
        else:
            assert tip.basis is _page(code).basis
