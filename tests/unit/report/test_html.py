import base64
import hashlib
import html
import json
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest

from weighbridge.domain.image.file_map import FileArea, FileMap
from weighbridge.domain.image.packed_file_map import pack, unpack
from weighbridge.report.html import page as page_module
from weighbridge.report.html import render_html as render_page
from weighbridge.report.html.templates import templates
from weighbridge.report.model import Override, Verdict

VOID = {"meta", "input"}
SCRIPT = '<script type="application/json" id="details-data">'


def details_of(page):
    """The details of the images as a browser unpacks them, by their anchors."""
    packed = json.loads(page.split(SCRIPT)[1].split("</script>")[0])
    return {anchor: zlib.decompress(base64.b64decode(each)).decode() for anchor, each in packed.items()}


def render_html(report):
    """The page with the details of all images in it, each as the page shows it once it is opened."""
    page = render_page(report)
    hidden = "".join(each for each in details_of(page).values() if each not in page)
    return page.replace("</main>", hidden + "</main>")


class Document(HTMLParser):
    """The structure of a document (tags and attribute names), its attributes and its text."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.structure, self.attributes, self.texts, self.open = [], [], [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.structure.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.structure.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip() and self.open[-1:] not in (["style"], ["script"]):
            self.texts.append(" ".join(data.split()))


@pytest.fixture(scope="module")
def full(samples):
    return Document(render_html(samples.full()))


def test_html_file_loads_no_external_resource(samples):
    source = render_html(samples.full())
    document = Document(source)
    assert not {tag for tag, _ in document.structure} & {
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
    }
    assert not [
        each
        for each in document.attributes
        if each[1] in {"src", "srcset", "style", "action"} or each[1].startswith("on")
    ]
    assert all(value.startswith("#") for _, name, value in document.attributes if name == "href")
    assert "url(" not in source
    assert "@import" not in source


def test_policy_allows_only_this_style_sheet(samples):
    source = render_html(samples.full())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', source).group(1)
    style = re.search(r"(?s)<style>(.*?)</style>", source).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    scripts = re.findall(r"(?s)<script>(.*?)</script>", source)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{each}'" for each in digests)
    assert len(scripts) == 3
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; script-src {allowed}; base-uri 'none'; form-action 'none'"
    )


def test_vendored_script_equals_published_script_with_licence(samples):
    folder = Path(page_module.__file__).parent.parent / "templates/html/vendor"
    script = (folder / "d3-hierarchy.min.js").read_bytes()
    assert hashlib.sha256(script).hexdigest() in (folder / "README.md").read_text()
    assert "Permission to use, copy, modify" in render_page(samples.full())


def test_all_elements_are_closed_in_their_order(full):
    assert full.open == []


def test_verdict_total_and_reasons_come_first(full):
    head = full.texts[: full.texts.index("image")]
    assert "+43.0 MB" in head
    assert "failed" in head
    assert "grew by 41.2 MB; its limit is +10 MB" in head


@pytest.mark.parametrize(
    "text",
    [
        "services/api/Dockerfile · linux/amd64",
        "Own instructions +41.2 MB, base image ±0 B. Cause: a change of this repository.",
        "RUN apt-get update && apt-get install -y build-essential libpq-dev",
        "gcc-12",
        "/usr/lib/gcc/x86_64-linux-gnu/12/cc1plus",
        "and 1204 more",
        "exec /worker: no such file or directory",
        "/worker: PT_INTERP /lib64/ld-linux-x86-64.so.2",
        '#9 ERROR: failed to calculate checksum: "/src/src/batch": not found',
        "+FROM debian:12 AS build",
        "built and measured",
        "debugged with ephemeral containers",
        "uncommitted files stayed out:",
        "starts: no, new",
        "+10 MB (broken)",
    ],
)
def test_comment_has_all_sections_for_reviewer(full, text):
    assert any(text in each for each in full.texts)


def test_timeline_has_segment_for_each_layer_of_each_side(samples):
    source = render_html(samples.report(samples.api()))
    segments = re.findall(r'<rect class="([^"]+)" data-side="(\w+)" data-layer="(\d+)"', source)
    assert segments == [
        ("base-image", "base", "0"),
        ("base-image", "head", "0"),
        ("own", "base", "1"),
        ("own", "head", "1"),
        ("added", "head", "2"),
        ("changed", "base", "2"),
        ("changed", "head", "3"),
        ("changed", "base", "3"),
        ("changed", "head", "4"),
    ]
    assert "layer 2, line 7: RUN apt-get update" in source


@pytest.mark.parametrize("one_sided", ["added", "removed"])
def test_timeline_of_one_side_claims_no_change(samples, one_sided):
    source = render_html(samples.report(getattr(samples, one_sided)()))
    assert set(re.findall(r'<rect class="([^"]+)" data-side', source)) <= {"base-image", "own"}


def test_shared_tips_name_images(samples):
    document = Document(render_html(samples.sharing()))
    assert "api, worker" in document.texts
    assert any(text.startswith("1 thing that images could share; it saves 41.2 MB") for text in document.texts)


def test_every_drawing_is_described_or_hidden_from_readers(full):
    drawings = [attributes for tag, attributes in full.structure if tag == "svg"]
    assert drawings
    assert all("aria-label" in attributes or "aria-hidden" in attributes for attributes in drawings)


def maps_of(page):
    return json.loads(page.split('id="maps-data">')[1].split("</script>")[0])


def test_page_has_file_map_of_each_image(samples):
    packed = pack(FileMap(areas=(FileArea("a/b", 5),), packages=()))
    page = render_page(samples.report(replace(samples.api(), file_map=packed), samples.cron()))
    assert {name: base64.b64decode(each) for name, each in maps_of(page).items()} == {"image-0": packed}


def test_maps_of_many_images_are_cut_to_page_limit(samples):
    areas = tuple(FileArea(f"d{n % 50}/{hashlib.sha256(str(n).encode()).hexdigest()}", n) for n in range(1, 4_000))
    packed = pack(FileMap(areas=areas, packages=()))
    large = samples.large(50, files=1)
    page = render_page(replace(large, images=tuple(replace(each, file_map=packed) for each in large.images)))
    cut = [unpack(base64.b64decode(each)) for each in maps_of(page).values()]
    assert sum(map(len, maps_of(page).values())) < 440_000 < 50 * len(packed)
    assert {sum(area.head_bytes for area in each.areas) for each in cut} == {sum(range(1, 4_000))}


def test_inspected_image_has_sizes_and_shares_and_no_other_side(samples):
    document = Document(render_html(samples.inspected()))
    assert "1 image inspected" in document.texts
    assert "share" in document.texts
    assert "change" not in document.texts
    assert "38 %" in document.texts


def test_override_is_shown(samples):
    override = Override(actor="octocat", label="weighbridge: allow", at="2026-01-02", reason="one-off")
    full = samples.full()
    shown = Document(
        render_html(replace(full, verdict=Verdict(passed=True, reasons=full.verdict.reasons, override=override)))
    )
    assert "overridden" in shown.texts
    assert "octocat" in shown.texts


def test_report_without_images_has_its_own_line(samples):
    assert "No Dockerfile is affected, nothing to weigh." in Document(render_html(samples.report())).texts


@pytest.fixture(scope="session")
def plain_structure(samples):
    return Document(render_html(samples.hostile("plain"))).structure


@pytest.fixture(scope="session")
def hostile_page(samples, hostile_value):
    return render_html(samples.hostile(hostile_value))


@pytest.fixture(scope="session")
def hostile_document(hostile_page):
    return Document(hostile_page)


def test_hostile_values_do_not_change_structure(hostile_document, hostile_value, plain_structure):
    if hostile_value.strip() and "`" not in hostile_value and len(hostile_value.splitlines()) == 1:
        assert hostile_document.structure == plain_structure


def test_hostile_values_are_rendered_as_text(hostile_page, hostile_document):
    source, document = hostile_page, hostile_document
    assert document.open == []
    assert not {tag for tag, _ in document.structure} & {"img", "link", "iframe"}
    assert [attributes for tag, attributes in document.structure if tag == "script"] == [
        ("type", "id"),
        ("type", "id"),
        (),
        (),
        (),
    ]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", source)
    assert all(value.startswith("#image-") for _, name, value in document.attributes if name == "href")
    source.encode()


def test_large_reports_have_bounded_page_size(samples):
    assert len(render_page(samples.large(8, files=5_000))) < 400_000


def test_page_holds_elements_of_one_image_only(samples):
    page = render_page(samples.report(samples.api(), samples.worker(), samples.cron()))
    assert page.count("<article") == 1
    assert set(details_of(page)) == {"image-0", "image-1", "image-2"}
    assert "COPY worker /worker" not in page
    assert "COPY worker /worker" in details_of(page)["image-1"]


def test_long_list_is_cut_and_its_rest_waits_in_template(samples):
    (details,) = details_of(render_page(samples.report(samples.large(1, files=50).images[0]))).values()
    assert "Show all: 30 more files" in details
    assert details.split("<h3>Files that changed</h3>")[1].split("<template>")[0].count("<tr>") == 1 + 20


def test_template_cannot_print_value_unescaped():
    made = templates.overlay(loader=jinja2.DictLoader({"t": "{{ value }}"}))
    assert made.from_string("{{ value }}{{ value ~ '' }}").render(value="<b>") == "&lt;b&gt;&lt;b&gt;"
    with pytest.raises(jinja2.TemplateAssertionError, match="No filter named 'safe'"):
        made.from_string("{{ value | safe }}")
    with pytest.raises(TypeError, match="may print text and numbers"):
        made.from_string("{{ value }}").render(value=None)


def test_patch_in_report_keeps_tabs(samples):
    patch = "--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1,2 +1,2 @@\n FROM a\n-RUN\tmake \\\n+RUN\tmake -s \\\n"
    image = samples.api()
    image = replace(image, tips=(replace(image.tips[0], patch=patch),), combined=None, ladder=())
    (shown,) = re.findall(r'<pre class="patch" tabindex="0">(.*?)</pre>', render_html(samples.report(image)), re.DOTALL)
    assert html.unescape(re.sub(r"<[^>]*>", "", shown)) == patch


def test_figures_of_layers_are_columns_of_numbers(samples):
    classes = set(re.findall(r'<t[dh][^>]* class="([^"]*)"|<t[dh] class="([^"]*)"', render_html(samples.full())))
    names = {name for pair in classes for one in pair for name in one.split()}
    assert {"number", "roomy"} <= names
    assert not {name for name in names if name.startswith("number") and name != "number"}
