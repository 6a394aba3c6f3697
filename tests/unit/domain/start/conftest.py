"""An image with shells and small programs, in which a script is followed."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.predict import predict_start


@pytest.fixture
def run_script(images, make_elf):
    """Predicts ``/s``, a script for a shell, in an image with small programs."""

    def run(text, *arguments, shell="dash", files=(), **config):
        static = make_elf(type=2, dynamic=False)
        busybox = static + b"BusyBox v1.36 [\0[[\0" + b"".join(b"app%d\0" % n for n in range(30))
        names = (
            "true",
            "cat",
            "cp",
            "ls",
            "mkdir",
            "chown",
            "touch",
            "sed",
            "grep",
            "nice",
            "rm",
            "adduser",
            "gosu",
            "setup",
            "ln",
            "find",
            *("realpath", "rmdir", "dd", "gunzip", "gzip", "head", "install", "truncate", "stat", "readlink"),
            *("mv", "tar", "chmod", "cut", "sleep", "id", "printenv", "awk", "date", "getent", "expr", "setpriv"),
        )
        rootfs = {
            "/bin/dash": static,
            "/bin/bash": static + b"GNU bash, version 5.2 required file not found",
            "/bin/ash": busybox,
            "/usr/bin/dash": "/bin/dash",
            "/usr/bin/bash": "/bin/bash",
            **{f"/usr/bin/{name}": busybox if shell == "ash" else static for name in names},
            "/etc/passwd": b"root:x:0:0::/root:/bin/sh\n",
            "/s": f"#!/bin/{shell}\n{text}\n".encode(),
            **dict(files),
        }
        return predict_start(images.config("/s", *arguments, **config), images.rootfs(rootfs))

    return run
