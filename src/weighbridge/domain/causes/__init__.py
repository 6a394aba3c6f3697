"""What made an image grow or shrink, with the line of the repository that did it."""

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
