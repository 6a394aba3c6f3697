"""Build commands in text: options, variables, folders, and text that is no build."""

from __future__ import annotations

import pytest
from linear_time import assert_linear

from weighbridge.plan.evidence.commands import TextPlace, build_commands
from weighbridge.plan.evidence.model import FILE_FOLDER_MARK, HOLE, ROOT_MARK, EvidenceKind


def commands_of(text: str, *, keeps_folder: bool = False) -> list[tuple[str | None, str, int]]:
    """The Dockerfile, context and line of each command."""
    place = TextPlace(kind=EvidenceKind.SCRIPT, file="hack/x.sh", folders=(".",), keeps_folder=keeps_folder)
    return [(one.dockerfile, one.context, one.line) for one in build_commands(text, place)]


@pytest.mark.parametrize(
    "value",
    [
        """$(shell python3 -c "import datetime;print(datetime.date.today().strftime('%Y'))")""",
        "$(shell git log -1 --format='%h' | cut -c1-8)",
        "`date +'%s'`",
    ],
)
def test_variable_with_output_of_command_hides_no_build(value):
    text = f"TAG := {value}\nLABEL = v$(TAG)\nbuild:\n\ttar -czh . | docker build -t app:$(LABEL) -t app:$(TAG) -\n"
    assert commands_of(text) == [(None, ".", 4)]


def test_variables_of_just_and_task_are_read():
    text = 'df := "infra/Dockerfile.w"\nbuild:\n  docker build -f {{df}} -t {{ tag }} apps/w\n'
    assert commands_of(text) == [("infra/Dockerfile.w", "apps/w", 3)]
    assert commands_of("- docker build -t x -f docker/Dockerfile {{.DIR}}/w") == [
        ("docker/Dockerfile", f"{HOLE}DIR{HOLE}/w", 1)
    ]


def test_variable_with_known_folder_of_command_is_used():
    assert commands_of('ROOT="$(cd .. && pwd)"\ndocker build -f x/Dockerfile "$ROOT"\n') == [("x/Dockerfile", "..", 2)]


@pytest.mark.parametrize(
    ("line", "dockerfile", "context"),
    [
        ("docker build .", None, "."),
        ("docker build -t a:b -f x/Dockerfile .", "x/Dockerfile", "."),
        ("docker build --file=x/Dockerfile --no-cache services", "x/Dockerfile", "services"),
        ("docker buildx build --platform linux/amd64 --push -fx/Dockerfile . && echo done", "x/Dockerfile", "."),
        ("docker --context remote image build . -f x/Dockerfile", "x/Dockerfile", "."),
        ("sudo podman build -f 'x/Dockerfile' \"services\"", "x/Dockerfile", "services"),
        ("buildah bud -f x/Containerfile .", "x/Containerfile", "."),
        ("\t$(DOCKER) build $(ARGS) -f x/Dockerfile .", "x/Dockerfile", "."),
        ("${CONTAINER_ENGINE} build -f x/Dockerfile . $(MORE)", "x/Dockerfile", "."),
        ("\t@docker build -f x/Dockerfile \\\n\t  --build-arg A=B \\\n\t  .", "x/Dockerfile", "."),
        ('docker build -f "$(git rev-parse --show-toplevel)/x/Dockerfile" $(pwd)', f"{ROOT_MARK}/x/Dockerfile", "."),
        ('docker build "$(dirname "$0")/.."', None, f"{FILE_FOLDER_MARK}/.."),
        ("run `docker build -f x/Dockerfile .` first", "x/Dockerfile", "."),
        ("\t$(DOCKER_BUILD) --build-arg A=B -f x/Dockerfile services", "x/Dockerfile", "services"),
        ("\t$(OCI_BUILD) -t a:b -f x/Dockerfile ./", "x/Dockerfile", "./"),
        ('"${BUILD_CMD[@]}" build --pull -f x/Dockerfile .', "x/Dockerfile", "."),
        ("docker build -f cmd/$1/Dockerfile .", f"cmd/{HOLE}_1{HOLE}/Dockerfile", "."),
        ("cat x/Dockerfile | DOCKER_BUILDKIT=1 docker build services --file -", "x/Dockerfile", "services"),
        ("docker build -t a -f - services < x/Dockerfile", "x/Dockerfile", "services"),
        ("tar -czh . | docker build -t a -", None, "."),
        ("tar -C services -c --exclude x . | docker build -f Dockerfile.prod -", "Dockerfile.prod", "services"),
        ("docker build -t <image_name>:<tag> -f x/Dockerfile .", "x/Dockerfile", "."),
        (
            "/kaniko/executor --context $CI_PROJECT_DIR/services --dockerfile x/Dockerfile --no-push",
            "x/Dockerfile",
            f"{ROOT_MARK}/services",
        ),
        (
            "buildctl build --frontend dockerfile.v0 --local context=. --local dockerfile=x --opt filename=A.file",
            "x/A.file",
            ".",
        ),
        (
            "buildctl-daemonless.sh build --frontend=dockerfile.v0 --local context=services",
            "services/Dockerfile",
            "services",
        ),
    ],
)
def test_build_command_gives_dockerfile_and_context(line, dockerfile, context):
    assert commands_of(line) == [(dockerfile, context, 1)]


@pytest.mark.parametrize(
    "line",
    [
        "docker build - < Dockerfile",
        "docker build https://example.org/a.git",
        "docker build -f x/Dockerfile",
        "docker compose build web",
        "docker builder prune",
        "echo docker-build",
        "docker build -f /tmp/Dockerfile .",
        "docker build $CONTEXT",
        "tar -c a b | docker build -",
        "make-archive | docker build -",
        "generate | docker build -f - .",
        "buildctl prune",
    ],
)
def test_line_without_context_in_repository_gives_no_evidence(line):
    assert commands_of(line) == []


def test_variable_set_once_is_replaced():
    assert commands_of("DIR := services\ndocker build -f $(DIR)/Dockerfile ${DIR}\n") == [
        ("services/Dockerfile", "services", 2)
    ]


def test_variable_set_twice_is_unknown():
    (found,) = commands_of("D=a\nD=b\ndocker build -f $D/Dockerfile .\n")
    assert found[0] == f"{HOLE}D{HOLE}/Dockerfile"


def test_folder_entered_by_script_applies_to_later_lines():
    place = TextPlace(kind=EvidenceKind.SCRIPT, file="x.sh", folders=(".",), keeps_folder=True)
    (one,) = build_commands("cd services/api\n\ndocker build ../..\n", place)
    assert (one.folders, one.context, one.line) == (("services/api",), "../..", 3)


def test_folder_of_make_line_applies_to_one_line():
    place = TextPlace(kind=EvidenceKind.SCRIPT, file="Makefile", folders=(".",))
    first, second = build_commands("\tcd api && docker build .\n\tdocker build web\n", place)
    assert (first.folders, second.folders) == (("api",), (".",))


@pytest.mark.parametrize(
    ("start", "repeated", "end"),
    [
        ("", "A=$A$A\n", "docker build $A .\n"),
        ("", "$(", "docker build ."),
        ("docker ", "--a b ", "build ."),
        ("docker build ", "'", ""),
        ("", "docker build .;", ""),
        ("", "$(cd ", " docker build ."),
    ],
)
def test_hostile_text_is_read_in_linear_time(start, repeated, end):
    assert_linear(lambda size: commands_of(start + repeated * size + end, keeps_folder=True), largest=8_000)


def test_variable_with_build_command_is_expanded():
    text = "DOCKER_BUILD = docker build --pull $(ARGS)\nimage:\n\t$(DOCKER_BUILD) -f x/Dockerfile ."
    assert commands_of(text)[-1] == ("x/Dockerfile", ".", 3)


def test_command_in_comment_is_weaker_than_command_that_runs():
    place = TextPlace(kind=EvidenceKind.SCRIPT, file="x.sh", folders=(".",))
    found = list(build_commands("# docker build -f a/Dockerfile a\ndocker build -f a/Dockerfile .", place))
    assert [(one.kind, one.context) for one in found] == [(EvidenceKind.COMMENT, "a"), (EvidenceKind.SCRIPT, ".")]


def test_variable_of_a_make_target_is_used():
    text = "build: DOCKERFILE = x/Dockerfile\nbuild:\n\tdocker build -f $(DOCKERFILE) services"
    assert commands_of(text) == [("x/Dockerfile", "services", 3)]
