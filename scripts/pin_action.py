"""Makes an action.yml run a published image instead of building its Dockerfile, for a release.

`python3 scripts/pin_action.py action.yml ghcr.io/OWNER/weighbridge@sha256:…`
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_IMAGE = re.compile(r"[a-z0-9][a-z0-9._/-]*(?::[0-9]+)?[a-z0-9._/-]*@sha256:[0-9a-f]{64}")
_FROM = "  image: Dockerfile\n"


def pinned(action: str, image: str) -> str:
    """The text of `action` with `image` in place of the Dockerfile. Raises ValueError for what does not fit."""
    if not _IMAGE.fullmatch(image):
        raise ValueError(f"{image!r} does not name an image by its digest.")
    if action.count(_FROM) != 1:
        raise ValueError("the action does not run `image: Dockerfile`, once.")
    return action.replace(_FROM, f"  image: docker://{image}\n")


def main(arguments: list[str]) -> int:
    """Write the file in place; 1 with a text where that cannot be."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    path = Path(arguments[0])
    try:
        path.write_text(pinned(path.read_text(encoding="utf-8"), arguments[1]), encoding="utf-8")
    except (OSError, ValueError) as error:
        print(f"error: {path}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
