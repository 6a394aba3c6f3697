"""What builders other than BuildKit read differently: Docker's classic builder, and podman's.

"Unaffected" is decided as BuildKit reads a Dockerfile and its ignore files. The classic builder knows no
``DOCKERFILE.dockerignore``, lets ``ENV`` of the base image override ``ARG``, and ignores the case of a stage in
``FROM``. Podman prefers ``.containerignore`` to ``.dockerignore``.
"""

from __future__ import annotations

from collections.abc import Iterable

from weighbridge.domain.dockerfile import Dockerfile
from weighbridge.plan.image_plan import PlannedSide
from weighbridge.plan.tree import ROOT, Tree, join


def depends_on_builder(head: PlannedSide, trees: Iterable[Tree]) -> bool:
    """True if another builder may copy other files of the context than BuildKit does."""
    if head.parsed is None:
        return False
    ignore_files = (
        f"{head.dockerfile}.dockerignore",
        f"{head.dockerfile}.containerignore",
        join(head.context or ROOT, ".containerignore"),
    )
    return any(path in tree.entries for tree in trees for path in ignore_files) or _is_read_differently(head.parsed)


def _is_read_differently(dockerfile: Dockerfile) -> bool:
    names = {stage.name for stage in dockerfile.stages}
    if any(stage.parent is None and stage.base.lower() in names for stage in dockerfile.stages):
        return True
    return any("$" in source.written for stage in dockerfile.stages for source in stage.sources)
