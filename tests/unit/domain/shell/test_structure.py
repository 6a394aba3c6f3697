"""What the reader makes of a valid text: the value of each construct."""

from __future__ import annotations

import pytest

from weighbridge.domain.shell import Dialect, parse_script
from weighbridge.domain.shell.syntax import CommandSubstitution, Group, Literal, Parameter, PatternList

BASH, POSIX, ASH = Dialect.BASH, Dialect.POSIX, Dialect.ASH


def _command(text, dialect=BASH):
    script = parse_script(text, dialect)
    assert script.fault is None, script.fault
    return script.statements[0].first.commands[0]


@pytest.mark.parametrize(
    ("text", "dialect", "literal"),
    [
        pytest.param(r"a $'\n\'\x'", BASH, "\n'\\x", id="c-string-of-bash"),
        pytest.param("a $'b'", ASH, "b", id="c-string-of-busybox"),
        pytest.param("a $'b'", POSIX, "$b", id="dash-has-no-c-string"),
        pytest.param('a $"b"', BASH, "b", id="translated-text-of-bash"),
        pytest.param('a $"b"', POSIX, "$b", id="dash-has-no-translated-text"),
        pytest.param("a $ ", BASH, "$", id="dollar-alone"),
        pytest.param(r'a "\$\`\"\\\b"', BASH, '$`"\\\\b', id="escapes-between-double-quotes"),
        pytest.param("a b\\\nc", BASH, "bc", id="continued-line"),
        pytest.param("a b\\", BASH, "b\\", id="backslash-at-the-end"),
        pytest.param("a ''", BASH, "", id="empty-text"),
        pytest.param('a ""', BASH, "", id="empty-text-in-double-quotes"),
        pytest.param("a }", BASH, "}", id="brace-that-closes-nothing"),
    ],
)
def test_quoted_word_has_its_text(text, dialect, literal):
    assert _command(text, dialect).words[1].literal == literal


def _shown(parameter):
    fields = {"name": parameter.name, "operator": parameter.operator, "subscript": parameter.subscript}
    fields |= {"length": parameter.is_length, "indirect": parameter.is_indirect}
    if parameter.argument is not None:
        fields["argument"] = parameter.argument.source
    return {name: value for name, value in fields.items() if value}


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("$10", {"name": "1"}),
        ("${10}", {"name": "10"}),
        ("${#}", {"name": "#"}),
        ("${#-}", {"name": "-", "length": True}),
        ("${#a}", {"name": "a", "length": True}),
        ("${!a}", {"name": "a", "indirect": True}),
        ("${!}", {"name": "!"}),
        ("${a[1]}", {"name": "a", "subscript": "1"}),
        ("${a[@]:1:2}", {"name": "a", "subscript": "@", "operator": ":", "argument": "1:2"}),
        ("${a//b/c}", {"name": "a", "operator": "//", "argument": "b/c"}),
        ("${a:-$(b}c)}", {"name": "a", "operator": ":-", "argument": "$(b}c)"}),
        ("${a%'}'}", {"name": "a", "operator": "%", "argument": "'}'"}),
        ("${.x}", {"operator": "bad"}),
        ("${a b}", {"operator": "bad"}),
    ],
)
def test_parameter_has_its_parts(source, shown):
    word = _command(f"run {source}").words[1]
    assert isinstance(word.parts[0], Parameter)
    assert _shown(word.parts[0]) == shown


def test_dash_reads_brackets_behind_a_name_as_bad_substitution():
    assert _command("run ${a[1]}", POSIX).words[1].parts == (Parameter(name="", is_quoted=False, operator="bad"),)


@pytest.mark.parametrize(("source", "inner"), [(r"`a \`b\``", "a `b`"), (r"`a \$x \\ \y`", "a $x \\ \\y")])
def test_backquotes_drop_the_backslash_before_their_own_characters(source, inner):
    (part,) = _command(f"run {source}").words[1].parts
    assert part == CommandSubstitution(script=parse_script(inner, BASH), is_quoted=False)


def test_bash_parses_backquoted_text_only_when_it_runs_it():
    assert parse_script("echo `if`", BASH).fault is None
    assert parse_script("echo `if`", POSIX).fault is not None


@pytest.mark.parametrize(
    ("text", "dialect", "redirections"),
    [
        ("a 2>&1 >b", POSIX, [("2", ">&", "1"), ("", ">", "b")]),
        ("a >|b <>c", POSIX, [("", ">|", "b"), ("", "<>", "c")]),
        ("a {fd}>b", BASH, [("{fd}", ">", "b")]),
        ("a {fd}>b", POSIX, [("", ">", "b")]),
        ("a &>b", BASH, [("", "&>", "b")]),
        ("a &>>b", BASH, [("", "&>>", "b")]),
        ("a <<<b", BASH, [("", "<<<", "b")]),
        ("a < <(b)", BASH, [("", "<", "<(b)")]),
        ("{ a; } >b 2>c", POSIX, [("", ">", "b"), ("2", ">", "c")]),
        (">b", POSIX, [("", ">", "b")]),
    ],
)
def test_redirection_has_descriptor_operator_and_target(text, dialect, redirections):
    found = [(each.fd, each.operator, each.target.source) for each in _command(text, dialect).redirections]
    assert found == redirections


def test_ampersand_before_redirection_ends_the_command_in_dash():
    first, second = parse_script("a &>b", POSIX).statements
    assert first.is_background
    assert second.first.commands[0].redirections[0].target.literal == "b"


@pytest.mark.parametrize(
    ("text", "elements", "subscript", "is_append"),
    [
        ("a=(1 2 # c\n3)", ["1", "2", "3"], None, False),
        ("a+=(<(b) c)", ["<(b)", "c"], None, True),
        ("a=()", [], None, False),
        ("a[1]+=b", None, "1", True),
    ],
)
def test_assignment_of_bash_keeps_array_subscript_and_append(text, elements, subscript, is_append):
    (assignment,) = _command(text).assignments
    found = None if assignment.elements is None else [word.source for word in assignment.elements]
    assert (assignment.name, found, assignment.subscript, assignment.is_append) == ("a", elements, subscript, is_append)


def test_array_behind_declare_is_word_and_assignment():
    command = _command("declare -a a=(1 2)")
    assert [word.source for word in command.words] == ["declare", "-a", "a=(1 2)"]
    assert [word.source for word in command.assignments[0].elements] == ["1", "2"]


def test_process_substitution_is_a_word():
    assert [word.source for word in _command("a <(b) >(c)").words] == ["a", "<(b)", ">(c)"]


@pytest.mark.parametrize(
    ("text", "is_negated", "words"),
    [
        ("! a", True, ["a"]),
        ("! ! a", False, ["a"]),
        ("time a", False, ["a"]),
        ("time -p ! a", True, ["a"]),
        ("time", False, None),
        ("!", True, None),
        ("! ;", True, None),
    ],
)
def test_words_before_a_pipeline_of_bash_are_no_command(text, is_negated, words):
    pipeline = parse_script(text, BASH).statements[0].first
    (command,) = pipeline.commands
    assert pipeline.is_negated is is_negated
    if words is None:
        assert command == Group(body=(), line=1)
    else:
        assert [word.literal for word in command.words] == words


def test_time_is_a_program_outside_of_bash():
    assert [word.literal for word in _command("time a", POSIX).words] == ["time", "a"]


@pytest.mark.parametrize("text", ["coproc a b", "coproc NAME { a b; }", "coproc NAME if a b; then :; fi"])
def test_coprocess_runs_in_the_background(text):
    command = _command(text)
    assert [statement.is_background for statement in command.body] == [True]
    assert "NAME" not in str(command.body)


@pytest.mark.parametrize(
    ("text", "words"),
    [("for a in 1 2; { b; }", ["1", "2"]), ("for a; { b; }", None), ("for ((;;)) { b; }", [])],
)
def test_braces_around_the_body_of_for_are_read_in_bash(text, words):
    command = _command(text)
    assert (None if command.words is None else [word.literal for word in command.words]) == words
    assert command.body[0].first.commands[0].words[0].literal == "b"


def test_case_items_keep_patterns_and_endings():
    items = _command("case x in (a|b) c;;& d) ;& e) f; esac").items
    assert [[word.literal for word in item.patterns] for item in items] == [["a", "b"], ["d"], ["e"]]
    assert [(len(item.body), item.ending) for item in items] == [(1, ";;&"), (0, ";&"), (1, ";;")]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("[[ a = @(b|c d|+(e)) ]]", "@(b|c d|+(e))"),
        ('[[ a != x!("b)"|$c)y ]]', 'x!("b)"|$c)y'),
    ],
)
def test_pattern_list_is_part_of_the_word_behind_a_comparison(text, source):
    word = _command(text).expression.words[1]
    assert word.source == source
    assert any(isinstance(part, PatternList) for part in word.parts)
    assert word.literal is None


@pytest.mark.parametrize(
    "source", ["^a$", '"b c"', r"b\ c", "^(b c|d)$", "[[:space:]]", "$x", r"\(", "a|b", "'('", '^("("|a)$']
)
def test_regular_expression_is_read_up_to_the_blank_behind_it(source):
    expression = _command(f"[[ a =~ {source} ]]").expression
    assert (expression.operator, expression.words[1].source) == ("=~", source)


def test_pattern_list_is_read_everywhere_after_extglob():
    script = parse_script("shopt -s extglob\nrm !(a) b\ncase x in ?(c)) d;; esac", BASH)
    assert script.fault is None
    assert [word.source for word in script.statements[1].first.commands[0].words] == ["rm", "!(a)", "b"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[ a && b ]] && c", ["[[", "a", "-a", "b", "]]"]),
        ("[[ a || b ]]", ["[[", "a", "-o", "b", "]]"]),
        ("a && b", ["a"]),
    ],
)
def test_connective_in_double_brackets_of_busybox_is_a_word(text, words):
    assert [word.literal for word in _command(text, ASH).words] == words


def test_here_document_keeps_expansions_unless_its_delimiter_is_quoted():
    script = parse_script("a <<E; b <<'F'\n$x\nE\n$y\nF\n", POSIX)
    first, second = (statement.first.commands[0].redirections[0].document for statement in script.statements)
    assert first.word.parts == (Parameter(name="x", is_quoted=True), Literal(text="\n", is_quoted=True))
    assert second.word is None


def test_here_document_with_invalid_expansion_is_no_fault():
    script = parse_script("a <<E\n${x\nE\nb", POSIX)
    assert script.fault is None
    assert len(script.statements) == 2
