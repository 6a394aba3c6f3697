"""Starts of an image as Compose services configure them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Subject
from weighbridge.domain.start.service import ServiceStart
from weighbridge.domain.start.service_check import as_configured, check_service

WEB = ServiceStart(service="web", file="compose.yaml", line=4)


@pytest.fixture
def run(images, make_elf):
    """Checks a service of an image with a shell and the command ``app``."""

    def run(**changes):
        static = make_elf(type=2, dynamic=False)
        entry = b'#!/bin/dash\n: "${DB:?is needed}"\nexec "$@"\n'
        rootfs = images.rootfs({"/bin/app": static, "/bin/dash": static, "/entry": entry})
        return check_service(images.config("/bin/app"), rootfs, replace(WEB, **changes))

    return run


def test_command_of_service_missing_is_finding_with_file_and_line(run):
    (finding,) = run(command=("nosuch",)).findings
    assert finding.predicts == 'exec: "nosuch": executable file not found in $PATH'
    assert finding.evidence[0] == "compose.yaml:4: service web runs nosuch"


def test_command_of_service_there_is_link_of_chain(run):
    result = run(entrypoint=("/entry",), command=("/bin/app",), environment=(("DB", "x"),))
    assert result.findings == ()
    assert result.chain == "compose.yaml:4: service web runs /entry /bin/app: starts (followed /entry -> /bin/app)"


def test_variable_that_service_does_not_set_is_finding(run):
    (finding,) = run(entrypoint=("/entry",), command=("/bin/app",)).findings
    assert finding.predicts == "/entry: 2: DB: is needed"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"unknown_because": "it extends another service"}, "it extends another service"),
        ({"command": ("/srv/nosuch",), "mounts": ("/srv",)}, "/srv/nosuch is under the volume /srv"),
        ({"command": ("nosuch",), "working_dir": "/srv/app", "mounts": ("/srv",)}, "it mounts /srv"),
        ({"entrypoint": ("/entry",), "has_more_variables": True}, "its env_file may set the variables"),
    ],
)
def test_failure_that_service_may_prevent_is_not_checked(run, changes, reason):
    result = run(**changes)
    assert result.findings == ()
    assert result.not_checked is not None
    assert result.not_checked.startswith(f"compose.yaml:4: service web: {reason}")


def test_entrypoint_of_service_drops_command_of_image(images):
    config = images.config("/bin/app", "a")
    assert as_configured(config, replace(WEB, entrypoint=("/entry",))).cmd is None
    assert as_configured(config, replace(WEB, command=("b",))).cmd == ("b",)
    assert as_configured(config, replace(WEB, command=())).cmd == ()


def test_health_check_of_service_that_cannot_run_is_finding(run):
    (finding,) = run(healthcheck=("CMD", "curl", "-f", "http://localhost")).findings
    assert (finding.code, finding.subject) == (CheckCode.HEALTHCHECK_COMMAND_MISSING, Subject.HEALTHCHECK)
    assert finding.evidence[0] == "compose.yaml:4: service web checks its health with curl -f http://localhost"


@pytest.mark.parametrize("test", [("CMD", "app"), ("NONE",)])
def test_health_check_of_service_that_runs_is_no_finding(run, test):
    result = run(healthcheck=test)
    assert (result.findings, result.chain, result.not_checked) == ((), None, None)
