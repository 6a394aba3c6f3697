"""Servers and tools that read the file named on their command line, and start scripts that are known as a whole."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.predict import Starts

FILE = "interpreter-file-missing"
OPEN = "No such file or directory @ rb_sysopen - "
XVFB_RUN = b"#!/bin/sh\n# error: xauth command not found, Xvfb failed to start\nexit 9\n"
TOOLS = ("xauth", "Xvfb", "getopt", "mcookie", "mktemp")


@pytest.fixture
def gems():
    """Ruby's tools, as scripts of ``ruby``."""
    return {f"/usr/bin/{name}": b"#!/usr/bin/ruby3.1\n" for name in ("puma", "rackup", "unicorn", "thin", "sidekiq")}


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("rackup", "configuration /app/config.ru not found"),
        ("rackup -p 80 x.ru", "configuration /app/x.ru not found"),
        ("rackup x.ru -p 80", "configuration /app/x.ru not found"),
        ("puma", "No application configured, nothing to run"),
        ("puma -p 80 x.ru", "No application configured, nothing to run"),
        ("puma -C no.rb", f"{OPEN}no.rb"),
        ("puma --config=no.rb", f"{OPEN}no.rb"),
        ("unicorn -E production", "rackup file (config.ru) not readable"),
        ("unicorn -c no.conf", f"{OPEN}no.conf"),
        ("thin -R x.ru start", f"{OPEN}x.ru"),
    ],
)
def test_file_of_server_missing_dies_with_its_text(dies, gems, command, text):
    dies(FILE, text, gems, *command.split())


@pytest.mark.parametrize(
    ("command", "up_to"),
    [
        ("rackup x.ru", "x.ru is found, not read"),
        ("rackup -b run", "the files that rackup names are found, not read"),
        ("puma", "the configuration of puma is found, not read"),
        ("puma -C x.ru", "the files that puma names are found, not read"),
        ("unicorn x.ru", "x.ru is found, not read"),
        ("thin -R x.ru start", "the files that thin names are found, not read"),
        ("sidekiq -r ./x.rb", "./x.rb is found, not read"),
    ],
)
def test_file_of_server_there_starts_up_to_it(run, gems, command, up_to):
    files = {**gems, "/app/x.ru": b"", "/app/x.rb": b"", "/app/config/puma.rb": b""}
    prediction = run(files, *command.split())
    assert (prediction.starts, prediction.up_to) == (Starts.YES, f"ruby3.1: {up_to}")


@pytest.mark.parametrize(
    "command",
    ["puma --nosuch", "thin stop", "thin start", "sidekiq -r ./x.rb", "sidekiq -C config/sidekiq.yml"],
)
def test_server_with_unknown_outcome_is_not_checked(run, gems, command):
    assert run(gems, *command.split()).starts is Starts.NOT_CHECKED


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("nodemon app.js", "app.js"),
        ("tsx src/main.ts", "src/main.ts"),
        ("pm2-runtime ecosystem.config.js", "ecosystem.config.js"),
        ("uwsgi --http :80 --wsgi-file=app.py", "app.py"),
        ("julia --project main.jl", "main.jl"),
        ("pwsh -File run.ps1", "run.ps1"),
        ("haproxy -f /etc/haproxy.cfg", "/etc/haproxy.cfg"),
        ("prometheus --config.file=/etc/p.yml", "/etc/p.yml"),
    ],
)
def test_file_of_other_tool_is_not_checked_if_missing(run, program, command, file):
    name = command.split()[0]
    is_node = name in {"nodemon", "tsx", "pm2-runtime"}
    files = {f"/usr/bin/{name}": b"#!/usr/local/bin/node\n" if is_node else program}
    missing = run(files, *command.split())
    assert missing.starts is Starts.NOT_CHECKED
    assert f"{file} is not in the image" in missing.not_checked[0]
    there = run({**files, f"/app/{file}" if file[0] != "/" else file: b""}, *command.split())
    assert there.starts is Starts.YES
    assert there.up_to.endswith(f"{file} is found, not read")


def test_many_arguments_of_tool_are_not_checked(run, gems):
    assert run(gems, "puma", *["x.ru"] * 65).starts is Starts.NOT_CHECKED


@pytest.fixture
def python_tool(run):
    """Predicts a tool of Python with its words, in an image with `files`."""

    def predict(files, *words):
        tool = {f"/usr/local/bin/{words[0]}": b"#!/usr/local/bin/python3.12\n"}
        return run({**tool, **files}, *words)

    return predict


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("waitress-serve", "--port=80", "no.mod:app"), "No module named 'no'"),
        (("waitress-serve", "--call", "mod:app"), "module 'mod' has no attribute 'app'"),
        (("waitress-serve", "mod:x", "--port=80"), "Specify one application only"),
        (("waitress-serve",), "Specify one application only"),
        (("streamlit", "run", "no.py"), "File does not exist: "),
    ],
)
def test_python_server_without_its_file_dies_with_its_text(python_tool, words, text):
    prediction = python_tool({"/app/mod.py": b"x = 1\n"}, *words)
    assert (prediction.starts, prediction.findings[-1].predicts) == (Starts.NO, text)


@pytest.mark.parametrize(
    "words",
    [
        ("hypercorn", "no:app"),
        ("granian", "--interface", "asgi", "no:app"),
        ("waitress-serve", "--app=mod:app"),
        ("fastapi", "run", "no.py"),
        ("streamlit", "hello"),
    ],
)
def test_python_server_with_unknown_outcome_is_not_checked(python_tool, words):
    assert python_tool({}, *words).starts is Starts.NOT_CHECKED


@pytest.mark.parametrize(
    "words", [("hypercorn", "mod:app"), ("waitress-serve", "--listen", "*:80", "mod:app"), ("fastapi", "run", "mod.py")]
)
def test_python_server_with_its_file_starts_up_to_it(python_tool, words):
    prediction = python_tool({"/app/mod.py": b"app = 1\n"}, *words)
    assert prediction.starts is Starts.YES
    assert "is found" in prediction.up_to


@pytest.fixture
def xvfb(run, program):
    """Predicts ``xvfb-run`` with its words, in an image without the programs of `lacks`."""

    def predict(*words, lacks=()):
        tools = {f"/usr/bin/{name}": program for name in TOOLS if name not in lacks}
        return run({"/usr/bin/xvfb-run": XVFB_RUN, **tools}, "xvfb-run", *words)

    return predict


@pytest.mark.parametrize(
    ("words", "lacks", "text"),
    [
        (("-a", "node", "/x"), ("xauth",), "xvfb-run: error: xauth command not found"),
        (("node", "/x"), ("Xvfb",), "xvfb-run: error: Xvfb failed to start"),
        (("-a",), (), "xvfb-run: usage error: need a command to run"),
        (("-a", "--server-args=-screen 0", "nosuch"), (), "nosuch: not found"),
        (("-s", "-screen 0", "perl", "x.pl"), (), 'Can\'t open perl script "x.pl": No such file or directory'),
    ],
)
def test_xvfb_run_without_its_programs_or_command_dies_with_its_text(xvfb, words, lacks, text):
    prediction = xvfb(*words, lacks=lacks)
    assert (prediction.starts, prediction.findings[-1].predicts) == (Starts.NO, text)


def test_xvfb_run_follows_its_command(xvfb):
    prediction = xvfb("-a", "-n", "99", "perl", "-e", "1")
    assert prediction.starts is Starts.YES
    assert prediction.programs[-1].path == "/usr/bin/perl"


@pytest.mark.parametrize(
    ("words", "lacks"), [(("-Z", "perl"), ()), (("-a", "perl"), ("Xvfb",)), (("perl",), ("getopt",))]
)
def test_xvfb_run_with_unknown_outcome_is_not_checked(xvfb, words, lacks):
    assert xvfb(*words, lacks=lacks).starts is Starts.NOT_CHECKED


def test_script_called_xvfb_run_with_other_text_is_followed_itself(run):
    prediction = run({"/usr/bin/xvfb-run": b"#!/bin/sh\nexec nosuch\n"}, "xvfb-run", "perl")
    assert prediction.findings[-1].predicts.endswith("nosuch: not found")


def test_program_file_of_r_missing_dies_and_present_is_followed(run, dies):
    script = {"/usr/bin/R": b"#!/bin/sh\nR_HOME_DIR=/usr/lib/R\nexec perl -e 1\n"}
    text = "Fatal error: cannot open file 'x.R': No such file or directory"
    dies(FILE, text, script, "R", "--vanilla", "-f", "x.R")
    dies(FILE, text, script, "R", "--file=x.R", "--no-save")
    assert run({**script, "/app/x.R": b""}, "R", "-f", "x.R").starts is Starts.YES


def test_program_file_of_sed_missing_dies_and_present_starts_up_to_it(run, program):
    sed = {"/usr/bin/sed": program}
    missing = run(sed, "sed", "-f", "x.sed")
    text = "sed: couldn't open file x.sed: No such file or directory"
    assert (missing.starts, missing.findings[-1].predicts) == (Starts.NO, text)
    there = run({**sed, "/app/x.sed": b""}, "sed", "-f", "x.sed")
    assert (there.starts, there.up_to) == (Starts.YES, "sed: its program is found, not read")


@pytest.mark.parametrize(
    ("applet", "text"),
    [("awk", "awk: can't open 'x': No such file or directory"), ("sed", "sed: x: No such file or directory")],
)
def test_program_file_of_applet_missing_dies_and_present_starts_up_to_it(run, program, applet, text):
    names = b"".join(b"app%d\0" % number for number in range(20))
    busybox = {f"/bin/{applet}": program + b"BusyBox v1.36 [\0[[\0" + applet.encode() + b"\0" + names}
    missing = run(busybox, applet, "-f", "x")
    assert (missing.starts, missing.findings[-1].predicts) == (Starts.NO, text)
    there = run({**busybox, "/app/x": b""}, applet, "-f", "x")
    assert (there.starts, there.up_to) == (Starts.YES, f"{applet}: its program is found, not read")


@pytest.mark.parametrize("awk", ["mawk", "gawk"])
def test_program_text_of_awk_starts_only_if_it_is_plain(run, awk):
    for plain in ("{print $1}", "/x/ { print $1, $NF }", "BEGIN {}", "NR==2 {print}", '$1 == "a" {print $2}', "1"):
        assert run({}, awk, "-F:", plain).starts is Starts.YES
    for other in ("BEGIN{exit 1}", "BEGIN{", "{print $1", '{system("x")}', "{ print " + "a " * 60):
        assert run({}, awk, other).starts is Starts.NOT_CHECKED


@pytest.mark.parametrize(("words", "text"), [((), "not enough arguments"), (("/tmp/l",), "bad file descriptor")])
def test_flock_without_command_dies_with_its_text(run, program, words, text):
    prediction = run({"/usr/bin/flock": program}, "flock", *words)
    assert (prediction.starts, prediction.findings[-1].predicts) == (Starts.NO, f"flock: {text}")


def test_flock_of_file_descriptor_is_not_checked(run, program):
    assert run({"/usr/bin/flock": program}, "flock", "-n", "9").starts is Starts.NOT_CHECKED


def test_long_option_of_applet_is_not_checked(run, program):
    names = b"".join(b"app%d\0" % number for number in range(20))
    busybox = {"/bin/ls": program + b"BusyBox v1.36 [\0[[\0ls\0" + names}
    assert run(busybox, "ls", "--nosuch").starts is Starts.NOT_CHECKED
    assert run(busybox, "ls", "-l").starts is Starts.YES
