"""What GitHub's event of a pull request from a branch, or from a fork, has of the fields that the Action reads."""

from __future__ import annotations

from typing import Any

REPOSITORY = "octo-org/octo-repo"


def pull_request_payload(base: str, head: str, *, head_repository: str = REPOSITORY) -> dict[str, Any]:
    """A push to the pull request 7, whose commits are `base` and `head`."""
    repository = {"full_name": REPOSITORY, "default_branch": "main"}
    return {
        "action": "synchronize",
        "number": 7,
        "repository": repository,
        "pull_request": {
            "number": 7,
            "state": "open",
            "user": {"login": "author"},
            "labels": [],
            "base": {"ref": "main", "sha": base, "repo": repository},
            "head": {"ref": "feature", "sha": head, "repo": {"full_name": head_repository}},
        },
    }
