"""Finds changes of ``.gitattributes`` that affect checkouts (gitattributes(5), "Checking-out and checking-in")."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from weighbridge.domain.lines import lines_of
from weighbridge.plan.git import REGULAR_FILES, Repository
from weighbridge.plan.git_blobs import read_present_blobs
from weighbridge.plan.tree import Tree

_MAXIMUM_BYTES = 1_048_576
_OF_CHECKOUTS = frozenset({"text", "eol", "crlf", "ident", "filter", "working-tree-encoding", "binary"})
_PATTERN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|\S+)\s*(.*)')


def changed_checkouts(repository: Repository, trees: Mapping[str, Tree], paths: Iterable[str]) -> list[str]:
    """The ``.gitattributes`` files of `paths` that may make checkouts of the two `trees` differ.

    Raises GitError.
    """
    shas = {
        path: [
            entry.sha if (entry := tree.entries.get(path)) is not None and entry.type in REGULAR_FILES else None
            for tree in trees.values()
        ]
        for path in paths
    }
    wanted = dict.fromkeys(sha for both in shas.values() for sha in both if sha is not None)
    data = dict(read_present_blobs(repository, wanted, maximum_bytes=_MAXIMUM_BYTES)) if wanted else {}
    found = []
    for path, both in shas.items():
        texts = [b"" if sha is None else data[sha] for sha in both]
        is_unknown = any(text is None or len(text) > _MAXIMUM_BYTES for text in texts)
        if is_unknown or len({checkout_rules(text) for text in texts if text is not None}) > 1:
            found.append(path)
    return found


def checkout_rules(data: bytes) -> tuple[str, ...]:
    """The lines of a ``.gitattributes`` that affect checkouts, without unrelated attributes.

    Returns all lines of a file that defines a macro, because a macro may set any attribute.
    """
    lines = [line.strip() for line in lines_of(data.decode("utf-8", "surrogateescape"))]
    lines = [line for line in lines if line and not line.startswith("#")]
    if any(line.startswith("[attr]") for line in lines):
        return tuple(lines)
    rules = []
    for line in lines:
        match = _PATTERN.match(line)
        attributes = [one for one in match[2].split() if _name(one) in _OF_CHECKOUTS] if match is not None else []
        if match is not None and attributes:
            rules.append(f"{match[1]} {' '.join(attributes)}")
    return tuple(rules)


def _name(attribute: str) -> str:
    return attribute.lstrip("-!").partition("=")[0]
