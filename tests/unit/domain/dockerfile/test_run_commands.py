"""The commands of a ``RUN``: their names, and the exact place of each word in the file."""

from __future__ import annotations

import pytest
from linear_time import assert_linear

from weighbridge.domain.dockerfile.run_commands import RunScript, exec_form, read_heredoc, read_run


def _run(text: str, flags: int = 0) -> RunScript:
    return read_run(text, 0, len(text), flags=flags)


def _names(script: RunScript) -> list[str]:
    return [command.name for command in script.commands]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("RUN a && b || c; d | e", ["a", "b", "c", "d", "e"]),
        ("RUN if test -f x; then a; elif b; then c; else d; fi", ["test", "a", "b", "c", "d"]),
        ("RUN for i in 1 2; do for j in 3; do a; done done && b", ["a", "b"]),
        ("RUN case x in y) a;; *) b;; esac", ["a", "b"]),
        ("RUN f() { a; }; f", ["a", "f"]),
        ("RUN (cd /x && a)", ["cd", "a"]),
        ("RUN ! a", ["a"]),
        ("RUN X=1 Y=2 a", ["a"]),
        ("RUN sudo -E -u app env X=1 /usr/bin/a", ["a"]),
        ("RUN bash -euxo pipefail -c 'a && b'", ["bash", "a", "b"]),
        ("RUN su app -c \"a 'x y'\"", ["su", "a"]),
        ("RUN echo $(a) `b`", ["echo"]),
        ("ONBUILD RUN a", ["a"]),
        ("RUN while a; do b; done", ["a", "b"]),
        ("RUN eval 'a && b'", ["eval", "a", "b"]),
        ("RUN eval", ["eval"]),
        ("RUN bash -c $X", ["bash"]),
        ("RUN bash -c 'a'b", ["bash"]),
        ("RUN bash -c ''", ["bash"]),
        (f"RUN {'{ ' * 38}a; {'}; ' * 38}b", ["a", "b"]),
        (f"RUN {'{ ' * 50}a; {'}; ' * 50}b", []),
        ("RUN a &&", []),
        ("RUN a 'unfinished", []),
    ],
)
def test_commands_of_run_are_listed_in_order(text: str, names: list[str]) -> None:
    assert _names(_run(text)) == names


def test_flags_of_run_are_no_words_of_command() -> None:
    text = "RUN --mount=type=cache,target=/x \\\n  --network=none a --b"
    (command,) = _run(text, flags=2).commands
    assert (command.name, command.values) == ("a", ("--b",))
    assert text[command.start : command.end] == "a --b"


def test_places_count_continuations_and_comments() -> None:
    text = "RUN apt-get \\  \n  # why\n\n  install \\\r\n  cu\\\nrl && b # end"
    script = _run(text)
    install, b = script.commands
    assert install.values == ("install", "curl")
    assert [text[word.start : word.end] for word in install.arguments] == ["install", "cu\\\nrl"]
    assert text[b.start : b.end] == "b"
    assert text[: script.end].endswith("&& b")
    assert script.has_comment


def test_nested_commands_have_places_and_shell_prefix() -> None:
    text = "RUN sudo bash -c 'a && \\\n b x'"
    outer, a, b = _run(text).commands
    assert outer.prefix == "sudo"
    assert (a.prefix, a.is_nested) == ("sudo", True)
    assert text[b.start : b.end] == "b x"


def test_quoted_words_have_value_and_patterns_none() -> None:
    (command,) = _run(r"""RUN a 'x y' "z"w q\ r *.deb ~/b $c {d,e}""").commands
    assert [word.value for word in command.arguments] == ["x y", "zw", "q r", None, None, None, None]


def test_end_of_compound_command_follows_its_closing_word() -> None:
    text = "RUN set -e; if a; then b; fi;"
    script = _run(text)
    assert script.last_operator == ";"
    assert text[: script.end].endswith("fi;")


def test_heredoc_reads_lines_up_to_syntax_error() -> None:
    text = "a x\nb # note\n\nc )\nd\n"
    script = read_heredoc(text, 0, len(text))
    assert _names(script) == ["a", "b"]
    assert not script.has_comment


def test_exec_form_of_shell_has_commands_without_places() -> None:
    script = exec_form(("/bin/bash", "-c", "a && b"))
    assert _names(script) == ["bash", "a", "b"]
    assert not script.has_places
    assert {command.start for command in script.commands} == {0}


@pytest.mark.parametrize("repeated", ["$(", "a \\\n", "((", "'\\\n"])
def test_hostile_run_is_read_in_linear_time(repeated: str) -> None:
    assert_linear(lambda size: _run("RUN " + repeated * size), largest=12_000)
