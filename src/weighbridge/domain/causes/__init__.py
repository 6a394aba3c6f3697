"""Finds the causes of an image's growth or shrinkage, with the responsible line of the repository."""

from weighbridge.domain.causes.find import find_size_causes
from weighbridge.domain.causes.model import CauseKind, Part, Place, SizeCause
from weighbridge.domain.causes.repository import ChangedFile, Repository, RepositorySide

__all__ = [
    "CauseKind",
    "ChangedFile",
    "Part",
    "Place",
    "Repository",
    "RepositorySide",
    "SizeCause",
    "find_size_causes",
]
