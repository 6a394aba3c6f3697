"""A Dockerfile is read as BuildKit reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from linear_time import assert_linear

from weighbridge.domain.dockerfile import Dockerfile, Origin, parse_dockerfile
from weighbridge.errors import DockerfileError


def parse(text: str, **options) -> Dockerfile:
    return parse_dockerfile(text, path="services/api/Dockerfile", **options)


def outcome(text: str) -> Dockerfile | str:
    """The Dockerfile, or why it is none."""
    try:
        return parse(text)
    except DockerfileError as error:
        return str(error)


def refusal(text: str) -> str:
    with pytest.raises(DockerfileError) as caught:
        parse(text)
    return str(caught.value)


# --- what is refused, with file and line --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM a\nRNU x\n", "services/api/Dockerfile:2: unknown instruction: RNU"),
        ("", "services/api/Dockerfile: file with no instructions"),
        ("# only a comment\n", "services/api/Dockerfile: file with no instructions"),
        ("ARG A=1\n", "services/api/Dockerfile: there is no FROM: nothing can be built"),
        ("RUN x\nFROM a\n", "services/api/Dockerfile:1: RUN before the first FROM: only ARG is allowed there"),
        (
            "FROM a AS b c\n",
            "services/api/Dockerfile:1: FROM requires an image or a stage, and at most AS and a name after it",
        ),
        ("FROM a\nCOPY x\n", "services/api/Dockerfile:2: COPY requires at least a source and a destination"),
        ("FROM a\nRUN <<EOF\nx\n", "services/api/Dockerfile:2: unterminated heredoc"),
        ("FROM a\n\nENV X\n", "services/api/Dockerfile:3: ENV must have two arguments"),
        ("FROM a\nCMD [1]\n", "services/api/Dockerfile:2: Only strings are supported in JSON arrays"),
        ("FROM a\nONBUILD FROM b\n", "services/api/Dockerfile:2: FROM isn't allowed as an ONBUILD trigger"),
        (
            "FROM a\nSHELL bash\n",
            'services/api/Dockerfile:2: SHELL requires its arguments in JSON form, as in SHELL ["/bin/sh", "-c"]',
        ),
        (
            "FROM a\nHEALTHCHECK RUN x\n",
            "services/api/Dockerfile:2: unknown type 'RUN' in HEALTHCHECK: use CMD or NONE",
        ),
        (
            "FROM a\nCOPY --from=7 a b\n",
            "services/api/Dockerfile:2: invalid stage index 7 in --from: there are 1 stages so far",
        ),
        ("FROM a\nWORKDIR\n", "services/api/Dockerfile:2: WORKDIR requires exactly one argument"),
        ("FROM a\nEXPOSE\n", "services/api/Dockerfile:2: EXPOSE requires at least one argument"),
        ("FROM a\nENV =x\n", "services/api/Dockerfile:2: ENV names can not be blank"),
        ("FROM a\nLABEL a=b =x\n", "services/api/Dockerfile:2: LABEL names can not be blank"),
        ("FROM a\nARG =x\n", "services/api/Dockerfile:2: ARG names can not be blank"),
        ("FROM a\nONBUILD\n", "services/api/Dockerfile:2: ONBUILD requires at least one argument"),
        ("FROM a\nONBUILD # x\n", "services/api/Dockerfile:2: ONBUILD requires exactly one instruction"),
        ("FROM a\n" * 201, "services/api/Dockerfile:201: more than 200 stages are not supported"),
        (
            "FROM a\n" + "USER a\n" * 5_000,
            "services/api/Dockerfile: more than 5000 instructions are not supported",
        ),
        ("# escape=x\nFROM a\n", "services/api/Dockerfile:1: invalid escape token 'x' does not match ` or \\"),
    ],
)
def test_refusal_names_file_and_line(text, message):
    assert refusal(text) == message


def test_invalid_stage_name_is_refused():
    assert refusal("FROM a AS 1st\n").startswith("services/api/Dockerfile:1: invalid name for a build stage: '1st'")


def test_too_large_file_is_refused():
    assert "larger than" in refusal("#" * 300_000)


def test_line_longer_than_buildkit_reads_is_refused():
    assert refusal("FROM a\nRUN " + "x" * 70_000).startswith("services/api/Dockerfile:2: line greater than")


def test_unknown_target_error_names_stages():
    with pytest.raises(DockerfileError, match="there is no stage 'prod': it has build, run"):
        parse("FROM a AS build\nFROM a AS run\n").final_stage("prod")


# --- lines, forms, flags ------------------------------------------------------------------------------------------


def test_continued_instruction_has_first_and_last_line():
    run = parse("FROM a\nRUN one && \\\n  # comment\n\n  two\n").stages[0].instructions[0]
    assert (run.line, run.end_line, run.text) == (2, 5, "RUN one && two")


def test_syntax_argument_overrides_directive():
    text = "# syntax=docker/dockerfile:1.4\nFROM a\n"
    assert parse(text).directives == {"syntax": "docker/dockerfile:1.4"}
    assert parse(text, build_args={"BUILDKIT_SYNTAX": "other:2"}).directives == {"syntax": "other:2"}


def test_long_comment_before_first_instruction_is_no_directive():
    assert parse(f"#{'x' * 1_001}\n# syntax=y\nFROM a\n").directives == {}


def test_directive_in_file_of_comments_only_is_followed_by_refusal():
    assert refusal("# syntax=y\n") == "services/api/Dockerfile: file with no instructions"


def test_escape_directive_changes_continuation():
    dockerfile = parse("# escape=`\nFROM a\nRUN c:\\ `\n  x\n")
    assert dockerfile.directives == {"escape": "`"}
    assert dockerfile.stages[0].instructions[0].text == "RUN c:\\ x"


def test_directives_end_at_first_other_comment():
    assert parse("# syntax=docker/dockerfile:1\n# hello\n# check=skip=all\nFROM a\n").directives == {
        "syntax": "docker/dockerfile:1"
    }


@pytest.mark.parametrize(
    ("line", "is_exec", "args"),
    [
        ('CMD ["a", "b"]', True, ("a", "b")),
        ("CMD a b", False, ("a b",)),
        ("CMD ['a']", False, ("['a']",)),
        ('CMD ["a"] b', False, ('["a"] b',)),
        ('CMD ["a\\u0000b"]', True, ("a\0b",)),
        ('CMD ["\\ud800"]', True, ("�",)),
    ],
)
def test_exec_form_is_json_array(line, is_exec, args):
    instruction = parse(f"FROM a\n{line}\n").stages[0].instructions[0]
    assert (instruction.is_exec_form, instruction.args) == (is_exec, args)


def test_quotes_do_not_join_words_of_copy():
    copy = parse('FROM scratch\nCOPY "my file" /x/\n').stages[0].instructions[0]
    assert copy.args == ('"my', 'file"', "/x/")


def test_flags_are_collected_by_name():
    run = parse("FROM a\nRUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t --network=none x\n")
    flags = run.stages[0].instructions[0].flags
    assert flags == {"mount": ("type=cache,target=/c", "type=tmpfs,target=/t"), "network": ("none",)}


def test_heredocs_are_kept_with_their_text():
    run = parse("FROM a\nRUN <<-'EOF' cat\n\tone $X\n\ttwo\n\tEOF\nCMD x\n").stages[0].instructions[0]
    assert [(doc.name, doc.content, doc.expand, doc.chomp) for doc in run.heredocs] == [
        ("EOF", "\tone $X\n\ttwo\n", False, True)
    ]
    assert run.end_line == 5
    assert run.text == "RUN <<-'EOF' cat (one $X...)"


def test_byte_order_mark_before_first_instruction_is_ignored():
    assert parse("\ufeffFROM a\n").stages[0].base == "a"


# --- stages -------------------------------------------------------------------------------------------------------


def test_stages_have_their_parents():
    dockerfile = parse("FROM debian AS Base\nFROM base AS build\nFROM golang\nFROM build\n")
    assert [(one.name, one.base, one.parent) for one in dockerfile.stages] == [
        ("base", "debian", None),
        ("build", "base", 0),
        (None, "golang", None),
        (None, "build", 1),
    ]
    assert [one.index for one in dockerfile.chain(dockerfile.final_stage())] == [0, 1, 3]


def test_stage_named_later_is_image_for_from():
    assert parse("FROM later\nFROM debian AS later\n").stages[0].parent is None


def test_only_needed_stages_are_reachable():
    dockerfile = parse(
        "FROM a AS one\nFROM b AS two\nFROM c AS three\nFROM d\nCOPY --from=two /x /x\n"
        "RUN --mount=type=cache,from=one,target=/c x\n"
    )
    assert [one.index for one in dockerfile.reachable_stages()] == [0, 1, 3]
    assert dockerfile.images() == ("a", "b", "d")


def test_target_is_found_in_any_case():
    assert parse("FROM a AS Runtime\nFROM b\n").final_stage("RUNTIME").index == 0


# --- variables ----------------------------------------------------------------------------------------------------


def test_arguments_before_from_are_for_from():
    dockerfile = parse("ARG V=12\nARG TAG=$V-slim\nFROM debian:${TAG}\nRUN x\n")
    assert dockerfile.stages[0].base == "debian:12-slim"
    assert dockerfile.global_args == {"V": "12", "TAG": "12-slim"}


def copied_path(text: str, **options) -> tuple[str, bool]:
    """The path of the only source, and whether all its variables are known."""
    (instruction,) = [one for one in parse(text, **options).final_stage().instructions if one.name == "COPY"]
    return instruction.expanded[0], not instruction.unknown_variables


@pytest.mark.parametrize(
    ("text", "build_args", "expected"),
    [
        pytest.param("FROM a\nARG X\n", {"X": "1"}, ("1", True), id="build argument"),
        pytest.param("FROM a\nARG X=2\n", {"X": "1"}, ("1", True), id="build argument over default"),
        pytest.param("ARG X=2\nFROM a\nARG X\n", {}, ("2", True), id="global default"),
        pytest.param("FROM a\nARG X\n", {}, ("$X", False), id="no value"),
        pytest.param("FROM a\nENV X=1\nARG X=2\n", {}, ("$X", False), id="also set by ENV"),
        pytest.param(f"FROM a\nARG X={'x' * 4_097}\n", {}, ("$X", False), id="too long"),
    ],
)
def test_argument_of_stage_has_value_of_first_source_that_sets_it(text, build_args, expected):
    assert copied_path(f"{text}COPY $X /\n", build_args=build_args) == expected


def test_variables_over_limit_are_unknown_instead_of_empty():
    names = "\n".join(f"ENV V{number}=1" for number in range(4_097))
    assert copied_path("FROM scratch\nENV V1=1\nCOPY $V0$UNSET /\n") == ("", True)
    assert copied_path(f"FROM scratch\n{names}\nCOPY x$UNSET /\n") == ("x$UNSET", False)


def test_build_arguments_override_defaults():
    assert parse("ARG V=12\nFROM debian:$V\n", build_args={"V": "13"}).stages[0].base == "debian:13"


def test_argument_without_value_leaves_base_unknown():
    dockerfile = parse("ARG BASE\nFROM $BASE\n")
    assert dockerfile.stages[0].base == ""
    assert dockerfile.global_args == {"BASE": None}
    assert dockerfile.images() == ()


def test_platform_arguments_are_predefined():
    dockerfile = parse(
        "FROM --platform=$BUILDPLATFORM a-$TARGETARCH\nARG TARGETOS\nCOPY $TARGETOS /\n", platform="linux/arm64/v8"
    )
    assert dockerfile.stages[0].base == "a-arm64"
    assert dockerfile.stages[0].platform == "linux/arm64/v8"
    assert dockerfile.stages[0].sources[0].path == "linux"


def test_global_argument_is_known_only_in_declaring_stage():
    text = "ARG DIR=src\nFROM scratch\nCOPY x$DIR /\nARG DIR\nCOPY x$DIR /\n"
    assert [one.path for one in parse(text).stages[0].sources] == ["x", "xsrc"]


def test_env_is_inherited_by_child_stages():
    text = "FROM debian AS a\nENV DIR=/opt\nFROM a\nCOPY x $DIR/y\nFROM debian\nCOPY x $DIR/y\n"
    stages = parse(text).stages
    assert stages[1].sources[0].destination == "/opt/y"
    assert stages[2].instructions[0].unknown_variables == ("DIR",)


def test_env_expands_all_values_before_setting_any():
    text = "FROM scratch\nENV A=1\nENV A=2 B=$A\nCOPY x$B /\n"
    assert parse(text).stages[0].sources[0].path == "x1"


def test_variable_of_base_image_is_unknown_and_on_scratch_empty():
    assert parse("FROM debian\nCOPY $X/a /\n").stages[0].sources[0].unknown_variables == ("X",)
    assert parse("FROM scratch\nCOPY $X/a /\n").stages[0].sources[0].path == "/a"


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("${V:-d}", "1.2.3"),
        ("${N:-d}", "d"),
        ("${V:+y}", "y"),
        ("${V%.*}", "1.2"),
        ("${V##*.}", "3"),
        ("${V/./-}", "1-2.3"),
        ("${V//./-}", "1-2-3"),
        ("${V#1.}", "2.3"),
        ("${V#*.}", "2.3"),
        ("${V%%.*}", "1"),
        ("${V#x}", "1.2.3"),
        ("${V-d}", "1.2.3"),
        ("${N-d}", "d"),
        ("${N+y}", ""),
        ("${N:-${V%.*}}", "1.2"),
        ('"${V}"', "1.2.3"),
        ("'$V'", "$V"),
        ("\\$V", "$V"),
    ],
)
def test_words_are_expanded_with_modifiers(word, path):
    assert parse(f"FROM scratch\nARG V=1.2.3\nCOPY {word} /\n").stages[0].sources[0].path == path


@pytest.mark.parametrize("word", ["${N:?no name}", "${V:2}", "${V^^}", "${V@Q}"])
def test_unsupported_forms_are_not_expanded(word):
    word = word.replace(" ", "_")
    source = parse(f"FROM scratch\nARG V=1.2.3\nCOPY {word} /\n").stages[0].sources[0]
    assert source.unknown_variables in {("N",), ("V",)}


def test_directives_end_at_first_other_line():
    text = "# syntax=docker/dockerfile:1\n# check=skip=all\n# escape=`\nFROM a\nRUN one `\n# why\n\n  two\n"
    dockerfile = parse(text)
    assert dict(dockerfile.directives) == {"syntax": "docker/dockerfile:1", "check": "skip=all", "escape": "`"}
    assert dockerfile.stages[0].instructions[0].text == "RUN one two"
    assert dict(parse("# a comment\n# escape=`\nFROM a\n").directives) == {}


def test_bad_substitution_is_kept_for_builder():
    source = parse("FROM scratch\nCOPY ${X /\n").stages[0].sources[0]
    assert source.unknown_variables == ("X",)


# --- sources ------------------------------------------------------------------------------------------------------


def test_every_source_has_its_origin():
    text = (
        "FROM debian AS build\n"
        "FROM debian\n"
        "COPY a b/ /x/\n"
        'COPY ["with space", "/x"]\n'
        "COPY --from=build /o /x\n"
        "COPY --from=0 /o /x\n"
        "COPY --from=alpine:3 /o /x\n"
        "COPY <<EOF c /x/\ntext\nEOF\n"
        "ADD https://example.org/x.tar git@example.org:a/b.git local.tar /x/\n"
        "RUN --mount=target=/src --mount=type=bind,source=s,dst=/s,ro --mount=type=bind,from=build,src=/b,target=/b x\n"
        "RUN --mount=type=secret,id=s --mount=type=cache,target=/c x\n"
    )
    found = [(one.origin, one.path, one.stage, one.image) for one in parse(text).stages[1].sources]
    assert found == [
        (Origin.CONTEXT, "a", None, None),
        (Origin.CONTEXT, "b/", None, None),
        (Origin.CONTEXT, "with space", None, None),
        (Origin.STAGE, "/o", 0, None),
        (Origin.STAGE, "/o", 0, None),
        (Origin.IMAGE, "/o", None, "alpine:3"),
        (Origin.HEREDOC, "<<EOF", None, None),
        (Origin.CONTEXT, "c", None, None),
        (Origin.REMOTE, "https://example.org/x.tar", None, None),
        (Origin.REMOTE, "git@example.org:a/b.git", None, None),
        (Origin.CONTEXT, "local.tar", None, None),
        (Origin.CONTEXT, ".", None, None),
        (Origin.CONTEXT, "s", None, None),
        (Origin.STAGE, "/b", 0, None),
    ]


@pytest.mark.parametrize(
    "line",
    ["ONBUILD RUN <<EOF", "  onbuild run <<-'EOF'", "ONBUILD RUN --mount=type=cache,target=/x \\\n  bash -e <<EOF"],
    ids=["plain", "quoted", "continued"],
)
def test_onbuild_with_heredoc_runs_in_child_stage(line):
    text = f"FROM a AS base\n{line}\n. /etc/profile\nCOPY is no instruction\nEOF\nENV A=1\nFROM base\nRUN true\n"
    first, second = parse(text).stages
    assert [one.name for one in first.instructions] == ["ONBUILD", "ENV"]
    (trigger,) = second.triggers
    assert (trigger.name, trigger.heredocs[0].content) == ("RUN", ". /etc/profile\nCOPY is no instruction\n")
    assert first.instructions[0].original.startswith("ONBUILD ")
    assert first.instructions[0].end_line == trigger.end_line == text[: text.index("EOF\nENV")].count("\n") + 1


def test_onbuild_in_continued_command_is_text():
    (stage,) = parse("FROM a\nRUN echo \\\nONBUILD RUN <<EOF\nx\nEOF\n").stages
    assert stage.instructions[0].original.startswith("RUN echo ONBUILD RUN")


def test_onbuild_copies_when_child_stage_is_built():
    dockerfile = parse("FROM scratch AS base\nENV D=lib\nONBUILD COPY $D /lib\nFROM base\nCOPY a /\n")
    assert dockerfile.stages[0].sources == ()
    assert [(one.path, one.line) for one in dockerfile.stages[1].sources] == [("lib", 3), ("a", 5)]
    assert [one.name for one in dockerfile.stages[1].triggers] == ["COPY"]


def test_stage_that_two_others_need_is_listed_once():
    dockerfile = parse("FROM a AS x\nFROM x AS y\nFROM x\nCOPY --from=y /a /b\nCOPY --from=c /a /c\n")
    assert [stage.index for stage in dockerfile.reachable_stages()] == [0, 1, 2]
    assert dockerfile.images() == ("a", "c")


def test_mount_with_variable_as_type_reads_what_bind_mount_reads():
    dockerfile = parse("FROM a\nARG T\nRUN --mount=type=$T,source=x,target=/x true\n")
    assert [one.path for one in dockerfile.context_sources()] == ["x"]


def test_context_sources_come_from_reachable_stages_only():
    dockerfile = parse("FROM a AS unused\nCOPY x /\nFROM b\nCOPY y /\n")
    assert [one.path for one in dockerfile.context_sources()] == ["y"]
    assert [one.path for one in dockerfile.context_sources("unused")] == ["x"]


# --- hostile files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "repeated", "end", "largest"),
    [
        ("FROM scratch\nENV A=aaaaaaaaaaaaaaaa\n", "ENV A=$A$A\n", "COPY $A /\n", 4_000),
        ("FROM scratch\nENV A=" + "a" * 1_000 + "\nCOPY ", "$A ", "/\n", 2_000),
        ("FROM scratch\nARG A=" + "a" * 200 + "\n", "COPY ${A%%*a*b} /\n", "", 320),
        ("#a=x", " ", "y\nFROM a\n", 60_000),
        ("FROM a\nRUN ", "[", "", 60_000),
        ("FROM a\nCOPY ", "${a:-", " /\n", 12_000),
        ("FROM a\nCOPY ${a%", "a", "} /\n", 60_000),
        ("FROM a AS s\n", "FROM s AS s\n", "", 4_000),
        ("FROM a\nRUN ", "\\\n", "", 40_000),
        ("FROM a\n", "ENV x=1\n", "", 4_000),
        ("FROM a\nRUN ", "<<a ", "\n", 12_000),
    ],
    ids=[
        "doubling",
        "multiplying",
        "pattern",
        "directive",
        "json",
        "braces",
        "suffix",
        "stages",
        "lines",
        "env",
        "docs",
    ],
)
def test_hostile_file_is_read_in_linear_time(start, repeated, end, largest):
    assert_linear(lambda size: outcome(start + repeated * size + end), largest=largest)


_WORDS = st.sampled_from(
    [
        *("FROM", "RUN", "COPY", "ADD", "ENV", "ARG", "ONBUILD", "CMD", "SHELL", "HEALTHCHECK", "WORKDIR", "LABEL"),
        *(
            "scratch",
            "a",
            "AS",
            "b",
            "--from=a",
            "--from=0",
            '--mount=a,"b',
            "--mount=type=bind,from=a",
            "<<EOF",
            "EOF",
        ),
        *("\\", "\n", "${A", "$A", "${A:-x}", "${A%*}", '"', "'", '["a"]', "[", "]", "=", "A=1", "#", "escape=`", "`"),
        *("/x", ".", "*", "\0", "é", "\ud800"),
    ]
)


@given(st.one_of(st.text(max_size=300), st.lists(_WORDS, max_size=40).map(" ".join), st.lists(_WORDS).map("\n".join)))
def test_any_text_parses_or_raises_dockerfile_error(text):
    for candidate in (text, f"FROM a AS a\n{text}"):
        read = outcome(candidate)
        if isinstance(read, str):
            assert read.startswith("services/api/Dockerfile")
        else:
            assert read.reachable_stages()
            assert all(one.line <= one.end_line for stage in read.stages for one in stage.instructions)
            repr(read).encode("utf-8")
