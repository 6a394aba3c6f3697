"""No output of a report shows the secrets of an image's history and configuration. Patches still apply."""

from __future__ import annotations

import base64
import io
import json
import zlib
from dataclasses import replace

import pytest
from rich.console import Console

from weighbridge.domain.secret_values import ANY_SECRET
from weighbridge.report.html import render_html
from weighbridge.report.markdown import render_markdown
from weighbridge.report.masked import masked
from weighbridge.report.model import ConfigReport, encode_report
from weighbridge.report.terminal import render_inspect, render_table

TEXTS = (
    "RUN export DB_PASSWORD=canary1 && make",
    "RUN curl -u me:canary2 https://host/x",
    "RUN app --token canary3",
    "RUN curl -H 'Authorization: Bearer canary4' host",
    "RUN git clone https://me:canary5@host/x",
)
PATCH = (
    "--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1 +1 @@\n-ENV TOKEN=in-the-repository A=1\n+ENV TOKEN=in-the-repository\n"
)


def with_secrets(report):
    """`report` with secrets in the texts of its first changed image."""
    one = next(each for each in report.images if each.head is not None and len(each.head.layers) > 1 and each.tips)
    rows = tuple(replace(row, instruction=TEXTS[at % 5]) for at, row in enumerate(one.layers * 2))
    config = ConfigReport(entrypoint=("app", "--token", "canary6"), cmd=("sh", "-c", "PASSWORD=canary7 app"))
    layers = tuple(replace(row, instruction=TEXTS[at % 5]) for at, row in enumerate(one.head.layers * 2))
    changed = replace(
        one,
        layers=rows,
        head=replace(one.head, layers=layers, config=config),
        tips=tuple(replace(tip, patch=PATCH, explanation=TEXTS[0]) for tip in one.tips),
    )
    return replace(report, images=(changed,), notes=TEXTS)


def terminal(render, report):
    output = io.StringIO()
    render(report, Console(file=output, width=300))
    return output.getvalue()


def page(report):
    """The page, and the details of its images as a browser unpacks them."""
    text = render_html(report)
    details = json.loads(text.split('id="details-data">')[1].split("</script>")[0])
    return text + "".join(zlib.decompress(base64.b64decode(each)).decode() for each in details.values())


@pytest.mark.parametrize(
    "render",
    [
        encode_report,
        page,
        render_markdown,
        lambda report: terminal(render_table, report),
        lambda report: terminal(render_inspect, report),
    ],
    ids=["json", "html", "markdown", "table", "inspect"],
)
def test_secret_of_history_and_config_is_in_no_output(samples, render):
    open_report = with_secrets(samples.full())
    assert "canary" in str(render(open_report))
    assert "canary" not in str(render(masked(open_report, ANY_SECRET)))


def test_patch_with_secret_of_the_repository_still_applies(samples):
    report = masked(with_secrets(samples.full()), ANY_SECRET)
    assert {tip.patch for tip in report.images[0].tips} == {PATCH}
