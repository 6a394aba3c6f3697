"""Redis ends at the first directive that it does not have, or whose value it refuses."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.predict import Starts

REFUSED = "configuration-refused"
NAMES = b"appendonly\0port\0maxmemory-policy\0include\0tls-dir\0logfile\0requirepass\0save\0"


@pytest.fixture
def redis(program):
    """Files of an image with a redis that has the directives of `NAMES`."""
    return lambda text: {"/usr/bin/redis-server": program + NAMES, "/etc/r.conf": text.encode(), "/data/": b""}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("port 1\nmaxmemory-polcy a\n", "Bad directive or wrong number of arguments"),
        ("appendonly true\n", "argument must be 'yes' or 'no'"),
        ("dir /gone\n", "No such file or directory"),
        ("logfile /gone/a.log\n", "Can't open the log file"),
        ("include /gone.conf\n", "Fatal error, can't open config file '/gone.conf'"),
        ('requirepass "a\n', "Unbalanced quotes in configuration line"),
    ],
)
def test_directive_that_redis_refuses_ends_it(dies, redis, text, message):
    dies(REFUSED, message, redis(text), "redis-server", "/etc/r.conf")


@pytest.mark.parametrize(
    "text",
    [
        '# nosuch\n\n  PORT 1\r\nsave ""\n',
        "requirepass 'a b'\ndir /data\nlogfile a.log\n",
        "include /etc/*.none\n",
        "appendonly YES\n",
    ],
)
def test_known_directives_start(run, redis, text):
    assert run(redis(text), "redis-server", "/etc/r.conf").starts is Starts.YES


@pytest.mark.parametrize(
    ("words", "starts"),
    [
        (["--port", "1", "--save", "60", "1"], Starts.YES),
        (["/etc/r.conf", "--nosuch", "1"], Starts.NO),
        (["--apendonly", "yes"], Starts.NO),
        (["--version"], Starts.YES),
        ([], Starts.YES),
    ],
)
def test_options_are_directives(run, redis, words, starts):
    assert run(redis(""), "redis-server", *words).starts is starts


def test_program_with_other_names_is_not_judged(run, program):
    files = {"/usr/bin/redis-server": program}
    assert run(files, "redis-server", "--nosuch", "1").starts is Starts.YES
