"""Images with stand-ins for interpreters: readers recognise them by name and read the other files."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.predict import Starts, predict_start

PYTHON = "/usr/local/lib/python3.12"


@pytest.fixture
def program(make_elf):
    """A static program."""
    return make_elf(type=2, dynamic=False)


@pytest.fixture
def run(images, program):
    """`run(files, *command, **config)` predicts a start in an image that has every interpreter."""
    java = "/opt/java"
    there = {
        "/usr/local/bin/python3.12": program,
        "/usr/local/bin/python3": "python3.12",
        f"{PYTHON}/os.py": b"",
        f"{PYTHON}/json/__init__.py": b"",
        f"{PYTHON}/encodings/__init__.py": b"",
        "/usr/local/bin/node": program,
        f"{java}/bin/java": program,
        "/usr/bin/java": f"{java}/bin/java",
        f"{java}/release": b'JAVA_VERSION="17.0.9"\n',
        **{f"{java}/lib/{name}": b"x" for name in ("libjli.so", "libjava.so", "jvm.cfg", "modules")},
        f"{java}/lib/server/libjvm.so": b"x",
        **{
            f"/usr/bin/{name}": program
            for name in (
                "perl",
                "ruby3.1",
                "php8.2",
                "gawk",
                "mawk",
                "lua5.4",
                "tclsh8.6",
                "Rscript",
                "nginx",
                "bun",
                "deno",
                "dotnet",
            )
        },
        "/usr/bin/s6-svscan": program,
        "/usr/bin/dash": program,
        "/bin/sh": "/usr/bin/dash",
    }

    def run(files, *command, **config):
        config = {"workdir": "/app", **config}
        return predict_start(images.config(*command, **config), images.rootfs({"/app/": b"", **there}, files))

    return run


@pytest.fixture
def dies(run):
    """`dies(code, predicts, files, *command)` holds a start to one failure."""

    def dies(code, predicts, files, *command, **config):
        prediction = run(files, *command, **config)
        assert prediction.starts is Starts.NO, prediction
        assert (prediction.findings[-1].code, prediction.findings[-1].predicts) == (code, predicts)
        return prediction.findings[-1]

    return dies
