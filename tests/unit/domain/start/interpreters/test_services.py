"""Servers that check the image first. The texts were recorded from redis 7.0, OpenSSH 9.2, apache 2.4 and cron."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.predict import Starts

APACHE = b"ServerRoot x\nDefaultRuntimeDir ${APACHE_RUN_DIR}\nPidFile y\n"


@pytest.fixture
def servers(program):
    names = {"/usr/sbin/sshd": program + b"\0/run/sshd\0", "/usr/sbin/apache2": program}
    cron = {"/usr/sbin/cron": program + b"\0can't open or create %s: %s\0", "/var/run/": b""}
    redis = {"/usr/bin/redis-check-rdb": program, "/usr/bin/redis-server": "redis-check-rdb"}
    return {**names, **cron, **redis, "/etc/apache2/apache2.conf": APACHE}


@pytest.mark.parametrize(
    ("code", "text", "command", "config"),
    [
        (
            "interpreter-file-missing",
            "Fatal error, can't open config file '/app/r.conf'",
            ("redis-server", "r.conf", "--port", "1"),
            {},
        ),
        (
            "program-option-refused",
            "sshd re-exec requires execution with an absolute path",
            ("sshd", "-D"),
            {},
        ),
        (
            "configuration-refused",
            "Missing privilege separation directory: /run/sshd",
            ("/usr/sbin/sshd", "-D", "-e"),
            {},
        ),
        (
            "configuration-refused",
            "DefaultRuntimeDir must be a valid directory, absolute or relative to ServerRoot",
            ("apache2", "-DFOREGROUND"),
            {},
        ),
        (
            "privilege-missing",
            "can't open or create /var/run/crond.pid: Permission denied",
            ("cron", "-f"),
            {"user": "1000"},
        ),
    ],
)
def test_server_without_what_it_needs_dies_with_its_text(dies, servers, code, text, command, config):
    dies(code, text, servers, *command, **config)


@pytest.mark.parametrize(
    ("files", "command", "config"),
    [
        ({"/app/r.conf": b""}, ("redis-server", "r.conf"), {}),
        ({}, ("redis-server", "--port", "1"), {}),
        ({"/run/sshd/": b""}, ("/usr/sbin/sshd", "-D"), {}),
        ({}, ("/usr/sbin/sshd", "-V"), {}),
        ({"/r/": b""}, ("apache2", "-DFOREGROUND"), {"env": {"APACHE_RUN_DIR": "/r"}}),
        ({}, ("apache2", "-v"), {}),
        ({}, ("cron", "-f"), {}),
        ({"/var/run/crond.pid": b""}, ("cron", "-f"), {"user": "1000"}),
    ],
)
def test_server_with_what_it_needs_starts(run, servers, files, command, config):
    assert run({**servers, **files}, *command, **config).starts is Starts.YES


def test_folder_that_script_makes_through_link_is_no_failure(run, servers, program):
    files = {**servers, "/usr/bin/mkdir": program, "/usr/bin/true": program, "/run/": b"", "/var/run": "/run"}
    script = "export APACHE_RUN_DIR=/var/run/apache2; mkdir -p $APACHE_RUN_DIR; exec apache2 -DFOREGROUND"
    assert run(files, "sh", "-c", script).starts is not Starts.NO
