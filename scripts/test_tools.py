"""Makes sure of the other tools that tests stand on: writers of images, a registry, node, ssh, a browser."""

from __future__ import annotations

import sys

from devkit import apt
from devkit.command import DevkitError

PACKAGE_OF_PROGRAM = {
    "buildah": "buildah",
    "docker-registry": "docker-registry",
    "node": "nodejs",
    "npm": "npm",
    "skopeo": "skopeo",
    "ssh": "openssh-client",
    "sshd": "openssh-server",
    "tar": "tar",
    "umoci": "umoci",
}


def main() -> int:
    """Install missing tools; 1 with a message if that is not possible here."""
    try:
        apt.need_programs(PACKAGE_OF_PROGRAM, reason="testing")
        if apt.find_program("google-chrome") is None:  # any Chromium will do for the tests of the HTML report
            apt.need_programs({"chromium": "chromium"}, reason="testing the HTML report")
    except DevkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
