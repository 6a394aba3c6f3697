"""Reasons why the files in git are not sufficient to build an image."""

from __future__ import annotations

import enum


class BuildProblem(enum.StrEnum):
    """Why an image is skipped. Neither reason is a fault of the change."""

    CONTEXT_UNKNOWN = "context unknown"
    NOT_IN_GIT = "not in git"
