"""Patches: `git apply` takes them, and what comes out differs from the file in the intended instructions only."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from images import layers_of

from weighbridge.domain.dockerfile import Dockerfile, Instruction, parse_dockerfile
from weighbridge.domain.dockerfile.edits import Edit, EditSet, apply_edits, unified_diff
from weighbridge.domain.image.image import Image, ImageConfig
from weighbridge.domain.image.origins import LayerOrigin
from weighbridge.domain.image.weighed import WeighedImage, weigh_image
from weighbridge.domain.lint.context import LintContext
from weighbridge.domain.lint.linted import LintedFile
from weighbridge.domain.lint.model import LintFinding, LintSettings
from weighbridge.domain.lint.rules import lint_dockerfile
from weighbridge.domain.tips.find import find_tips
from weighbridge.domain.tips.proposals import ladder_candidates
from weighbridge.domain.tips.tip import DockerfileSource

CORPUS = sorted((Path(__file__).parents[3] / "data/dockerfiles").rglob("*.Dockerfile"))
PROJECTS = sorted((Path(__file__).parents[3] / "data/projects").rglob("Dockerfile"))
EXAMPLES = sorted((Path(__file__).parents[4] / "examples").rglob("Dockerfile*"))

GitApply = Callable[[str, str, str], str]


@pytest.fixture(scope="module")
def git_apply(tmp_path_factory: pytest.TempPathFactory) -> GitApply:
    """What `git apply` makes of the file `path` with content `text`. A patch that it refuses fails the test."""
    folder = tmp_path_factory.mktemp("apply")

    def apply(path: str, text: str, patch: str) -> str:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
        command = ["git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "-"]
        done = subprocess.run(command, cwd=folder, input=patch.encode(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode() + patch
        return file.read_bytes().decode()

    return apply


def instructions(dockerfile: Dockerfile) -> list[Instruction]:
    return [one for stage in dockerfile.stages for one in (stage.from_instruction, *stage.instructions)]


def meaning(one: Instruction) -> tuple[object, ...]:
    """What an instruction says, without where it stands."""
    return (one.name, one.original, one.args, tuple(one.flags.items()), one.heredocs, one.is_exec_form)


def assert_only_intended_differ(before: str, after: str, edits: Sequence[Edit]) -> None:
    old, new = (parse_dockerfile(text, path="Dockerfile") for text in (before, after))
    context = LintContext(before, old, LintSettings())
    spans = [context.span(one.line, one.end_line) for one in instructions(old)]
    left = []
    for instruction, (begin, end) in zip(instructions(old), spans, strict=True):
        if not any(edit.start <= begin and edit.end >= end and not edit.replacement for edit in edits):
            is_intended = any(begin <= edit.start <= end or begin <= edit.end <= end for edit in edits)
            left.append((instruction, is_intended))
    for (before_one, is_intended), after_one in zip(left, instructions(new), strict=True):
        assert is_intended or meaning(before_one) == meaning(after_one)
    assert any(is_intended for _, is_intended in left)
    assert (old.directives, old.global_args) == (new.directives, new.global_args)


def assert_patches_hold(name: str, text: str, git_apply: GitApply) -> int:
    """Checks each patch, then all compatible patches together. Returns the number of patches."""
    dockerfile = parse_dockerfile(text, path=name)
    findings = [one for one in lint_dockerfile(text, dockerfile) if one.edits]
    linted = LintedFile(path=name, text=text, findings=tuple(findings))
    for finding in findings:
        patch = linted.patch(finding)
        assert patch is not None
        after = git_apply(name, text, patch)
        assert after == apply_edits(text, finding.edits)
        assert_only_intended_differ(text, after, finding.edits)
        assert_is_dealt_with(finding, text, after)
    together = EditSet()
    for finding in findings:
        together.add(finding.edits)
    if together.edits:
        after = git_apply(name, text, unified_diff(name, text, together.edits))
        assert_only_intended_differ(text, after, together.edits)
    return len(findings)


def assert_is_dealt_with(finding: LintFinding, before: str, after: str) -> None:
    def count(text: str) -> int:
        found = lint_dockerfile(text, parse_dockerfile(text, path="Dockerfile"))
        return sum(one.code == finding.code and one.ignored_because is None for one in found)

    if finding.ignored_because is None:
        assert count(after) < count(before)


@pytest.mark.parametrize("path", [*CORPUS, *EXAMPLES], ids=lambda path: path.name)
def test_patches_of_corpus_change_intended_instructions_only(path: Path, git_apply: GitApply) -> None:
    assert_patches_hold(path.name, path.read_bytes().decode(), git_apply)


def test_corpus_has_enough_patches() -> None:
    def patches(path: Path) -> int:
        text = path.read_bytes().decode()
        return sum(bool(one.edits) for one in lint_dockerfile(text, parse_dockerfile(text, path=path.name)))

    assert sum(map(patches, CORPUS)) >= 30


# --- made-up Dockerfiles: every manner of writing, in every order ---------------------------------------------------

_COMMANDS = st.sampled_from(
    [
        "apt-get update",
        "apt-get install -y curl",
        "apk add jq",
        "pip install -r requirements.txt",
        "npm ci",
        "dnf install -y httpd",
        "useradd -u 1000650000 app",
        "echo 'a  b' \"$HOME\" # not a comment'",
        'printf "%s\\n" "é ü 漢"',
        "true",
    ]
)
_JOINTS = st.sampled_from([" && ", "; ", " \\\n    && ", " && \\\n\t", "; \\\n  # why\n  ", " \\\n\n  && "])


@st.composite
def _runs(draw: st.DrawFn) -> str:
    parts = draw(st.lists(_COMMANDS.filter(lambda one: "#" not in one), min_size=1, max_size=4))
    joints = [draw(_JOINTS) for _ in parts[1:]]
    flags = draw(st.sampled_from(["", "--mount=type=cache,target=/c ", "--network=none "]))
    script = parts[0] + "".join(joint + part for joint, part in zip(joints, parts[1:], strict=True))
    end = draw(st.sampled_from(["", ";", "  ", " # done"]))
    return f"{draw(st.sampled_from(['RUN', 'run', 'RUN  ']))} {flags}{script}{end}"


@st.composite
def _heredocs(draw: st.DrawFn) -> str:
    dash = draw(st.sampled_from(["", "-"]))
    indent = "\t" if dash else ""
    lines = draw(st.lists(_COMMANDS, min_size=1, max_size=4))
    head = draw(
        st.sampled_from(["RUN <<{}EOF", "RUN <<{}EOF bash", "RUN <<{}'EOF'", "COPY <<{}EOF /data", "RUN cat <<{}EOF"])
    )
    return "\n".join([head.format(dash), *(indent + line for line in lines), f"{indent}EOF"])


_OTHERS = st.sampled_from(
    [
        "COPY --from=0 hello .",
        "COPY a b /app/",
        'COPY ["a b", "/app/"]',
        "WORKDIR /app",
        "RUN chown -R app:app /app",
        "RUN chmod -R 755 /app",
        "CMD /app/start --now",
        "ENTRYPOINT exec /start",
        "HEALTHCHECK --interval=3s CMD /app/check",
        "ENV A=1 B='2 3'",
        "ONBUILD RUN apk add x",
        'RUN ["apk", "add", "x"]',
        "# a comment",
        "",
        "SHELL [\"/bin/bash\", \"-c\"]",
    ]
)  # fmt: skip


@st.composite
def dockerfiles(draw: st.DrawFn) -> str:
    blocks = []
    for _ in range(draw(st.integers(1, 3))):
        base = draw(st.sampled_from(["golang:1", "debian", "alpine AS x", "scratch", "gcr.io/distroless/static"]))
        blocks.append(f"FROM {base.replace(' AS x', f' AS x{len(blocks)}')}")
        blocks += draw(st.lists(st.one_of(_runs(), _heredocs(), _OTHERS), max_size=6))
    text = draw(st.sampled_from(["", "# syntax=docker/dockerfile:1\n", "# check=skip=all\n"])) + "\n".join(blocks)
    if draw(st.booleans()):
        text += "\n"
    return text.replace("\n", "\r\n") if draw(st.booleans()) and "<<" not in text else text


@settings(max_examples=25)
@given(text=dockerfiles())
def test_patches_of_random_files_change_intended_instructions_only(text: str, git_apply: GitApply) -> None:
    assert_patches_hold("Dockerfile", text, git_apply)


# --- the diff itself ----------------------------------------------------------------------------------------------


@st.composite
def _edited_texts(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    line = st.text(alphabet="ab é\t\r\\", max_size=4)
    text = "\n".join(draw(st.lists(line, min_size=1, max_size=30))) + draw(st.sampled_from(["a", "\n"]))
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8).filter(lambda found: len(found) % 2 == 0)))
    replacement = st.text(alphabet="xy\n", max_size=3)
    pairs = zip(places[::2], places[1::2], strict=True)
    return text, [Edit(start=start, end=end, replacement=draw(replacement)) for start, end in pairs]


@given(edited=_edited_texts())
def test_git_apply_gives_same_result_as_edits(edited: tuple[str, list[Edit]], git_apply: GitApply) -> None:
    text, edits = edited
    patch = unified_diff("some/Dockerfile", text, edits)
    after = apply_edits(text, edits)
    assert (git_apply("some/Dockerfile", text, patch) if patch else text) == after


@pytest.mark.parametrize("name", ["a b/Dockerfile", 'quo"te', "tab\there", "back\\slash", "漢字.Dockerfile", "-dash"])
def test_git_apply_finds_files_of_any_name(name: str, git_apply: GitApply) -> None:
    patch = unified_diff(name, "FROM a\n", [Edit(start=5, end=6, replacement="b")])
    assert git_apply(name, "FROM a\n", patch) == "FROM b\n"


def test_edits_overlapping_are_incompatible() -> None:
    chosen = EditSet()
    assert chosen.add([Edit(start=0, end=3, replacement="x")])
    assert chosen.add([Edit(start=0, end=3, replacement="x")])  # the same once more is the same
    assert not chosen.add([Edit(start=9, end=9, replacement="y"), Edit(start=2, end=4, replacement="z")])
    assert chosen.edits == (Edit(start=0, end=3, replacement="x"),)


# --- changes that proposals make: a stage more, another base, a flag ------------------------------------------------


def as_built(text: str, program: bytes, contents: Any) -> tuple[WeighedImage, DockerfileSource]:
    """An image that `text` could have made: each ``RUN`` and ``COPY`` a layer, and a program where it is started."""
    dockerfile = parse_dockerfile(text, path="Dockerfile")
    stage = dockerfile.final_stage()
    base = contents.changeset({"/etc/os-release": b"ID=debian\nVERSION_CODENAME=bookworm\n", "/bin/cc": bytes(2**21)})
    origins = [LayerOrigin(instruction=None, text=None, line=None, from_base_image=True)]
    changesets = [base]
    makers = [one for one in stage.instructions if one.name in {"RUN", "COPY", "ADD"}]
    for one in makers:
        files = {"/start": program, "/data.txt": b"data"} if one is makers[-1] else {f"/s{one.line}.c": b"source"}
        changesets.append(contents.changeset(files))
        origins.append(LayerOrigin(instruction=one, text=one.text, line=one.line, from_base_image=False))
    layers = layers_of(changesets)
    config = ImageConfig(entrypoint=("/start",), env={"TZ": "UTC"})
    image = Image(image_id="sha256:1", config=config, layers=layers)
    return weigh_image(image, origins, contents.contents), DockerfileSource(text=text, dockerfile=dockerfile)


def assert_is_subsequence(part: Sequence[object], whole: Sequence[object]) -> None:
    rest = iter(whole)
    assert all(any(one == other for other in rest) for one in part), (part, whole)


def assert_proposals_hold(text: str, git_apply: GitApply, program: bytes, contents: Any) -> int:
    """Each change as a patch: taken by git, and every instruction and line that it does not touch is as it was."""
    image, source = as_built(text, program, contents)
    tips = find_tips(image, source, minimum_saving_bytes=0)
    changes = [one.change for one in (*tips, *ladder_candidates(image, source)) if one.change is not None]
    old = instructions(source.dockerfile)
    context = LintContext(text, source.dockerfile, LintSettings())
    for change in changes:
        after = git_apply("Dockerfile", text, unified_diff("Dockerfile", text, change.edits))
        assert after == apply_edits(text, change.edits)
        new = parse_dockerfile(after, path="Dockerfile")
        assert new.directives == source.dockerfile.directives
        assert new.global_args == source.dockerfile.global_args
        spans = [(one, context.span(one.line, one.end_line)) for one in old]
        left = [
            meaning(one)
            for one, (begin, end) in spans
            if not any(edit.start < end and edit.end > begin for edit in change.edits)
            and not any(edit.start == edit.end and begin < edit.start <= end for edit in change.edits)
        ]
        assert_is_subsequence(left, [meaning(one) for one in instructions(new)])
        touched = {
            number
            for edit in change.edits
            for number in range(context.line_of(edit.start), context.line_of(max(edit.start, edit.end - 1)) + 1)
        }
        lines = [line for number, line in enumerate(text.split("\n"), 1) if number not in touched and line]
        assert_is_subsequence(lines, after.split("\n"))
        assert ("\r\n" in text) <= ("\n" not in after.replace("\r\n", ""))
    return len(changes)


def started(text: str) -> str:
    """`text` with a command at its end, where its final stage has none."""
    stage = parse_dockerfile(text, path="Dockerfile").final_stage()
    if any(one.name in {"CMD", "ENTRYPOINT"} for one in stage.instructions):
        return text
    newline = "\r\n" if "\r\n" in text else "\n"
    return f'{text.rstrip()}{newline}CMD ["/start"]'


@pytest.fixture
def program(make_elf: Callable[..., bytes]) -> bytes:
    return make_elf(type=2, dynamic=False)


def test_changes_of_corpus_touch_named_instructions_only(git_apply: GitApply, program: bytes, images: Any) -> None:
    texts = [path.read_bytes().decode() for path in (*CORPUS, *EXAMPLES, *PROJECTS)]
    assert sum(assert_proposals_hold(text, git_apply, program, images) for text in texts) >= 100


@settings(max_examples=20)
@given(text=dockerfiles())
def test_changes_of_random_files_touch_named_instructions_only(
    text: str, git_apply: GitApply, program: bytes, images: Any
) -> None:
    assert_proposals_hold(started(text), git_apply, program, images)
