"""The evidence of whole repositories: each kind of file, with the context that it states."""

from __future__ import annotations

import pytest
from linear_time import assert_linear

from weighbridge.config import Config
from weighbridge.plan.build_problem import BuildProblem
from weighbridge.plan.discover import plan_images
from weighbridge.plan.evidence import yaml_tree
from weighbridge.plan.git import open_repository

DOCKERFILE = "services/api/Dockerfile"
TEXT = "FROM debian\nCOPY . /src\n"
FILES = {DOCKERFILE: TEXT, "services/api/main.c": "", "main.c": ""}


@pytest.fixture
def side_of(git_folder):
    """The head side of the image of `DOCKERFILE` in a repository of the given files."""

    def find(files, *, base=None):
        first = git_folder.commit(base if base is not None else FILES | files)
        second = git_folder.commit({**FILES, **files, "changed": "1"})
        found = plan_images(open_repository(git_folder.root), first, second, Config())
        (one,) = [plan.head for plan in found.plans if plan.head and plan.head.dockerfile == DOCKERFILE]
        return one

    return find


WORKFLOW = ".github/workflows/build.yml"
STEP = "jobs:\n  a:\n    steps:\n      - uses: docker/build-push-action@v6\n        with:\n"


@pytest.mark.parametrize(
    ("files", "context", "because"),
    [
        ({"docker-compose.prod.yml": f"services: {{api: {{build: {{context: ., dockerfile: {DOCKERFILE}}}}}}}\n"}, ".",
         "docker-compose.prod.yml (service api)"),
        ({WORKFLOW: f"{STEP}          context: .\n          file: ./{DOCKERFILE}\n"}, ".", f"{WORKFLOW}:7"),
        ({"services/parts/api.yml": "x", "services/api/stack.yaml":
          "services:\n  api: {build: {context: ../.., dockerfile: services/api/Dockerfile}}\n"}, ".",
         "services/api/stack.yaml (service api)"),
        ({WORKFLOW: "on: {workflow_call: {inputs: {name: {default: api}}}}\n" + STEP +
          "          context: ${{ inputs.name == 'other' && 'services' || '.' }}\n"
          "          file: services/api/Dockerfile\n"}, ".", f"{WORKFLOW}:8"),
        ({WORKFLOW: "on: {workflow_call: {inputs: {name: {default: api}}}}\n" + STEP +
          "          context: ${{ inputs.name != 'other' && 'services/api' || '.' }}\n"
          "          file: services/api/Dockerfile\n"}, "services/api", f"{WORKFLOW}:8"),
        ({WORKFLOW: f"{STEP}          file: {DOCKERFILE}\n"}, ".", f"{WORKFLOW}:6"),
        ({WORKFLOW: f"{STEP}          context: services/api\n"}, "services/api", f"{WORKFLOW}:6"),
        ({WORKFLOW: "jobs:\n  a:\n    strategy:\n      matrix:\n        name: [web, api]\n    steps:\n"
          "      - uses: docker/build-push-action@v6\n        with:\n          context: .\n"
          "          file: services/${{ matrix.name }}/Dockerfile\n"}, ".", f"{WORKFLOW}:10"),
        ({WORKFLOW: "jobs:\n  a:\n    strategy:\n      matrix:\n        include:\n"
          "          - {name: api, path: services/api/Dockerfile, context: services}\n    steps:\n"
          "      - uses: docker/build-push-action@v6\n        with:\n"
          "          context: ${{ matrix.context }}\n          file: ${{ matrix.path }}\n"},
         "services", f"{WORKFLOW}:11"),
        ({WORKFLOW: "jobs:\n  a:\n    steps:\n      - run: |\n          docker build \\\n"
          "            -f services/api/Dockerfile .\n"},
         ".", f"{WORKFLOW}:5"),
        ({WORKFLOW: "jobs:\n  a:\n    uses: ./.github/workflows/one.yml\n"
          "    with: {dockerfile: services/api/Dockerfile}\n",
          ".github/workflows/one.yml": "on:\n  workflow_call:\n    inputs:\n      dockerfile: {type: string}\n"
          "      context: {type: string, default: services}\n" + STEP + "          context: ${{ inputs.context }}\n"
          "          file: ${{ inputs.dockerfile }}\n"}, "services", ".github/workflows/one.yml:12"),
        ({"skaffold.yaml": "build:\n  artifacts:\n  - image: api\n    context: services\n    docker:\n"
          "      dockerfile: api/Dockerfile\n"}, "services", "skaffold.yaml:4"),
        ({"Makefile": f"api:\n\tdocker build -t api -f {DOCKERFILE} .\n"}, ".", "Makefile:2"),
        ({"services/Makefile": "api:\n\tdocker build -f api/Dockerfile .\n"}, "services", "services/Makefile:2"),
        ({"justfile": f"api:\n    podman build -f {DOCKERFILE} .\n"}, ".", "justfile:2"),
        ({"package.json": f'{{"scripts": {{\n"docker": "docker build -f {DOCKERFILE} ."}}}}\n'}, ".", "package.json:2"),
        ({"hack/build.sh": 'cd "$(dirname "$0")/.."\nfor s in api; do\n'
          "  docker build -f services/$s/Dockerfile .\ndone\n"},
         ".", "hack/build.sh:3"),
        ({"README.md": f"Build it:\n\n    docker build -f {DOCKERFILE} .\n"}, ".", "README.md:3"),
        ({"services/api/README.md": "`docker build -f Dockerfile ../..`\n"}, ".", "services/api/README.md:1"),
        ({"cloudbuild.yaml": f"steps:\n- name: gcr.io/cloud-builders/docker\n  args: [build, -f, {DOCKERFILE}, .]\n"},
         ".", "cloudbuild.yaml:3"),
        ({"Tiltfile": f"docker_build('api', '.', dockerfile='{DOCKERFILE}')\n"}, ".", "Tiltfile:1"),
        ({DOCKERFILE: f"# docker build -f {DOCKERFILE} .\n{TEXT}"}, ".", f"{DOCKERFILE}:1"),
    ],
)  # fmt: skip
def test_context_in_file_is_used_with_its_place(side_of, files, context, because):
    side = side_of(files)
    assert (side.context, side.context_because, side.problem) == (context, because, None)


def test_evidence_of_head_does_not_override_base(side_of):
    base = {**FILES, "README.md": f"docker build -f {DOCKERFILE} .\n"}
    assert side_of({"README.md": "docker build services/api\n"}, base=base).context == "."


def test_evidence_of_head_counts_for_new_dockerfile(side_of):
    assert side_of({"README.md": f"docker build -f {DOCKERFILE} .\n"}, base={"main.c": ""}).context == "."


def test_contradicting_workflows_leave_context_unknown(side_of):
    other = ".github/workflows/other.yml"
    side = side_of({
        WORKFLOW: f"{STEP}          file: {DOCKERFILE}\n",
        other: f"{STEP}          context: services/api\n",
    })  # fmt: skip
    assert (side.context, side.problem) == (None, BuildProblem.CONTEXT_UNKNOWN)
    assert f". ({WORKFLOW}:6) and services/api ({other}:6)" in str(side.failure)


def test_context_made_by_release_tool_is_unknown(side_of):
    side = side_of({".goreleaser.yaml": f"dockers:\n- dockerfile: {DOCKERFILE}\n  extra_files: [main.c]\n"})
    assert (side.context, side.problem) == (None, BuildProblem.CONTEXT_UNKNOWN)
    assert "context unknown: .goreleaser.yaml:2 makes the context before the build" in str(side.failure)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [1,2]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(1_000)),
        "a: &a {b: *a}\n",
        "jobs: &j\n  <<: *j\n",
        "\x00",
        "a: !!python/object/apply:os.system [id]\n",
    ],
)
def test_self_repeating_or_unsafe_yaml_is_read_without_exception(text):
    yaml_tree.read_yaml(text)


@pytest.mark.parametrize("repeated", ["[", "- ", "{a: "])
def test_deep_yaml_is_read_in_linear_time(repeated):
    assert_linear(lambda size: yaml_tree.read_yaml(repeated * size + "a"), largest=16_000)


def test_hostile_workflow_does_not_change_plan(side_of):
    matrix = "".join(f"        a{n}: [1, 2, 3, 4]\n" for n in range(30))
    text = "jobs:\n  a:\n    strategy:\n      matrix:\n" + matrix + "    uses: ./.github/workflows/build.yml\n"
    assert side_of({WORKFLOW: text}).context == "services/api"


def test_condition_on_unknown_value_is_undecided(side_of):
    expression = "${{ github.event_name == 'push' && 'services' || '.' }}"
    found = side_of({WORKFLOW: f"{STEP}          context: {expression}\n          file: {DOCKERFILE}\n"})
    assert found.context_because == "its own folder, which holds what it copies"
