"""Bake and Compose files as buildx itself resolves them, each side of a range with its own definition."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from weighbridge.build.client import find_build_client
from weighbridge.config import Config, Discover, parse_config
from weighbridge.errors import ConfigError
from weighbridge.plan.bake import Bake
from weighbridge.plan.discover import Discovered, plan_images
from weighbridge.plan.git import open_repository
from weighbridge.plan.image_plan import Change, ContextKind, ImagePlan, NamedContext

Files = dict[str, str | None]


@pytest.fixture(scope="module")
def bake(containerd_engine) -> Bake:
    """The buildx that is on this machine."""
    environment = {**os.environ, **containerd_engine.environment}
    return Bake(buildx=find_build_client(environment).buildx(), environment=environment)


@pytest.fixture
def discover(tmp_path: Path, bake: Bake) -> Callable[..., Discovered]:
    """What is found between two sets of changes of one repository, with a real buildx."""
    root = tmp_path / "shop"
    root.mkdir()

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        command = ["git", "-C", str(root), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")

    def commit(files: Files) -> str:
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink()
            else:
                path.write_text(content)
        git("add", "--all")
        git("commit", "--quiet", "--allow-empty", "-m", "change")
        return git("rev-parse", "HEAD")

    def make(base: Files, head: Files, *, config: Config | None = None, find=lambda: bake) -> Discovered:
        shas = [commit(base), commit(head)]
        return plan_images(open_repository(root), *shas, config or Config(), find_bake=find)

    return make


def by_name(found: Discovered) -> dict[str, ImagePlan]:
    return {one.name: one for one in found.plans}


BAKE = """
variable "TAG" { default = "dev" }
group "default" { targets = ["app", "tool"] }
target "_common" {
  args = { COMMON = "1" }
}
target "base" {
  context = "base"
}
target "app" {
  inherits = ["_common"]
  name     = "app-${v}"
  matrix   = { v = ["a", "b"] }
  context  = "app"
  target   = "run"
  args     = { V = v, TAG = TAG }
  contexts = { base = "target:base", lib = "./lib", outer = "docker-image://debian:bookworm" }
  tags     = ["registry.example/app:${v}"]
  secret   = ["type=file,id=token,src=not-in-git"]
}
target "tool" {
  dockerfile = "Dockerfile.tool"
  context    = "."
  platforms  = ["linux/amd64", "linux/arm64"]
}
"""
FILES: Files = {
    "docker-bake.hcl": BAKE,
    "base/Dockerfile": "FROM scratch\nCOPY b /b\n",
    "base/b": "1",
    "app/Dockerfile": "FROM base AS run\nCOPY --from=lib l /l\n",
    "lib/l": "1",
    "Dockerfile.tool": "FROM scratch\nCOPY t /t\n",
    "t": "1",
}


def test_bake_file_gives_all_its_images(discover):
    found = by_name(discover(FILES, {"t": "2"}))
    assert set(found) == {"app-a", "app-b", "base", "tool@linux/amd64", "tool@linux/arm64"}
    app = found["app-a"].head
    assert (app.dockerfile, app.context, app.target) == ("app/Dockerfile", "app", "run")
    assert app.build_args == {"COMMON": "1", "V": "a", "TAG": "dev"}
    assert app.contexts == {
        "base": NamedContext(kind=ContextKind.IMAGE, value="base"),
        "lib": NamedContext(kind=ContextKind.FOLDER, value="lib"),
        "outer": NamedContext(kind=ContextKind.REMOTE, value="docker-image://debian:bookworm"),
    }
    assert found["app-a"].defined_in == "target app-a of docker-bake.hcl"
    assert {name: one.change for name, one in found.items()} == {
        "app-a": Change.UNAFFECTED,
        "app-b": Change.UNAFFECTED,
        "base": Change.UNAFFECTED,
        "tool@linux/amd64": Change.AFFECTED,
        "tool@linux/arm64": Change.AFFECTED,
    }


@pytest.mark.parametrize(
    ("change", "affected"),
    [
        ({"base/b": "2"}, {"base": "base/b changed", "app-a": "it is built on base, which is affected"}),
        ({"lib/l": "2"}, {"app-a": "lib/l changed, in its additional context lib"}),
        (
            {"docker-bake.hcl": BAKE.replace('default = "dev"', 'default = "prod"')},
            {"app-a": "its build arguments changed: TAG (target app-a of docker-bake.hcl)"},
        ),
        (
            {"docker-bake.hcl": BAKE.replace('lib = "./lib", ', 'lib = "./base", ')},
            {"app-a": "its additional contexts changed: lib (target app-a of docker-bake.hcl)"},
        ),
        ({"docker-bake.hcl": BAKE + "# a remark\n"}, {}),
    ],
)
def test_file_named_by_bake_affects_only_its_images(discover, change, affected):
    found = by_name(discover(FILES, change))
    changed = {name: one.reason for name, one in found.items() if one.change is not Change.UNAFFECTED}
    if "app-a" in affected:
        affected = affected | {"app-b": affected["app-a"].replace("app-a", "app-b")}
    assert changed == affected


def test_each_side_is_built_by_its_own_definition(discover):
    head = BAKE.replace('"Dockerfile.tool"', '"tool/Dockerfile"').replace('default = "dev"', 'default = "prod"')
    found = by_name(discover(FILES, {"docker-bake.hcl": head, "tool/Dockerfile": "FROM scratch\nCOPY t /\n"}))
    tool, app = found["tool@linux/arm64"], found["app-b"]
    assert (tool.base.dockerfile, tool.head.dockerfile) == ("Dockerfile.tool", "tool/Dockerfile")
    assert (app.base.build_args["TAG"], app.head.build_args["TAG"]) == ("dev", "prod")


def test_images_defined_only_in_base_are_built_on_each_other(discover):
    found = by_name(discover(FILES, {"docker-bake.hcl": None, "base/b": "2"}))
    assert found["app-a"].head.contexts["base"] == NamedContext(kind=ContextKind.IMAGE, value="base")
    assert found["app-a"].head.failure is None
    assert found["app-a"].reason == "it is built on base, which is affected"


def test_image_moved_from_compose_to_bake_is_weighed(discover):
    compose = "services: { app: { build: { context: app, args: { A: 1 } } } }\n"
    files: Files = {"compose.yaml": compose, "app/Dockerfile": "FROM scratch\nCOPY x /\n", "app/x": "1"}
    moved = 'group "default" { targets = ["api"] }\ntarget "api" {\n  context = "app"\n  args = { A = "1" }\n}\n'
    found = by_name(discover(files, {"docker-bake.hcl": moved}))
    assert {name: one.change for name, one in found.items()} == {"api": Change.UNAFFECTED}
    found = by_name(discover({}, {"compose.yaml": None}))
    assert {name: one.change for name, one in found.items()} == {"api": Change.UNAFFECTED}


def test_compose_files_are_read_with_extends_include_and_variables(discover):
    files: Files = {
        "deploy/compose.yaml": "include: [more.yaml]\nservices:\n  api:\n"
        "    extends: { file: ../common.yaml, service: api }\n"
        "    env_file: not-in-git.env\n    build: { args: { FROM_ENV: '${NAME}', DEFAULT: '${NONE:-d}' } }\n",
        "deploy/more.yaml": "services: { web: { build: { context: ../web, platforms: [linux/amd64] } } }\n",
        "deploy/.env": "NAME=from-the-file\n",
        "common.yaml": "services: { api: { build: { context: ./api, target: run } } }\n",
        "api/Dockerfile": "FROM scratch AS run\n",
        "web/Dockerfile": "FROM scratch\n",
    }
    found = discover(files, {"README.md": "1"})
    api = by_name(found)["deploy/api"].head
    assert (api.dockerfile, api.context, api.target) == ("api/Dockerfile", "api", "run")
    assert api.build_args == {"FROM_ENV": "from-the-file", "DEFAULT": "d"}
    assert by_name(found)["deploy/web"].head.context == "web"
    assert found.notes == ()


def test_compose_service_starts_with_override_and_extended_values(discover):
    files: Files = {
        "compose.yaml": "services:\n  base: { image: x, user: app, healthcheck: { test: [CMD, probe] } }\n"
        "  api:\n    build: api\n    extends: { service: base }\n    command: serve\n",
        "compose.override.yaml": "services:\n  api:\n    command: serve --reload\n    environment: { A: 1 }\n",
        "api/Dockerfile": "FROM scratch\n",
    }
    found = discover(files, {"README.md": "1"})
    (start,) = by_name(found)["api"].head.starts
    assert (start.command, start.user, start.healthcheck) == (("serve", "--reload"), "app", ("CMD", "probe"))
    assert (start.file, start.line) == ("compose.override.yaml", 3)
    assert found.notes == ()


def test_environment_of_run_is_hidden_from_bake(discover, monkeypatch):
    monkeypatch.setenv("WEIGHBRIDGE_TEST_SECRET", "hunter2")
    hcl = (
        'variable "WEIGHBRIDGE_TEST_SECRET" { default = "nothing" }\n'
        'group "default" { targets = ["app"] }\ntarget "app" {\n  args = { S = WEIGHBRIDGE_TEST_SECRET }\n}\n'
    )
    compose = "services: { c: { build: { context: c, args: { S: '${WEIGHBRIDGE_TEST_SECRET:-nothing}' } } } }\n"
    files: Files = {"docker-bake.hcl": hcl, "compose.yaml": compose}
    found = by_name(discover({**files, "Dockerfile": "FROM scratch\n", "c/Dockerfile": "FROM scratch\n"}, {"x": "1"}))
    assert found["app"].head.build_args == {"S": "nothing"}
    assert found["c"].head.build_args == {"S": "nothing"}


@pytest.mark.parametrize(
    ("name", "text", "note"),
    [
        ("docker-bake.hcl", 'target "default" {', "docker-bake.hcl:1,18-19: Unclosed configuration block"),
        ("docker-bake.hcl", 'target "default" {\n  args = { A = env.HOME }\n}', "There is no variable named"),
        ("docker-bake.json", "{", "docker-bake.json"),
        ("compose.yaml", "services: { a: { build: ., extends: { file: /etc/passwd, service: b } } }", "'/etc/passwd'"),
        ("compose.yaml", "services: { a: { build: ., extends: { file: ../x.yaml, service: b } } }", "'../x.yaml'"),
        (
            "compose.yaml",
            "include: ['https://example.org/x.git']\nservices: { a: { build: . } }",
            "https://example.org",
        ),
        ("compose.yaml", "services: { a: { build: ., extends: { service: nobody } } }", "nobody"),
    ],
)
def test_file_refused_by_buildx_is_named_and_dockerfiles_are_kept(discover, name, text, note):
    found = discover({"Dockerfile": "FROM scratch\nCOPY x /\n", "x": "1", name: text + "\n"}, {"x": "2"})
    assert [one.change for one in found.plans] == [Change.AFFECTED]
    assert len(found.notes) == 1
    assert found.notes[0].startswith(f"{name}: not read")
    assert note in found.notes[0]


def test_target_outside_of_default_gives_context_and_arguments(discover):
    files = {
        "docker-bake.hcl": (
            'target "default" {}\ntarget "lint" {\n  dockerfile = "hack/lint.Dockerfile"\n  args = { V = "2" }\n}\n'
        ),
        "Dockerfile": "FROM scratch\nCOPY main.go /\n",
        "hack/lint.Dockerfile": "FROM golang\nRUN --mount=target=. go vet ./...\n",
        "main.go": "1",
    }
    lint = by_name(discover(files, {"main.go": "2"}))["hack/lint"]
    assert (lint.change, lint.head.context, lint.head.build_args) == (Change.AFFECTED, ".", {"V": "2"})
    assert lint.head.context_because == "docker-bake.hcl (target lint)"


def test_target_that_head_takes_out_of_the_default_group_stays_an_image(discover):
    group = 'group "default" {{ targets = ["{0}"] }}\n'
    targets = 'target "web" { target = "prod" }\ntarget "tiny" { target = "test" }\n'
    files = {
        "Dockerfile": "FROM scratch AS prod\nCOPY x /\nFROM scratch AS test\nCOPY y /\n",
        "docker-bake.hcl": group.format("web") + targets,
        "x": "1",
        "y": "1",
    }
    found = by_name(discover(files, {"docker-bake.hcl": group.format("tiny") + targets, "x": "2"}))
    web, tiny = found["web"], found["tiny"]
    assert (web.base.target, web.head.target, web.change) == ("prod", "prod", Change.AFFECTED)
    assert tiny.change is Change.ADDED


def test_bake_file_without_default_has_no_note_and_gives_contexts(discover):
    files = {
        "docker-bake.hcl": 'target "x" { dockerfile = "hack/Dockerfile" }\n',
        "hack/Dockerfile": "FROM a\nCOPY . /\n",
    }
    found = discover(files, {"x": "2"})
    assert (found.notes, by_name(found)["hack"].head.context) == ((), ".")


def test_bake_file_with_invalid_compose_file_is_read(discover):
    compose = "services: { db: { image: postgres, networks: { default: { aliases: [database] } } } }\n"
    files = {
        "compose.yml": compose,
        "docker-bake.hcl": 'target "default" {\n  dockerfile = "img/Dockerfile"\n  args = { V = "2" }\n}\n',
        "img/Dockerfile": "FROM debian:12\nARG V\nCOPY x /\n",
        "x": "1",
    }
    found = discover(files, {"x": "2"})
    (one,) = found.plans
    assert (found.notes, one.name, one.head.context, one.head.build_args) == ((), "default", ".", {"V": "2"})


def test_without_buildx_bake_file_is_named_and_compose_files_are_read(discover):
    files = {**FILES, "web/compose.yaml": "services: { web: { build: . } }\n", "web/Dockerfile": "FROM scratch\n"}
    found = discover(files, {"t": "2"}, find=lambda: None)
    assert found.notes == ("docker-bake.hcl: not read: buildx is missing; the images that it defines are unknown",)
    assert set(by_name(found)) == {"app", "base", "shop/tool", "web/web"}


def test_bake_targets_come_from_configuration(discover):
    config = parse_config(b"discover: { bake-targets: [base, app-a] }\n")
    assert set(by_name(discover(FILES, {"t": "2"}, config=config))) == {"app-a", "base", "shop/tool"}


def test_include_keeps_only_matches(discover):
    config = Config(discover=Discover(include=("app/**", "base/*"), exclude=("base/**",)))
    assert set(by_name(discover(FILES, {"t": "2"}, config=config))) == {"app-a", "app-b"}


def test_configuration_overrides_bake_and_bake_overrides_compose(discover):
    files: Files = {
        "docker-bake.hcl": 'group "default" { targets = ["run", "test"] }\n'
        'target "run" {\n  target = "run"\n}\ntarget "test" {\n  target = "test"\n}\n',
        "compose.yaml": "services:\n  test: { build: { context: ., target: test } }\n"
        "  more: { build: { context: ., target: more } }\n",
        "Dockerfile": "FROM scratch AS run\nFROM run AS test\nFROM run AS more\n",
    }
    config = parse_config(b"images: { mine: { dockerfile: Dockerfile, target: run } }\n")
    found = by_name(discover(files, {"x": "1"}, config=config))
    assert {name: (one.target, one.defined_in) for name, one in found.items()} == {
        "mine": ("run", "the configuration .github/weighbridge.yml"),
        "test": ("test", "target test of docker-bake.hcl"),
        "more": ("more", "service more of compose.yaml"),
    }


def test_bake_file_in_folder_may_use_root_as_context(discover):
    text = (
        'group "default" { targets = ["a", "b"] }\ntarget "a" {\n  context = "a"\n}\ntarget "b" {\n  context = "b"\n}\n'
    )
    files: Files = {"build/docker-bake.hcl": text, "a/Dockerfile": "FROM scratch\n", "b/Dockerfile": "FROM scratch\n"}
    found = by_name(discover(files, {"x": "1"}))
    assert {name: one.head.dockerfile for name, one in found.items()} == {
        "build/a": "a/Dockerfile",
        "build/b": "b/Dockerfile",
    }


def test_images_in_dependency_cycle_fail_by_name(discover):
    text = (
        'group "default" { targets = ["a", "b"] }\n'
        'target "a" {\n  context = "a"\n  contexts = { x = "target:b" }\n}\n'
        'target "b" {\n  context = "b"\n}\n'
    )
    compose = "services: { b: { image: 'example.org/b:1', build: { context: b } } }\n"
    files: Files = {
        "docker-bake.hcl": text.replace('context = "a"', 'context = "a"\n  tags = ["example.org/a"]'),
        "compose.yaml": compose,
        "a/Dockerfile": "FROM x\n",
        "b/Dockerfile": "FROM example.org/a:latest\n",
    }
    found = by_name(discover(files, {"x": "1"}))
    assert {name: one.head.failure for name, one in found.items()} == {
        "a": "a/Dockerfile: a is built on itself",
        "b": "b/Dockerfile: b is built on itself",
    }


def test_tag_in_from_makes_image_depend_on_another(discover):
    compose = (
        "services:\n  lower: { image: lower, build: lower }\n  upper: { build: upper }\n  other: { build: other }\n"
    )
    files: Files = {
        "compose.yaml": compose,
        "lower/Dockerfile": "FROM scratch\nCOPY x /\n",
        "lower/x": "1",
        "upper/Dockerfile": "FROM docker.io/library/lower:latest\n",
        "other/Dockerfile": "FROM debian\nCOPY --from=lower /x /\n",
    }
    found = by_name(discover(files, {"lower/x": "2"}))
    assert {name: one.reason for name, one in found.items()} == {
        "lower": "lower/x changed",
        "upper": "it is built on lower, which is affected",
        "other": "it is built on lower, which is affected",
    }
    assert found["upper"].head.external_images == ()
    assert found["other"].head.external_images == ("debian",)


def test_shared_images_are_resolved_once(discover, bake):
    asked: list[tuple[str, ...]] = []
    lock = threading.Lock()

    class Counting(Bake):
        def resolve(self, files, contents, *, folder, targets):
            with lock:
                asked.append(tuple(files))
            return bake.resolve(files, contents, folder=folder, targets=targets)

    find = lambda: Counting(buildx=bake.buildx, environment=bake.environment)  # noqa: E731
    discover({**FILES, "compose.yaml": "services: { s: { build: app } }\n"}, {"t": "2"}, find=find)
    assert sorted(asked) == [("compose.yaml",), ("compose.yaml", "docker-bake.hcl"), ("docker-bake.hcl",)]
    asked.clear()
    discover({}, {"docker-bake.hcl": BAKE + "# a remark\n"}, find=find)
    # Alone, the bake file is asked for targets outside of `default` too: they are evidence for contexts.
    together, alone = ("compose.yaml", "docker-bake.hcl"), ("docker-bake.hcl",)
    assert sorted(asked) == [("compose.yaml",), together, together, alone, alone]


def test_endless_bake_file_is_refused(bake, monkeypatch):
    monkeypatch.setattr("weighbridge.plan.bake._TIMEOUT_SECONDS", 2.0)
    letters = json.dumps([str(number) for number in range(60)])
    matrix = ", ".join(f"{name} = {letters}" for name in "abcde")
    text = f'target "default" {{\n  name = "t-${{a}}${{b}}${{c}}${{d}}${{e}}"\n  matrix = {{ {matrix} }}\n}}\n'
    with pytest.raises(ConfigError, match=r"docker buildx"):
        bake.resolve(["docker-bake.hcl"], {"docker-bake.hcl": text.encode()}, folder=".", targets=["default"])
