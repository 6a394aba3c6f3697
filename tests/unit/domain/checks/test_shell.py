"""Checks of the command line and the tools around it."""

from __future__ import annotations

import pytest

from weighbridge.domain.checks.check import check
from weighbridge.domain.checks.finding import Severity, Subject
from weighbridge.domain.image.image import HistoryEntry


@pytest.fixture
def codes(images, make_elf):
    """The findings of one code for an image with a static program under several names, and a shell."""

    def codes(code, files=(), **config):
        static = make_elf(type=2, dynamic=False)
        names = ("/bin/dash", "/usr/bin/node", "/usr/bin/tini", "/app/server")
        rootfs = images.rootfs({**dict.fromkeys(names, static), "/bin/sh": "dash", **dict(files)})
        found = check(images.config(**config), rootfs).findings
        return [finding for finding in found if finding.code == code]

    return codes


SHELL = ("/bin/sh", "-c")


def test_shell_form_entrypoint_swallows_cmd(codes):
    (found,) = codes("arguments-swallowed", entrypoint=(*SHELL, "/app/server"), cmd=("--port", "80"))
    assert (found.severity, found.subject) == (Severity.WARNING, Subject.ENTRYPOINT)


@pytest.mark.parametrize(
    "config",
    [
        {"entrypoint": (*SHELL, "/app/server")},
        {"entrypoint": (*SHELL, 'exec /app/server "$@"', "--"), "cmd": ("--port",)},
        {"entrypoint": (*SHELL, 'exec "$0" "$@"'), "cmd": ("/app/server",)},
        {"entrypoint": ("/app/server",), "cmd": ("--port",)},
        {"entrypoint": ("tini", "--"), "cmd": (*SHELL, "/app/server")},
        {"entrypoint": ("/app/server",), "cmd": (*SHELL, "x")},
        {"entrypoint": ("node",), "cmd": ("server.js",)},
        {"entrypoint": ("/missing",), "cmd": (*SHELL, "x")},
        {"cmd": (*SHELL, "/app/server")},
    ],
)
def test_passed_arguments_give_no_finding(codes, config):
    assert codes("arguments-swallowed", **config) == []


def test_shell_form_cmd_behind_interpreter(codes):
    assert len(codes("arguments-swallowed", entrypoint=("node",), cmd=(*SHELL, "node server.js"))) == 1


def test_interpreter_twice(codes):
    (found,) = codes("arguments-swallowed", entrypoint=("/usr/bin/node",), cmd=("node", "x.js"), workdir="/app")
    assert found.predicts == "Cannot find module '/app/node'"
    there = codes(
        "arguments-swallowed", {"/app/node": b""}, entrypoint=("/usr/bin/node",), cmd=("node", "x.js"), workdir="/app"
    )
    assert there == []


def test_program_copied_onto_missing_directory_gives_finding(codes, make_elf):
    files = {"/usr/local/bin": make_elf(type=2, dynamic=False)}
    (found,) = codes("copy-onto-missing-directory", files, entrypoint=("/usr/local/bin/app",))
    assert (found.severity, found.path) == (Severity.ERROR, "/usr/local/bin")
    assert found.predicts == 'exec: "/usr/local/bin/app": stat /usr/local/bin/app: not a directory'
    (found,) = codes("copy-onto-missing-directory", files, entrypoint=("/app/server",))
    assert (found.severity, found.subject) == (Severity.WARNING, Subject.FILE)


def test_directories_in_place_give_no_finding(codes, make_elf):
    files = {"/usr/local/bin/app": make_elf(type=2, dynamic=False)}
    assert codes("copy-onto-missing-directory", files, entrypoint=("/usr/local/bin/app",)) == []
    assert codes("copy-onto-missing-directory", {"/opt/x": b""}, entrypoint=("/opt/x",)) == []


def test_image_without_any_shell(images, make_elf):
    static = make_elf(type=2, dynamic=False)
    found = check(images.config("/app"), images.rootfs({"/app": static})).findings
    assert [(finding.code, finding.severity) for finding in found] == [("no-debug-tools", Severity.INFO)]


@pytest.mark.parametrize("path", ["/bin/sh", "/busybox/sh", "/usr/bin/bash", "/bin/busybox"])
def test_any_shell_suffices(images, make_elf, path):
    static = make_elf(type=2, dynamic=False)
    assert check(images.config("/app"), images.rootfs({"/app": static, path: static})).findings == ()


BASE_CMD = '/bin/sh -c #(nop)  CMD ["node"]'
OWN_ENTRYPOINT = 'ENTRYPOINT ["/e.sh"]'
HANDS_ON = b'#!/bin/sh\nexec "$@"\n'


@pytest.fixture
def lost(images, make_elf):
    """The findings about a lost CMD of an image with a script as ENTRYPOINT."""

    def lost(history, script=HANDS_ON, **config):
        rootfs = images.rootfs({"/bin/dash": make_elf(type=2, dynamic=False), "/bin/sh": "dash", "/e.sh": script})
        entries = tuple(HistoryEntry(created_by=text, empty_layer=True) for text in history)
        found = check(images.config(entrypoint=("/e.sh",), **config), rootfs, history=entries).findings
        return [finding for finding in found if finding.code == "arguments-swallowed"]

    return lost


def test_cmd_of_base_image_reset_by_entrypoint_is_lost(lost):
    (found,) = lost([BASE_CMD, OWN_ENTRYPOINT])
    assert found.severity is Severity.WARNING
    assert found.fix == 'Repeat it behind the ENTRYPOINT: CMD ["node"]'


def test_cmd_kept_or_unused_is_not_lost(lost):
    assert lost([BASE_CMD, OWN_ENTRYPOINT, 'CMD ["x"]'], cmd=("x",)) == []
    assert lost([BASE_CMD, OWN_ENTRYPOINT], script=b"#!/bin/sh\nexec true\n") == []
    assert lost([BASE_CMD, "CMD []", OWN_ENTRYPOINT]) == []
    assert lost([OWN_ENTRYPOINT]) == []
