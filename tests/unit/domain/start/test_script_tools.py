"""Small programs of a script that fail in every container: the text is the program's own, the neighbour starts."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.predict import Starts

TOOLS = ("useradd", "groupadd", "usermod", "userdel", "groupdel", "mktemp", "mkfifo", "chgrp", "timeout", "stdbuf")
FILES = {
    "/etc/group": b"root:x:0:\nstaff:x:50:\n",
    "/etc/nologin": b"",
    **{f"/usr/bin/{name}": "/usr/bin/true" for name in TOOLS},
}


@pytest.mark.parametrize(
    ("shell", "line", "predicts"),
    [
        ("dash", "useradd -m root", "useradd: user 'root' already exists"),
        ("dash", "groupadd staff", "groupadd: group 'staff' already exists"),
        ("dash", "usermod -a -G staff ghost", "usermod: user 'ghost' does not exist"),
        ("dash", "userdel ghost", "userdel: user 'ghost' does not exist"),
        ("dash", "groupdel ghost", "groupdel: group 'ghost' does not exist"),
        ("dash", "id -u ghost", "id: 'ghost': no such user"),
        ("ash", "id -u ghost", "id: unknown user ghost"),
        ("dash", "chgrp ghost /etc", "chgrp: invalid group: 'ghost'"),
        ("dash", "chown root:ghost /etc", "chown: invalid group: 'root:ghost'"),
        ("dash", "chown ghost:gone /etc", "chown: invalid user: 'ghost:gone'"),
        ("ash", "chown root:ghost /etc", "chown: unknown user/group root:ghost"),
        ("dash", "find /etc -group ghost", "find: 'ghost' is not the name of an existing group"),
        ("dash", "mkfifo /nosuch/x", "mkfifo: cannot create fifo '/nosuch/x': No such file or directory"),
        ("dash", "mktemp /nosuch/xXXX", "mktemp: failed to create file via template '/nosuch/xXXX'"),
        ("dash", "mktemp -d /nosuch/xXXX", "mktemp: failed to create directory via template '/nosuch/xXXX'"),
        ("dash", "mktemp /tmp/x", "mktemp: too few X's in template '/tmp/x'"),
    ],
)  # fmt: skip
def test_call_that_must_fail_prints_its_text(run_script, shell, line, predicts):
    prediction = run_script(f"set -e\n{line}\nexec true", shell=shell, files=FILES)
    assert (prediction.starts, prediction.findings[-1].predicts) == (Starts.NO, predicts)


@pytest.mark.parametrize(
    "line",
    [
        "useradd app",
        "useradd -f 0 root",
        "useradd --root /x root",
        "useradd",
        "groupadd -f staff",
        "usermod -s /bin/sh root",
        "usermod --root /x ghost",
        "userdel -r",
        "getent passwd root",
        "getent passwd 5",
        "getent hosts ghost",
        "id -u root",
        "id 5",
        "chgrp staff /etc",
        "chown 5:ghost5 /etc || true",
        "chown --reference=/etc ghost",
        "find /etc -user 5",
        "mkfifo /etc/x",
        "mktemp /etc/xXXX",
        "mktemp -t x",
        "mktemp --tmpdir=/nosuch xXXX",
        "mktemp",
    ],
)
def test_neighbour_of_such_a_call_starts(run_script, line):
    assert run_script(f"set -e\n{line}\nexec true", files=FILES).starts is Starts.YES


def test_silent_failure_of_getent_is_no_yes(run_script):
    assert run_script("set -e\ngetent passwd ghost\nexec true", files=FILES).starts is not Starts.YES
