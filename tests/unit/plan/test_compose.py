"""Compose files: the images that they build, under names that last, and never an image off the scale by a rename."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from linear_time import assert_linear

from weighbridge.config import Config, Discover, parse_config
from weighbridge.errors import ConfigError
from weighbridge.plan.compose import interpolated, parse_compose, referenced_files
from weighbridge.plan.definition import ImageDefinition
from weighbridge.plan.discover import plan_images
from weighbridge.plan.dotenv import dotenv_variables
from weighbridge.plan.git import open_repository
from weighbridge.plan.image_plan import Change, ContextKind, NamedContext


def images(text: str, path: str = "compose.yaml") -> dict[str, ImageDefinition]:
    return {one.name: one for one in parse_compose(text.encode(), path=path)}


def outcome(text: str) -> dict[str, ImageDefinition] | str:
    """The images, or that the file was refused by its name."""
    try:
        return images(text)
    except ConfigError as error:
        return "refused" if str(error).startswith("compose.yaml") else str(error)


# --- one file -----------------------------------------------------------------------------------------------------


def test_build_sections_in_both_forms():
    found = images(
        """
services:
  short: { build: ./app }
  long:
    build: { context: app, dockerfile: docker/Dockerfile.dev, target: run, args: { A: 1, B: true, C: } }
  listed:
    build: { context: ., args: [A=1, FROM_ENVIRONMENT, B=x=y] }
  pulled: { image: nginx }
""",
        "deploy/compose.yaml",
    )
    assert {name: (one.dockerfile, one.context, one.target, one.build_args) for name, one in found.items()} == {
        "short": ("deploy/app/Dockerfile", "deploy/app", None, {}),
        "long": ("deploy/app/docker/Dockerfile.dev", "deploy/app", "run", {"A": "1", "B": "true"}),
        "listed": ("deploy/Dockerfile", "deploy", None, {"A": "1", "B": "x=y"}),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nexport B = 2 # why\n# C=3\nD: x#y\n", {"A": "1", "B": "2", "D": "x#y"}),
        ("A='$B #1' # c\r\nB=\"a\\tb $A\"\nC=${B:-x}$$\n", {"A": "$B #1", "B": "a\tb $B #1", "C": "a\tb $B #1$"}),
        ("A=\nB=${A:-x}${A-y}${A:+z}${A+w}\nnonsense\n1=2\n", {"A": "", "B": "xw"}),
        ("\ufeffA=1", {"A": "1"}),
    ],
)
def test_dotenv_file_has_variables(text, expected):
    assert dotenv_variables(text.encode(), interpolated) == expected


@given(st.binary(max_size=300))
def test_any_dotenv_file_is_read(data):
    assert all(name.isidentifier() for name in dotenv_variables(data, interpolated))


def test_dotenv_variables_in_each_other_stay_small():
    lines = ["V0=" + "x" * 5_000, *(f"V{n}={f'${{V{n - 1}}}' * 20_000}" for n in range(1, 5))]
    found = dotenv_variables("\n".join(lines).encode(), interpolated)
    assert [len(value) for value in found.values()] == [1_000] * 5
    assert len(interpolated("$V4" * 50_000, found)) < 300_000


@pytest.mark.parametrize(
    ("start", "repeated", "end"),
    [("A=x", " ", "y"), ("A=", "'x' ", ""), ('A="', "\\\\", ""), ("A=", " #", "'"), ("", " ", "A"), ("", "A=x\n", "")],
)
def test_dotenv_file_takes_linear_time(start, repeated, end):
    assert_linear(lambda size: dotenv_variables((start + repeated * size + end).encode(), interpolated), largest=64_000)


def test_dotenv_file_decides_arguments_without_buildx(git_folder):
    compose = "services: { web: { build: { context: '${WHERE:-.}', args: [SRC], target: $STAGE } } }\n"
    text = "FROM debian AS run\nARG SRC=small\nCOPY ${SRC} /data\n"
    files = {"compose.yml": compose, ".env": "SRC=data\nSTAGE=run\n", "Dockerfile": text, "small": "1", "data": "1"}
    base, head = git_folder.commit(files), git_folder.commit({"data": "2"})
    (web,) = plan_images(open_repository(git_folder.root), base, head, Config()).plans
    assert web.change is Change.AFFECTED
    assert (web.head.build_args, web.head.target, web.head.context) == ({"SRC": "data"}, "run", ".")
    later = git_folder.commit({".env": "SRC=small\nSTAGE=run\n"})
    (web,) = plan_images(open_repository(git_folder.root), head, later, Config()).plans
    assert web.head_as_base.build_args == {"SRC": "data"}


def test_anchors_merges_and_composes_own_tags_are_read():
    found = images(
        """
x-build: &build { context: ., target: run }
services:
  a: { build: { <<: *build, dockerfile: a.Dockerfile }, ports: !reset [] }
"""
    )
    assert (found["a"].dockerfile, found["a"].target) == ("a.Dockerfile", "run")


@pytest.mark.parametrize(
    "build",
    [
        "../outside",
        "https://example.org/repo.git",
        "git@example.org:repo.git",
        "/absolute",
        "~/home",
        "[1, 2]",
        "7",
    ],
)
def test_build_outside_of_repository_is_listed_and_not_weighed(build):
    found = images(f"services: {{ a: {{ build: {build} }} }}\n")
    assert all(one.is_remote and "its context is not in the repository" in one.failure for one in found.values())
    assert list(found) == ([] if build in {"[1, 2]", "7"} else ["a"])


def test_inline_dockerfile_is_listed_and_not_weighed():
    (found,) = images("services: { a: { build: { dockerfile_inline: 'FROM a' } } }\n").values()
    assert found.is_inline
    assert found.failure.endswith(
        "service a: inline Dockerfiles are unsupported. Move it into a file to weigh the image"
    )


def test_additional_contexts_are_folders_services_and_remote():
    found = images(
        """
services:
  a:
    build:
      context: .
      additional_contexts: { b: service:b, lib: ../lib, base: "docker-image://debian" }
  outside: { build: { context: ., additional_contexts: ["x=../../x"] } }
  disk: { build: { context: ., additional_contexts: { x: "oci-layout:///var/lib/images" } } }
  odd: { build: { context: ., additional_contexts: { "x=y": "../lib" }, platforms: [linux/amd64, --all, linux/arm64] } }
""",
        "deploy/compose.yaml",
    )
    assert found["a"].contexts == {
        "b": NamedContext(kind=ContextKind.IMAGE, value="b"),
        "lib": NamedContext(kind=ContextKind.FOLDER, value="lib"),
        "base": NamedContext(kind=ContextKind.REMOTE, value="docker-image://debian"),
    }
    assert "oci-layout:///var/lib/images', which is outside of the repository" in str(found["disk"].failure)
    assert found["odd"].failure == "deploy/compose.yaml: odd: 'x=y' is not a valid name for an additional context"
    assert found["odd"].platforms == ("linux/amd64", "linux/arm64")
    assert found["outside"].failure == (
        "deploy/compose.yaml: outside: the additional context 'x' is '../../x', which is outside of the repository"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A:-b}", "b"),
        ("${A-b}", "b"),
        ("${A}x", "x"),
        ("$A/x", "/x"),
        ("${A:?must}", ""),
        ("${A:+b}", ""),
        ("$$A", "$A"),
        ("a$", "a$"),
    ],
)
def test_variables_have_their_defaults(text, expected):
    assert interpolated(text) == expected


@pytest.mark.parametrize(
    "text", ["a: [", "a: b: c", "\x00", "? {a: *b}", "!!python/object:os.system x: y", "- " * 5000]
)
def test_file_not_compose_is_refused_or_empty(text):
    assert outcome(text) in ({}, "refused")


def test_exponential_merges_are_refused():
    lines = ["x0: &x0 { a: 1 }"]
    lines += [f"x{n}: &x{n} {{ <<: [*x{n - 1}, *x{n - 1}], k{n}: 1 }}" for n in range(1, 60)]
    with pytest.raises(ConfigError, match="not valid YAML"):
        images("\n".join([*lines, "services: { a: { build: { <<: *x59 } } }"]))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    assert outcome("services:\n" + text) is not None


# --- two commits --------------------------------------------------------------------------------------------------

APP = "FROM debian AS run\nCOPY x /\nFROM run AS test\n"
COMPOSE = (
    "services:\n  api: { build: { context: app, target: run } }\n  test: { build: { context: app, target: test } }\n"
)


@pytest.fixture
def plan(git_folder):
    def make(base_files, head_files, *, config=None):
        base = git_folder.commit(base_files)
        head = git_folder.commit(head_files)
        found = plan_images(open_repository(git_folder.root), base, head, config or Config())
        return {one.name: one for one in found.plans}

    return make


BASE = {"app/Dockerfile": APP, "app/x": "1", "web/Dockerfile": "FROM nginx\n", "compose.yaml": COMPOSE}


def test_services_are_images_and_other_dockerfiles_stay(plan):
    found = plan(BASE, {"app/x": "2"})
    assert {name: (one.target, one.change) for name, one in found.items()} == {
        "api": ("run", Change.AFFECTED),
        "test": ("test", Change.AFFECTED),
        "web": (None, Change.UNAFFECTED),
    }


def test_compose_file_affects_only_changed_definitions(plan):
    more = COMPOSE.replace("target: test", "target: test, args: { A: 1 }") + "  db: { image: postgres }\n"
    found = plan(BASE, {"compose.yaml": more})
    assert (found["api"].change, found["test"].change) == (Change.UNAFFECTED, Change.AFFECTED)
    assert found["test"].reason == "its build arguments changed: A (service test of compose.yaml)"


def test_changed_command_of_service_affects_its_image(plan):
    more = COMPOSE.replace("test: { build", "test: { command: run all, build")
    found = plan(BASE, {"compose.yaml": more})
    assert (found["api"].change, found["test"].change) == (Change.UNAFFECTED, Change.AFFECTED)
    assert found["test"].reason == "its start in the Compose file changed (service test of compose.yaml)"
    assert [start.command for start in found["test"].head.starts] == [("run", "all")]


def test_service_with_new_name_is_same_image(plan):
    found = plan(BASE, {"compose.yaml": COMPOSE.replace("api:", "backend:")})
    assert set(found) == {"backend", "test", "web"}
    assert found["backend"].change is Change.UNAFFECTED


def test_service_removed_is_weighed_while_its_dockerfile_exists(plan):
    found = plan(BASE, {"compose.yaml": None, "app/x": "2"})
    assert {name: one.change for name, one in found.items()} == {
        "api": Change.AFFECTED,
        "test": Change.AFFECTED,
        "web": Change.UNAFFECTED,
    }


def test_service_is_removed_with_its_dockerfile(plan):
    found = plan(BASE, {"compose.yaml": "services: {}\n", "app/Dockerfile": None})
    assert (found["api"].change, found["api"].head) == (Change.REMOVED, None)


def test_image_in_new_compose_file_is_still_weighed(plan):
    base = {"app/Dockerfile": APP, "app/x": "1"}
    found = plan(base, {"app/x": "2", "compose.yaml": COMPOSE})
    assert found["app"].change is Change.AFFECTED
    plain = plan({"b/Dockerfile": "FROM a\n"}, {"b/compose.yaml": "services: { z: { build: . } }\n"})
    assert "b/z" not in plain
    assert plain["b"].change is Change.UNAFFECTED


def test_one_image_defined_twice_is_reported_once(plan):
    found = plan({**BASE, "compose.yaml": "services: { a: { build: app }, b: { build: app } }\n"}, {"app/x": "2"})
    assert set(found) == {"a", "web"}


def test_configuration_overrides_compose(plan):
    config = parse_config(b"images: { mine: { dockerfile: app/Dockerfile, context: app } }\n")
    assert set(plan(BASE, {"app/x": "2"}, config=config)) == {"mine", "web"}


def test_excluded_compose_file_defines_no_image(plan):
    found = plan(BASE, {"app/x": "2"}, config=Config(discover=Discover(exclude=("compose.yaml",))))
    assert set(found) == {"app", "web"}


def test_names_are_unique_and_begin_with_folder(plan):
    files = {
        "a/compose.yaml": "services: { api: { build: . } }\n",
        "a/docker-compose.yml": "services: { unused: { build: . } }\n",
        "a/Dockerfile": "FROM x\n",
        "b/compose.yaml": "services: { api: { build: . } }\n",
        "b/Dockerfile": "FROM y\n",
    }
    assert set(plan(files, {"c": "1"})) == {"a/api", "b/api"}


def test_unreadable_compose_file_keeps_plain_dockerfiles(plan):
    assert set(plan({**BASE, "compose.yaml": "services: [\n"}, {"app/x": "2"})) == {"app", "web"}


def test_env_file_of_include_is_read_and_of_service_is_not():
    text = b"include: [{ path: a.yml, env_file: a.env }]\nservices: { web: { env_file: [b.env, { path: c.env }] } }\n"
    assert referenced_files(text, path="compose.yml") == (("a.yml", "a.env"), ("b.env", "c.env"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("services: { web: { build: ., x: [" + "a," * 25_000 + "] } }\n", "more than 20000 values"),
        (
            "x-a: &a {" + ", ".join(f"A{number}: b" for number in range(500)) + "}\nservices:\n"
            + "".join(f"  s{number}: {{ build: {{ context: ., args: *a }} }}\n" for number in range(120)),
            "more than 50000 build arguments",
        ),
    ],
)  # fmt: skip
def test_file_with_too_many_values_is_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_compose(text.encode(), path="compose.yml")


def test_compose_files_beyond_the_total_size_are_named_and_define_no_image(git_folder, monkeypatch):
    monkeypatch.setattr("weighbridge.plan.definition_files.MAXIMUM_TOTAL_BYTES", 60)
    base = {"compose.yml": "services: { web: { build: ./shop } }\n", "shop/Dockerfile": "FROM a\n"}
    head = {"api/compose.yml": "services: { api: { build: ./api } }\n", "api/Dockerfile": "FROM a\n"}
    commits = [git_folder.commit(files) for files in (base, head)]
    found = plan_images(open_repository(git_folder.root), *commits, Config())
    assert {one.name for one in found.plans} == {"web", "api"}
    assert found.notes == ("api/compose.yml: not read: more than 60 bytes of Compose and bake files",)
