"""The configuration of supervisord. The texts were recorded from supervisor 4.2."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.predict import Starts

REFUSED = "configuration-refused"
COMMAND = ("supervisord", "-n", "-c", "/s.conf")
TOP = "[supervisord]\nnodaemon=true\n"


@pytest.fixture
def supervisord():
    return {"/usr/local/bin/supervisord": b"#!/usr/local/bin/python3\nfrom supervisor.supervisord import main\n"}


def _files(supervisord, text, **more):
    package = {"/usr/local/lib/python3.12/site-packages/supervisor/supervisord.py": b""}
    return {**supervisord, **package, "/s.conf": text.encode(), **more}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[program:a]\ncommand=/a\n", ".ini file does not include supervisord section"),
        ("nodaemon=true\n", "File contains no section headers"),
        (TOP + "[program:a]\nautostart=true\n", "program section program:a does not specify a command"),
        (TOP + "user=nosuch\n", "Invalid user name nosuch"),
        (TOP + "[program:a]\ncommand=/a\nuser=nosuch\n", "Invalid user name nosuch"),
        (
            TOP + "[program:a]\ncommand=/a %(ENV_GONE)s\n",
            "contains names ('ENV_GONE') which cannot be expanded",
        ),
        (
            TOP + "logfile=/gone/s.log\n",
            "The directory named as part of the path /gone/s.log does not exist",
        ),
        (
            TOP + "[program:a]\ncommand=/a\nstdout_logfile=/gone/a.log\n",
            "The directory named as part of the path /gone/a.log does not exist",
        ),
        (TOP + "[program:a]\ncommand=/a\nautorestart=maybe\n", "invalid 'autorestart' value 'maybe'"),
        (
            TOP + "[program:a]\ncommand=/a\nnumprocs=2\n",
            "%(process_num) must be present within process_name when numprocs > 1",
        ),
    ],
)
def test_configuration_with_error_dies_with_its_text(dies, supervisord, text, message):
    dies(REFUSED, message, _files(supervisord, text), *COMMAND)


@pytest.mark.parametrize(
    "text",
    [
        TOP
        + "user=root ; comment\n[program:a]\ncommand=/a %(ENV_HOME)s %(program_name)s\nstdout_logfile=/dev/stdout\n",
        TOP + "logfile=/tmp/s.log\n[program:a]\ncommand=/a\nautorestart=unexpected\nstderr_logfile=NONE\n",
        TOP + "[program:a]\ncommand=/a\nnumprocs=2\nprocess_name=%(program_name)s_%(process_num)d\n",
        "[include]\nfiles = /more/*.conf\n",
    ],
)
def test_configuration_without_error_starts(run, supervisord, text):
    accounts = {"/etc/passwd": b"root:x:0:0::/:/bin/sh\n", "/etc/group": b"root:x:0:\n", "/tmp/": b""}
    more = {"/more/a.conf": TOP.encode(), "/more/b.txt": b"[program:x]\n"}
    assert run(_files(supervisord, text, **accounts, **more), *COMMAND).starts is Starts.YES


def test_program_of_included_file_is_checked(dies, supervisord):
    text = TOP + "[include]\nfiles = more/*.conf\n"
    files = _files(supervisord, text, **{"/more/a.conf": b"[program:b]\nautostart=no\n"})
    dies(REFUSED, "program section program:b does not specify a command", files, *COMMAND)


def test_user_of_file_as_other_user_dies(dies, supervisord):
    files = _files(supervisord, TOP + "user=root\n", **{"/etc/passwd": b"root:x:0:0::/:/bin/sh\n", "/etc/group": b""})
    dies(REFUSED, "Can't drop privilege as nonroot user", files, *COMMAND, user="1000")


def test_variable_that_script_may_set_is_not_checked(run, supervisord):
    files = _files(supervisord, TOP + "[program:a]\ncommand=/a %(ENV_PORT)s\n", **{"/more": b""})
    script = ". /more; exec supervisord -n -c /s.conf"
    assert run({**files, "/more": b"export PORT=1\n"}, "sh", "-c", script).starts is Starts.YES
