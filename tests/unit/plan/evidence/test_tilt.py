"""Builds in a Tiltfile."""

from __future__ import annotations

import pytest

from weighbridge.plan.evidence.model import HOLE
from weighbridge.plan.evidence.tilt import tilt_commands


@pytest.mark.parametrize(
    ("text", "dockerfile", "context"),
    [
        ("docker_build('api', 'services/api')", None, "services/api"),
        ('docker_build(\n  "api",\n  context=".",\n  dockerfile="api/Dockerfile",\n)', "api/Dockerfile", "."),
        ("docker_build(ref='api', dockerfile='a/D', context='.')", "a/D", "."),
        ("docker_build(registry + '/api', '.', {'A': 'b,c'}, 'api/Dockerfile')", "api/Dockerfile", "."),
        ("docker_build_with_restart('api', 'api', '/bin/api', live_update=[sync('api', '/a')])", None, "api"),
        ("docker_build_with_restart('api', '.', dockerfile='a/D', entrypoint=['x'])", "a/D", "."),
        ("root = './services'\ndocker_build('api', root + '/api')", None, "./services/api"),
        ("for s in all:\n  docker_build(s, './services/' + s)", None, f"./services/{HOLE}s{HOLE}"),
        ("docker_build(s, '.', dockerfile='cmd/%s/Dockerfile' % s)", f"cmd/{HOLE}s{HOLE}/Dockerfile", "."),
        ("docker_build(s, '.', dockerfile='cmd/{}/D'.format(s))", f"cmd/{HOLE}s{HOLE}/D", "."),
        ("docker_build(s, '.', dockerfile=f'cmd/{s}/D')", f"cmd/{HOLE}s{HOLE}/D", "."),
    ],
)
def test_call_of_docker_build_gives_dockerfile_and_context(text, dockerfile, context):
    assert [(one.dockerfile, one.context) for one in tilt_commands(text, "Tiltfile")] == [(dockerfile, context)]


@pytest.mark.parametrize(
    "text",
    [
        "docker_build('api', '.', dockerfile_contents='FROM x')",
        "# docker_build('api', 'api')",
        "def docker_build(ref, context):",
        "docker_build('api'",
        "docker_build(" + "(" * 10_000,
        "docker_build('api')",
    ],
)
def test_call_without_a_file_or_a_context_gives_nothing(text):
    assert list(tilt_commands(text, "Tiltfile")) == []


def test_function_call_as_context_is_a_hole():
    (found,) = tilt_commands("docker_build('a', os.getcwd())", "dev/Tiltfile")
    assert HOLE in found.context
    assert found.folders == ("dev",)
