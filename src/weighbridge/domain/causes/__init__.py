"""Finds the causes of an image's growth or shrinkage, with the responsible line of the repository."""

from weighbridge.domain.causes.find import explain_difference
from weighbridge.domain.causes.model import CauseKind, CauseShare, Explanation, Place, SizeCause
from weighbridge.domain.causes.repository import ChangedFile, RepositoryChanges, RepositorySide

__all__ = [
    "CauseKind",
    "CauseShare",
    "ChangedFile",
    "Explanation",
    "Place",
    "RepositoryChanges",
    "RepositorySide",
    "SizeCause",
    "explain_difference",
]
