"""Tips on files that only some images need. They are off by default."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.domain.tips.context import FoundTip, TipContext, by_layer, bytes_by, counted, total_bytes
from weighbridge.domain.tips.tip import Basis, Tip
from weighbridge.domain.units import format_bytes

_KINDS: dict[str, re.Pattern[str]] = {
    "documentation": re.compile(r"/usr/(?:local/)?share/(?:doc|doc-base|gtk-doc|info|help)/(?!.*/copyright$)"),
    "manual pages": re.compile(r"/usr/(?:local/)?(?:share/)?man/"),
    "locales": re.compile(r"/usr/(?:local/)?(?:share/locale/|share/i18n/|lib/locale/)(?!C\.)"),
    "compiled Python files": re.compile(r"(?:/[^/]+)*/__pycache__/[^/]+\.pyc"),
}
"""Patterns by name. Licences (``copyright``) stay, because most must be distributed with the program."""

_REMEDY = (
    "Debian: path-exclude in /etc/dpkg/dpkg.cfg.d before apt-get install; Fedora: --setopt=tsflags=nodocs;"
    " Python: PYTHONDONTWRITEBYTECODE=1 and pip install --no-compile"
)


def locale_doc_man(context: TipContext) -> Iterator[FoundTip]:
    """``locale-doc-man``: locales, documentation, manual pages and ``__pycache__``, by layer; exact, and opt-in."""
    kinds: dict[tuple[str, str], str] = {}
    for file in context.own:
        kind = next((kind for kind, places in _KINDS.items() if all(map(places.match, file.paths))), None)
        if kind is not None:
            kinds[file.inode] = kind
    for layer, files in by_layer(file for file in context.own if file.inode in kinds):
        names = [f"{kind} ({format_bytes(size)})" for kind, size in bytes_by(files, kinds).items()]
        yield FoundTip(
            tip=Tip(
                code="locale-doc-man",
                saved_bytes=total_bytes(files),
                basis=Basis.COMPUTED,
                line=context.layer(layer).line,
                explanation=f"{', '.join(names)}: {counted(len(files), 'file')}. {_REMEDY}.",
            ),
            files=tuple(files),
        )
