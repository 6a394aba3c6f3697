"""The look of a comment on GitHub, imitated: the same widths, sizes and colours, light and dark."""

from __future__ import annotations

import cmarkgfm  # type: ignore[import-untyped]
from cmarkgfm.cmark import Options  # type: ignore[import-untyped]

_COLOURS = """
:root { --ink: #1f2328; --page: #fff; --line: #d1d9e0; --soft: #59636e; --head: #f6f8fa;
--code: #eff1f3; --link: #0969da }
@media (prefers-color-scheme: dark) {
:root { --ink: #f0f6fc; --page: #0d1117; --line: #3d444d; --soft: #9198a1; --head: #151b23;
--code: #262c36; --link: #4493f8 }
}
"""
STYLE = (
    _COLOURS
    + """
body { margin: 16px; font: 14px/1.5 "DejaVu Sans", sans-serif; color: var(--ink); background: var(--page) }
.comment { border: 1px solid var(--line); border-radius: 6px }
.head { padding: 8px 16px; background: var(--head); border-bottom: 1px solid var(--line); color: var(--soft) }
.head { border-radius: 6px 6px 0 0 }
.head b { color: var(--ink) }
a { color: var(--link) }
.body { padding: 16px }
h3 { margin: 0 0 16px; font-size: 17px }
table { display: block; width: max-content; max-width: 100%; overflow: auto }
table { border-collapse: collapse; margin-bottom: 16px; font-size: 13px }
th, td { border: 1px solid var(--line); padding: 5px 10px }
tr:nth-child(2n) td { background: var(--head) }
blockquote, p, h3 { overflow-wrap: break-word }
code { font: 12px "DejaVu Sans Mono", monospace; background: var(--code); border-radius: 6px; padding: 2px 5px }
pre { background: var(--head); padding: 12px; border-radius: 6px; overflow: auto }
pre code { background: none; padding: 0 }
blockquote { margin: 0 0 16px; padding: 0 14px; color: var(--soft); border-left: 4px solid var(--line) }
details { margin-bottom: 10px } sub { font-size: 11px; color: var(--soft); vertical-align: baseline }
"""
)


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
