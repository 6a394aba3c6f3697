"""Images are built whose files another builder than BuildKit reads differently."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from fake_builder import CLIENT

from weighbridge.build.client import BuildKind
from weighbridge.errors import EngineError
from weighbridge.run.other_builders import other_builder_of

CLASSIC = replace(CLIENT, kind=BuildKind.CLASSIC)
LOWER = {"lower/Dockerfile": "FROM scratch\nCOPY . /d\n", "lower/Dockerfile.dockerignore": "data\n", "lower/data": "x"}
UPPER = {
    "compose.yaml": "services:\n  lower: {build: lower, image: acme/lower}\n  upper: {build: upper}\n",
    "upper/Dockerfile": "FROM acme/lower\nUSER app\n",
}


def tools(client, engine):
    """The two tools that the builder's name needs."""
    return SimpleNamespace(find_build_client=lambda: client, engine=engine)


def engine_of(name):
    """An engine whose version names one component."""
    return lambda: SimpleNamespace(version=lambda: {"Components": [{"Name": name}]})


def no_engine():
    """Fails as a missing engine does."""
    raise EngineError("no engine")


@pytest.mark.parametrize(
    ("client", "engine", "name"),
    [
        (CLASSIC, no_engine, "Docker's classic builder"),
        (CLIENT, engine_of("Engine"), None),
        (CLIENT, engine_of("Podman Engine"), "podman's builder"),
        (CLIENT, no_engine, None),
    ],
)
def test_builder_is_named_only_if_it_is_not_buildkit(client, engine, name):
    assert other_builder_of(tools(client, engine)) == name


def test_classic_builder_builds_image_and_what_is_built_upon_it(run, git_folder):
    base = git_folder.commit({**LOWER, **UPPER})
    head = git_folder.commit({"lower/data": "much more"})
    run.client = CLASSIC
    reasons = {one.name: one.reason for one in run.weigh(base, head).images}
    assert reasons["lower"] == (
        "files of its context changed, and Docker's classic builder may copy other files than BuildKit"
    )
    assert {"lower head", "upper head"} <= set(run.events)
