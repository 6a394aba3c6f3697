"""Finds the causes of an image's growth or shrinkage, with the responsible line of the repository."""

from weighbridge.domain.causes.find import explain_difference
from weighbridge.domain.causes.model import CauseKind, Explanation, Part, Place, SizeCause
from weighbridge.domain.causes.repository import ChangedFile, Repository, RepositorySide

__all__ = [
    "CauseKind",
    "ChangedFile",
    "Explanation",
    "Part",
    "Place",
    "Repository",
    "RepositorySide",
    "SizeCause",
    "explain_difference",
]
