"""The reader of shell scripts: what it takes apart, where it stops, and that it never fails."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_time import assert_linear

from weighbridge.domain.shell import Dialect, parse_script
from weighbridge.domain.shell.syntax import (
    ArithmeticCommand,
    Case,
    Conditional,
    For,
    FunctionDefinition,
    Group,
    If,
    Literal,
    Loop,
    Parameter,
    SimpleCommand,
)

BASH, POSIX, ASH = Dialect.BASH, Dialect.POSIX, Dialect.ASH


def _commands(text, dialect=BASH):
    script = parse_script(text, dialect)
    assert script.fault is None, script.fault
    return [command for statement in script.statements for command in statement.first.commands]


def _words(text):
    return [[word.literal for word in command.words] for command in _commands(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello", [["hello"]]),
        ("exec hello 'a b' \"c d\" e\\ f", [["exec", "hello", "a b", "c d", "e f"]]),
        ("a; b\nc # comment\n# only\n", [["a"], ["b"], ["c"]]),
        ("A=1 B='x y' run > /dev/null 2>&1 < in", [["run"]]),
        ("one \\\n two", [["one", "two"]]),
        ('run "$HOME" $(date) `x` ${Y:-z}', [["run", None, None, None, None]]),
        ("", []),
        ("'quo''ted'", [["quoted"]]),
        ("cat <<EOF | wc\nnosuch $(\nEOF\nafter", [["cat"], ["wc"], ["after"]]),
        ("cat <<-'E' <<F\n\ta\n\tE\nb\nF\nafter", [["cat"], ["after"]]),
        ("a & b", [["a"], ["b"]]),
        ("a & # end", [["a"]]),
    ],
)
def test_simple_commands_are_split(text, words):
    assert _words(text) == words


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("if a; then b; elif c; then d; else e; fi", If),
        ("while read x; do :; done < f", Loop),
        ("until a; do b; done", Loop),
        ("for x in 1 2; do echo $x; done", For),
        ("for x; do echo $x; done", For),
        ("for ((i=0;i<3;i++)); do :; done", For),
        ("case $1 in a|b) x;; (*) y; esac", Case),
        ("case $1 in esac", Case),
        ("f() { a; }", FunctionDefinition),
        ("function f { a; }", FunctionDefinition),
        ("{ a; b; }", Group),
        ("(a; b)", Group),
        ("[[ -n $x && ( $y == z* || ! $y =~ ^(a|b)$ ) ]]", Conditional),
        ("(( x > 1 ))", ArithmeticCommand),
        ("a=(1 2 $(b)) c", SimpleCommand),
    ],
)
def test_commands_of_each_kind_are_recognised(text, kind):
    assert [type(command) for command in _commands(text)] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "for a in 1; do for b in 2; do c; done done",
        "if a; then if b; then c; fi fi",
        "while a; do { b; } done",
        "case a in b) (c) esac",
    ],
)
def test_reserved_word_after_compound_command_needs_no_separator(text):
    for shell in ("dash", "bash"):
        assert subprocess.run([shell, "-n", "-c", text], check=False).returncode == 0
    for dialect in Dialect:
        assert parse_script(text, dialect).fault is None


def test_comment_at_end_has_its_place():
    assert parse_script("a # b", POSIX).comment == 2
    assert parse_script("a # b\nc", POSIX).comment is None


def test_parameters_keep_operator_and_argument():
    (command,) = _commands('run "${X:?must be set}" ${#Y} ${Z[@]} ${1#-} "$@"')
    first, length, array, trimmed, all_arguments = (word.parts[0] for word in command.words[1:])
    assert (first.name, first.operator, first.argument.literal, first.is_quoted) == ("X", ":?", "must be set", True)
    assert (length.name, length.is_length) == ("Y", True)
    assert (array.name, array.subscript) == ("Z", "@")
    assert (trimmed.name, trimmed.operator, trimmed.argument.literal) == ("1", "#", "-")
    assert all_arguments == Parameter(name="@", is_quoted=True)


def test_operators_join_pipelines():
    (statement,) = parse_script("a | b && ! c || d", BASH).statements
    assert len(statement.first.commands) == 2
    assert [(operator, pipeline.is_negated) for operator, pipeline in statement.others] == [("&&", True), ("||", False)]


def test_words_and_commands_have_positions():
    text = "a\nif b; then\n  run 'x y'\nfi"
    _, condition = _commands(text)
    (inner,) = condition.branches[0].body[0].first.commands
    assert inner.line == 3
    assert text[inner.words[1].start : inner.words[1].end] == "'x y'"
    assert inner.words[1].parts == (Literal(text="x y", is_quoted=True),)


@pytest.mark.parametrize(
    ("text", "dialect", "token", "line"),
    [
        ("echo a\nif b; then\n c\n", BASH, "", 4),
        ("a=(1 2)", POSIX, "(", 1),
        ("a=(1 2)", ASH, "(", 1),
        ("echo )", BASH, ")", 1),
        ("fi", BASH, "fi", 1),
        ("a;; b", BASH, ";;", 1),
        ("echo 'a", BASH, "", 1),
        ("echo $(a", BASH, "", 1),
        ("&& a", BASH, "&&", 1),
    ],
)
def test_syntax_error_names_token_and_line(text, dialect, token, line):
    fault = parse_script(text, dialect).fault
    assert fault is not None
    assert (fault.token, fault.line, fault.is_limit) == (token, line, False)


def test_lines_before_syntax_error_are_kept():
    script = parse_script("one\ntwo; )\nthree", BASH)
    assert [statement.first.commands[0].words[0].literal for statement in script.statements] == ["one"]


def test_words_only_bash_reserves_are_commands_elsewhere():
    assert isinstance(_commands("[[ -n x ]]", POSIX)[0], SimpleCommand)
    assert isinstance(_commands("function f", POSIX)[0], SimpleCommand)


@pytest.mark.parametrize("text", ["(" * 500, "$(" * 500, "if " * 500, "${a:-" * 500, "{ " * 500, "[[ (" * 300])
def test_deep_nesting_is_fault_not_crash(text):
    assert parse_script(text, BASH).fault is not None


@pytest.mark.parametrize("repeated", ["a;", "$((", "${", "<<a ", "'", "x=("])
def test_long_text_is_read_in_linear_time(repeated):
    assert_linear(lambda size: parse_script(repeated * size, BASH), largest=8_001)


@given(st.text(alphabet="ab \n;&|<>()\"'$`\\{}[]#!=*-01fidoes", max_size=60), st.sampled_from(list(Dialect)))
def test_any_text_is_read_without_exception(text, dialect):
    parse_script(text, dialect)


@settings(max_examples=60)
@given(st.text(alphabet="ab \n;&|()\"'{}", max_size=16))
def test_script_refused_by_dash_has_fault(text):
    """A text has no fault exactly if dash -n accepts it."""
    accepted = subprocess.run(["sh", "-n"], input=text.encode(), capture_output=True, check=False).returncode == 0
    assert (parse_script(text, POSIX).fault is None) is accepted, text
