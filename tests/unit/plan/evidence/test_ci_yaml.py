"""Builds in CI files that name a Dockerfile and a context as values."""

from __future__ import annotations

import pytest

from weighbridge.plan.evidence.ci_yaml import ci_file_commands


@pytest.mark.parametrize(
    ("text", "dockerfile", "context"),
    [
        (
            "jobs:\n  b:\n    steps:\n    - docker/build:\n        image: a\n        path: api\n"
            "        docker-context: .\n        dockerfile: D.prod",
            "api/D.prod",
            ".",
        ),
        (
            "workflows:\n  w:\n    jobs:\n    - aws-ecr/build_and_push_image: {path: api, build_path: .}",
            "api/Dockerfile",
            ".",
        ),
        ("steps:\n- docker/build: {image: a, dockerfile: api/D}", "api/D", "."),
        ("steps:\n- task: Docker@2\n  inputs: {command: build, Dockerfile: api/D, buildContext: .}", "api/D", "."),
        ("steps:\n- task: Docker@2\n  inputs: {Dockerfile: $(Build.SourcesDirectory)/api/D}", "api/D", "api"),
        ("steps:\n- image: plugins/docker\n  settings: {dockerfile: api/D, context: api}", "api/D", "api"),
        ("steps:\n  x: {image: woodpeckerci/plugin-docker-buildx, settings: {dockerfile: api/D}}", "api/D", "."),
    ],
)
def test_step_with_dockerfile_and_context_gives_both(text, dockerfile, context):
    found = list(ci_file_commands(text, ".ci.yml"))
    assert [(one.dockerfile, one.context, one.folders) for one in found] == [(dockerfile, context, (".",))]


@pytest.mark.parametrize(
    "text",
    [
        "steps:\n- docker/build: {image: a, path: api}",
        "steps:\n- docker/build: {image: a, path: << parameters.path >>, docker-context: .}",
        "steps:\n- task: Docker@2\n  inputs: {command: login}",
        "steps:\n- task: Docker@2\n  inputs: {Dockerfile: '**/Dockerfile'}",
        "image: docker:24\nscript: [docker info]",
        "a: &a [*a]",
    ],
)
def test_step_that_leaves_the_context_open_gives_nothing(text):
    assert list(ci_file_commands(text, ".ci.yml")) == []
