"""Makes sure that the base images of examples and tests are in an engine: there, pulled, or built as stand-ins."""

from __future__ import annotations

import argparse
import sys

from devkit import engines, images
from devkit.command import DevkitError
from devkit.recipes import RECIPES
from devkit.terminal import say


def main() -> int:
    """Parse the command line; errors go to stderr as text, with exit code 1."""
    parser = argparse.ArgumentParser(prog="base_images.py", description=__doc__)
    parser.add_argument("--engine", choices=engines.ALL_SLOTS, default="overlay2")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[recipe.name for recipe in RECIPES])
    parser.add_argument("--list", action="store_true", help="print the names that have a stand-in, and what differs")
    arguments = parser.parse_args()
    if arguments.list:
        for recipe in RECIPES:
            print(f"{' '.join(recipe.names)}: {recipe.differs}")
        return 0
    try:
        images.ensure(engines.start(arguments.engine), arguments.only)
    except DevkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    say(f"base images are in the {arguments.engine} engine")
    return 0


if __name__ == "__main__":
    sys.exit(main())
