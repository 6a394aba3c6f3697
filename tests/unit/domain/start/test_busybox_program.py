"""What a busybox has is read from its program: applets, options, and words of ``find``."""

from __future__ import annotations

import bz2

import pytest
from linear_time import assert_linear

from weighbridge.domain.start.busybox_program import busybox_of
from weighbridge.domain.start.predict import Starts, predict_start
from weighbridge.domain.start.scripts.tools.applet_options import (
    is_relative_time,
    refused_option,
    refused_predicate,
    unsure_option,
)

USAGES = {
    "cp": "[-arPLHpfilsTu] SOURCE DEST\n\n\t-a\tSame as -dpR\n\t-R,-r\tRecurse",
    "crond": "[-fbS] [-l N] [-L FILE] [-c DIR]\n\n\t-c DIR\tCron dir. Default:/var/spool/cron/crontabs",
    "date": "[OPTIONS] [+FMT]\n\n\t-u\tUTC\n\t-d TIME\tDisplay TIME\n\t-D FMT\tFMT",
    "find": "[-HL] [PATH]... [OPTIONS] [ACTIONS]",
    "httpd": "[-ifv[v]] [-c FILE] [-p [IP:]PORT] [-h HOME]\n\n\t-f\tForeground\n\t-h HOME\tHome directory",
    "mkdir": "[-m MODE] [-p] DIRECTORY...\n\n\t-m MODE\tMode\n\t-p\tNo error",
    "nc": "[-iN] [-wN] [-l] [-p PORT] [-e PROG]\n\n\t-l\tListen mode\n\t-p PORT\tLocal port",
    "tail": "[OPTIONS] [FILE]...\n\n\t-c [+]N[bkm]\tbytes\n\t-n N[bkm]\tlines\n\t-f\tPrint data as file grows",
    "tar": "c|x|t [-v] [-f TARFILE] [FILE]...",
    "timeout": "[-s SIG] [-k KILL_SECS] SECS PROG ARGS",
    "wget": "[-q] [-O FILE] URL...\n\n\t-q\tQuiet\n\t--spider\tOnly check",
}
OTHERS = ["sh", "true", "sleep", "echo", *(f"applet{number}" for number in range(20))]
LONG = b"\0parents\0\0\xffverbose\0\0vno-check-certificate\0\1\xf0recursive\0\0r\0"
FIND = b"-a\0!\0-o\0-name\0-type\0-mtime\0-exec\0-print\0-maxdepth\0"


def program(usages=USAGES, tail=b"", streams=b"") -> bytes:
    names = sorted([*usages, *OTHERS])
    packed = bz2.compress("\0".join(["", "", *(usages.get(name, "\b") for name in names), ""]).encode())[2:]
    applets = b"[\0[[\0" + b"".join(name.encode() + b"\0" for name in names)
    return b"BusyBox v1.36\0" + applets + streams + packed + LONG + FIND + tail


@pytest.fixture
def busybox(images):
    """The busybox of a file with the given content."""

    def busybox(content):
        rootfs = images.rootfs({"/bin/busybox": content})
        return busybox_of(rootfs, rootfs.lookup("/bin/busybox"))

    return busybox


def test_applets_usages_and_options_are_read_from_program(busybox):
    found = busybox(program())
    assert {"[", "[[", "nc", "sh"} <= found.applets
    assert found.usages == USAGES
    assert {"parents", "verbose", "no-check-certificate", "recursive"} <= found.long_options
    assert {"-name", "-exec"} <= found.predicates


@pytest.mark.parametrize("streams", [b"h91AY&SYbroken", bz2.compress(b"a script\0")[2:]], ids=["broken", "script"])
def test_other_streams_before_usages_are_passed_over(busybox, streams):
    assert busybox(program(streams=streams)).usages == USAGES


@pytest.mark.parametrize("piece", [b"abcdefgh", b"a\0\1", b"-a", b"-aa\0", b"h91AY&SY"])
def test_hostile_program_is_read_in_linear_time(busybox, piece):
    assert_linear(lambda size: busybox(program() + piece * (size // len(piece))), largest=2_000_000)


def test_program_without_usages_refuses_nothing(busybox):
    found = busybox(program().replace(b"1AY&SY", b"1AY&SX"))
    assert found.usages == {}
    assert refused_option(found, "nc", ["-lk"]) == unsure_option(found, "cp", ["--nosuch"]) == ""


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        ("nc -lk -p 9000", "k"),
        ("nc -ll -p 9000", ""),
        ("nc -l -p -k", ""),
        ("timeout -t 5 true", "t"),
        ("timeout 5 prog -t", ""),
        ("mkdir -pv a", ""),
        ("mkdir -px a", "x"),
        ("mkdir -m-x a", ""),
        ("tail -5 a", ""),
        ("tail -n -5 a", ""),
        ("cp -- -x a", ""),
        ("cp a b -x", "x"),
        ("cp --nosuch a b", "--nosuch"),
        ("cp --recurs a b", ""),
        ("wget --spider http://a", ""),
        ("date --iso-8601=seconds", "--iso-8601=seconds"),
        ("unlisted -z", ""),
        ("timeout --recursive 5 a", "--recursive"),
        ("tar --exclude=a -cf b c", "--exclude=a"),
        ("tar -Q --verbose a", ""),
    ],
)
def test_only_options_that_busybox_lacks_are_refused(busybox, words, refused):
    name, *rest = words.split()
    assert refused_option(busybox(program()), name, rest) == refused


@pytest.mark.parametrize(
    ("words", "unsure"),
    [("cp --parents a b", ""), ("mkdir --recursive a", "--recursive"), ("wget --spider u", ""), ("cp -a a b", "")],
)
def test_long_option_of_another_applet_is_unsure(busybox, words, unsure):
    name, *rest = words.split()
    assert unsure_option(busybox(program()), name, rest) == unsure


@pytest.mark.parametrize(
    ("text", "is_relative"),
    [
        *(("yesterday", True), ("1 day ago", True), ("-2 hours", True), ("+5min", False), ("next month", True)),
        *(("", False), ("2024-01-01", False), ("@0", False), ("10:30", False), ("2024.01.01-10:30", False)),
    ],
)
def test_time_in_words_is_told_from_numbers(text, is_relative):
    assert is_relative_time(text) is is_relative


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        ("/ -name -printf -printf", "-printf"),
        ("/ -exec a -printf ; -b1", "-b1"),
        ("/ -exec a -printf + -b1", "-b1"),
        ("/ -exec a -printf", ""),
        ("/ -mtime -7 -o -type f", ""),
        ("/ ! -maxdepth 1", ""),
    ],
)
def test_word_of_find_is_refused_unless_it_is_a_value_or_of_a_command(busybox, words, refused):
    assert refused_predicate(busybox(program()), words.split()) == refused


def test_busybox_without_find_refuses_no_word(busybox):
    assert refused_predicate(busybox(program().replace(b"-name\0", b"-nema\0")), ["-printf"]) == ""


@pytest.mark.parametrize(
    ("spec", "text", "is_musl"),
    [
        pytest.param(None, b"", False, id="no-elf-file"),
        pytest.param({"interpreter": "/lib/ld-musl-x86_64.so.1"}, b"", True, id="loader-of-musl"),
        pytest.param({"interpreter": "/lib64/ld-linux-x86-64.so.2"}, b"", False, id="loader-of-glibc"),
        pytest.param({"type": 2, "dynamic": False}, b"", True, id="static-without-the-text-of-glibc"),
        pytest.param({"type": 2, "dynamic": False}, b"\0invalid option -- \0", False, id="static-with-it"),
    ],
)
def test_messages_are_those_of_the_library_of_the_program(busybox, make_elf, spec, text, is_musl):
    content = (make_elf(**spec) if spec is not None else b"") + program(tail=text)
    assert busybox(content).is_musl is is_musl


@pytest.fixture
def predict(images, make_elf):
    """Predicts a command in an image whose programs are all one static busybox."""

    def predict(*command, files=(), libc="glibc"):
        mark = b"\0invalid option -- \0" if libc == "glibc" else b"\0unrecognized option: %c\0"
        content = make_elf(type=2, dynamic=False) + program(tail=mark)
        links = {f"/bin/{name}": "busybox" for name in [*USAGES, "sh", "true", "sleep"]}
        return predict_start(images.config(*command), images.rootfs({"/bin/busybox": content, **links, **dict(files)}))

    return predict


@pytest.mark.parametrize(
    ("command", "predicts"),
    [
        (["nc", "-lk", "-p", "9000"], "nc: invalid option -- 'k'"),
        (["httpd", "-f", "-h", "/gone"], "httpd: can't change directory to '/gone': No such file or directory"),
        (["sh", "-c", "set -e; D=$(date -d yesterday +%F); sleep 1"], "date: invalid date 'yesterday'"),
        (["sh", "-ec", "find /bin -name x -printf x; sleep 1"], "find: unrecognized: -printf"),
        (["sh", "-ec", "mkdir --nosuch /a; sleep 1"], "mkdir: unrecognized option '--nosuch'"),
        (["httpd", "-f", "-c", "/etc/gone.conf"], "httpd: /etc/gone.conf: No such file or directory"),
        (
            ["crond", "-f", "-L", "/dev/stdout"],
            "crond: can't change directory to '/var/spool/cron/crontabs': No such file or directory",
        ),
        (["sh", "-c", "exec timeout -t 5 sleep 1"], "timeout: invalid option -- 't'"),
    ],
)
def test_applet_without_option_or_folder_does_not_start(predict, command, predicts):
    prediction = predict(*command)
    assert prediction.starts is Starts.NO
    assert prediction.findings[-1].predicts == predicts
    assert prediction.findings[-1].evidence


def test_refused_option_of_musl_has_its_text(predict):
    assert predict("nc", "-lk", libc="musl").findings[-1].predicts == "nc: unrecognized option: k"


@pytest.mark.parametrize(
    "command",
    [
        ["httpd", "-f", "-h", "/bin"],
        ["nc", "-l", "-p", "9000"],
        ["sh", "-ec", "find /bin -name -printf -mtime -7; sleep 1"],
        ["sh", "-ec", "find /bin -exec cp -printf {} \\; ; sleep 1"],
        ["sh", "-ec", "date -d 2024-01-01; sleep 1"],
        ["sh", "-c", "nc -lk || true; sleep 1"],
        ["crond", "-b"],
    ],
)
def test_neighbour_with_known_options_starts(predict, command):
    assert predict(*command).starts is Starts.YES


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["crond", "-f"], "/var/spool/cron/crontabs: not in the image"),
        (["sh", "-ec", "mkdir --recursive /a; sleep 1"], "needs --recursive of mkdir, which this busybox may lack"),
        (["sh", "-ec", "true | mkdir --recursive /a; sleep 1"], "needs --recursive of mkdir"),
        (["mkdir", "--recursive", "/a"], "mkdir: whether this busybox has --recursive"),
    ],
)
def test_option_or_message_that_is_not_known_is_not_checked(predict, command, reason):
    prediction = predict(*command)
    assert prediction.starts is Starts.NOT_CHECKED
    assert reason in prediction.not_checked[0]


def test_crond_with_its_folder_starts(predict):
    assert predict("crond", "-f", files={"/var/spool/cron/crontabs/root": b""}.items()).starts is Starts.YES
