"""Smaller interpreters, and servers that read one configuration file."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.interpreters.options import Grammar, read_options
from weighbridge.domain.start.predict import Starts

FILE = "interpreter-file-missing"


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (("perl", "-w", "main.pl"), 'Can\'t open perl script "main.pl": No such file or directory'),
        (("perl", "-MData::Dumper", "-Ilib", "x.pl"), 'Can\'t open perl script "x.pl": No such file or directory'),
        (("ruby3.1", "main.rb"), "ruby: No such file or directory -- main.rb (LoadError)"),
        (("php8.2", "artisan", "serve"), "Could not open input file: artisan"),
        (("php8.2", "-d", "x=y", "-f", "a.php"), "Could not open input file: a.php"),
        (("php8.2", "-S", "0.0.0.0:80", "-t", "public"), "Directory public does not exist."),
        (("gawk", "-f", "x.awk"), "cannot open source file `x.awk' for reading: No such file or directory"),
        (("mawk", "-F", ":", "-fx.awk"), "cannot open x.awk (No such file or directory)"),
        (("lua5.4", "main.lua"), "cannot open main.lua"),
        (("tclsh8.6", "main.tcl"), 'couldn\'t read file "main.tcl": no such file or directory'),
        (("Rscript", "--vanilla", "main.R"), "Fatal error: cannot open file 'main.R': No such file or directory"),
        (("nginx", "-c", "/x.conf", "-g", "daemon off;"), 'open() "/x.conf" failed (2: No such file or directory)'),
        (("s6-svscan", "/x"), "s6-svscan: fatal: unable to chdir"),
    ],
)
def test_file_of_interpreter_missing_dies_with_its_text(dies, command, text):
    dies(FILE, text, {}, *command)


@pytest.mark.parametrize(
    "command",
    [
        ("perl", "/main"),
        ("perl", "-e", "print 1", "x"),
        ("perl", "-ne", "print"),
        ("ruby3.1", "-rjson", "/main"),
        ("ruby3.1", "--yjit", "/main"),
        ("php8.2", "/main", "serve"),
        ("php8.2", "-r", "echo 1;"),
        ("php8.2",),
        ("gawk", "-f", "/main", "data"),
        ("gawk", "BEGIN {}"),
        ("lua5.4", "-e", "print(1)"),
        ("tclsh8.6", "/main"),
        ("Rscript", "-e", "1"),
        ("s6-svscan", "/app"),
        ("s6-svscan",),
    ],
)
def test_existing_file_of_interpreter_starts(run, command):
    assert run({"/main": b""}, *command).starts is Starts.YES


@pytest.mark.parametrize("command", [("perl", "-j", "x"), ("ruby3.1", "-S", "x"), ("php8.2", "-Y", "x"), ("nginx",)])
def test_unknown_options_are_not_checked(run, command):
    assert run({}, *command).starts is Starts.NOT_CHECKED


def test_options_in_clusters_and_long_options_are_read():
    grammar = Grammar(flags="ab", values="o", attached="i", last="c", long_flags=("--no-*",), long_values=("--out",))
    line = read_options(("-abox", "-i", "--no-color", "--out", "y", "--out=z", "-ccode", "-a"), grammar)
    assert line.values("-o", "--out") == ("x", "y", "z")
    assert line.values("-c") == ("code",)
    assert line.has("-a", "-b")
    assert line.has("--no-color")
    assert (line.operands, line.unknown) == (("-a",), None)
    assert read_options(("-a", "--", "-z"), grammar).operands == ("-z",)
    assert read_options(("-az",), grammar).unknown == "-az"


def test_php_words_behind_two_dashes_are_arguments(run):
    assert run({}, "php8.2", "--", "none.php").starts is Starts.YES


@pytest.mark.parametrize("address", ["8000", "localhost:$PORT"])
def test_php_server_address_without_a_port_dies(dies, address):
    dies("program-option-refused", f"Invalid address: {address}", {}, "php8.2", "-S", address)
