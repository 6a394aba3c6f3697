"""Photograph a comment: Markdown as `weighbridge render report.json --format markdown` prints it, as a PNG.

`.venv/bin/python scripts/comment_picture.py comment.md docs/comment.png` (needs chromium; Debian: apt-get install
chromium fonts-noto-color-emoji). GitHub's look is imitated, not copied: the same widths, sizes and colours.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cmarkgfm  # type: ignore[import-untyped]
from cmarkgfm.cmark import Options  # type: ignore[import-untyped]

WIDTH, HEIGHT = 940, 630
STYLE = """
body { margin: 16px; font: 14px/1.5 "DejaVu Sans", sans-serif; color: #1f2328; background: #fff }
.comment { border: 1px solid #d1d9e0; border-radius: 6px }
.head { padding: 8px 16px; background: #f6f8fa; border-bottom: 1px solid #d1d9e0; color: #59636e }
.head { border-radius: 6px 6px 0 0 }
.head b { color: #1f2328 }
.body { padding: 16px }
h3 { margin: 0 0 16px; font-size: 17px }
table { border-collapse: collapse; margin-bottom: 16px; font-size: 13px }
th, td { border: 1px solid #d1d9e0; padding: 5px 10px }
tr:nth-child(2n) td { background: #f6f8fa }
code { font: 12px "DejaVu Sans Mono", monospace; background: #eff1f3; border-radius: 6px; padding: 2px 5px }
pre { background: #f6f8fa; padding: 12px; border-radius: 6px } pre code { background: none; padding: 0 }
blockquote { margin: 0 0 16px; padding: 0 14px; color: #59636e; border-left: 4px solid #d1d9e0 }
details { margin-bottom: 10px } sub { font-size: 11px; color: #59636e; vertical-align: baseline }
"""


def page(markdown: str) -> str:
    """The comment as one HTML page."""
    body = cmarkgfm.github_flavored_markdown_to_html(
        markdown, options=Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_HARDBREAKS
    )
    head = '<div class="head"><b>github-actions</b> commented</div>'
    return (
        f'<!DOCTYPE html><meta charset="utf-8"><style>{STYLE}</style>'
        f'<div class="comment">{head}<div class="body">{body}</div></div>'
    )


def main(arguments: list[str]) -> int:
    """Write the picture; 1 with a text where there is no browser."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if len(arguments) != 2 or chromium is None:
        print(__doc__, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        html = Path(folder) / "comment.html"
        html.write_text(page(Path(arguments[0]).read_text(encoding="utf-8")), encoding="utf-8")
        size = f"--window-size={WIDTH},{HEIGHT}"
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={folder}/profile", size]
        subprocess.run([chromium, *options, f"--screenshot={arguments[1]}", html.as_uri()], check=True, timeout=120)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
