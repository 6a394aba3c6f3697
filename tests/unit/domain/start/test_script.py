"""What of a shell script is certain."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.domain.start.script import read_script, runs_its_arguments_last


def _words(text: str) -> list[list[str | None]]:
    return [[word.value for word in command.words] for command in read_script(text).commands]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello", [["hello"]]),
        ("exec hello 'a b' \"c d\" e\\ f", [["exec", "hello", "a b", "c d", "e f"]]),
        ("a; b\nc # comment\n# only\n", [["a"], ["b"], ["c"]]),
        ("A=1 B='x y' run > /dev/null 2>&1 < in", [["run"]]),
        ("cd /app && ./server", [["cd", "/app"], ["./server"]]),
        ("one \\\n two", [["one", "two"]]),
        ('run "$HOME" $(date) `x` ${Y:-z} *.c', [["run", None, None, None, None, None]]),
        ("", []),
        ("'quo''ted'", [["quoted"]]),
    ],
)
def test_plain_commands_are_taken_apart(text, words):
    assert _words(text) == words
    assert read_script(text).complete


@pytest.mark.parametrize(
    "text",
    [
        "a | b",
        "a &",
        "if a; then b; fi",
        "f() { a; }",
        "(a)",
        "{ a; }",
        "! a",
        "cat <<EOF\nx\nEOF",
        "for x in 1; do a; done",
        "case x in y) a;; esac",
        "'open",
        '"open',
        "$(open",
    ],
)
def test_everything_else_is_left_undecided(text):
    assert not read_script(text).complete


def test_what_stands_before_the_undecided_part_is_still_known():
    script = read_script("set -e\nfirst\nif x; then y; fi\nlast")
    assert [command.words[0].value for command in script.commands] == ["set", "first"]
    assert [command.line for command in script.commands] == [1, 2]


def test_the_right_side_of_and_is_marked():
    commands = read_script("a && b && c; d").commands
    assert [command.only_after_success for command in commands] == [False, True, True, False]


def test_the_right_side_of_or_is_marked():
    commands = read_script("a || exit 1").commands
    assert [command.only_after_failure for command in commands] == [False, True]


def test_a_script_that_ends_in_its_arguments():
    assert runs_its_arguments_last('#!/bin/sh\nif [ -f x ]; then echo; fi\nexec "$@"\n')
    assert not runs_its_arguments_last('#!/bin/sh\nset -- node "$@"\nexec "$@"\n')
    assert not runs_its_arguments_last('#!/bin/sh\nif x; then exec other; fi\nexec "$@"\n')
    assert not runs_its_arguments_last('#!/bin/sh\nif x; then\n  exec "$@"\nfi\n')
    assert not runs_its_arguments_last("#!/bin/sh\necho\n")


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text(alphabet="ab'\"\\ ", max_size=6), max_size=4).map(" ".join))
def test_words_are_those_of_a_real_shell(text):
    script = read_script(f"echoargs {text}")
    if not script.complete:
        return
    shown = 'echoargs() { for word in "$@"; do printf "%s\\0" "$word"; done; }\n'
    real = subprocess.run(["sh", "-c", f"{shown}echoargs {text}"], capture_output=True, check=False)
    assert real.returncode == 0
    assert [word.value for word in script.commands[0].words[1:]] == real.stdout.decode().split("\0")[:-1]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_without_error(text):
    assert len(read_script(text).commands) <= len(text) + 1
