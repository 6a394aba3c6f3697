"""The input of every check."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.image.image import HistoryEntry, ImageConfig
from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.start.predict import StartPrediction

MAX_FINDINGS_PER_CODE = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckContext:
    """An image, its root filesystem, the predicted start, and the layers of the Dockerfile itself.

    `own_diff_ids` is None if unknown: then all layers count as the Dockerfile's own. `history` is that of the image.
    """

    config: ImageConfig
    rootfs: Rootfs
    start: StartPrediction
    own_diff_ids: frozenset[str] | None = None
    history: tuple[HistoryEntry, ...] = ()

    def is_own(self, node: Node) -> bool:
        """True if the file comes from a layer of the Dockerfile, not from its base image."""
        return self.own_diff_ids is None or node.diff_id in self.own_diff_ids

    def files_named(
        self, is_wanted: Callable[[str], bool], texts: Collection[str], *, names: frozenset[str] = frozenset()
    ) -> Iterator[Node]:
        """Regular files whose name is wanted, each hard link by its own path. See `FileTable.named`."""
        for path, number in self.rootfs.table.named(is_wanted, texts, names=names):
            yield replace(self.rootfs.node(number), path=path)


def finding(
    code: CheckCode,
    severity: Severity,
    *,
    path: str | None,
    evidence: tuple[str, ...],
    subject: Subject = Subject.FILE,
    predicts: str | None = None,
    fix: str | None = None,
) -> Finding:
    """A finding, by default on a file."""
    return Finding(
        code=code, severity=severity, subject=subject, path=path, predicts=predicts, evidence=evidence, fix=fix
    )
