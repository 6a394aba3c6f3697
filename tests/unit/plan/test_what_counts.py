"""Which files are Dockerfiles of this repository, and which changes count."""

from __future__ import annotations

import pytest

from weighbridge.config import Config, Discover
from weighbridge.domain.dockerfile.template import template_syntax
from weighbridge.plan.attributes import checkout_rules
from weighbridge.plan.build_problem import BuildProblem
from weighbridge.plan.discover import plan_images
from weighbridge.plan.dockerfile_name import is_dockerfile
from weighbridge.plan.git import open_repository
from weighbridge.plan.image_name import name_dockerfiles
from weighbridge.plan.image_plan import Change
from weighbridge.plan.left_out import left_out


@pytest.fixture
def discovered(git_folder):
    """The images found between two sets of changes."""

    def make(base_files, head_files, config=None):
        base, head = git_folder.commit(base_files), git_folder.commit(head_files)
        return plan_images(open_repository(git_folder.root), base, head, config or Config())

    return make


@pytest.mark.parametrize(
    "name",
    [
        "Dockerfile", "dockerfile", "DockerFile", "Containerfile", "Dockerfile.dev", "Dockerfile-alpine",
        "Dockerfile_gpu", "app.Dockerfile", "app.dockerfile", "app.containerfile", "Containerfile-x", "dockerfile.dev",
        "Dockerfile.java",
    ],
)  # fmt: skip
def test_name_accepted_by_docker_is_found(name):
    assert is_dockerfile(f"a/{name}")


@pytest.mark.parametrize(
    "name",
    [
        "Dockerfile.go", "Dockerfile.json", "Dockerfile.gotmpl", "Dockerfile.tera", "Dockerfile.ejs", "Dockerfile.em",
        "Dockerfile.mako", "Dockerfile.m4", "Dockerfile.hbs", "Dockerfile.liquid", "Dockerfile.tt", "dockerfile.rs",
        "Dockerfile.dockerignore", "dockerfile_test.go", "Dockerfiles", "dockerfile-parser.ts", "mydockerfile",
        "Dockerfile_spec.lua~",
    ],
)  # fmt: skip
def test_name_of_another_kind_of_file_is_not_found(name):
    assert not is_dockerfile(f"a/{name}")


def test_images_of_unusual_dockerfiles_have_their_names():
    paths = ["a/Dockerfile-alpine", "a/Dockerfile_gpu", "a/app.containerfile", "b/dockerfile"]
    assert list(name_dockerfiles(paths, repository_name="r").values()) == ["b", "a/alpine", "a/gpu", "a/app"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("vendor/example.org/lib/Dockerfile", "vendored"),
        ("web/node_modules/x/Dockerfile", "vendored"),
        ("third_party/x/Dockerfile", "vendored"),
        ("pkg/testdata/Dockerfile", "test data"),
        ("test/fixtures/a/Dockerfile", "test data"),
        (".devcontainer/Dockerfile", "a development container"),
        ("{{cookiecutter.name}}/Dockerfile", "a template"),
        ("services/vendor/Dockerfile", None),
        ("test/Dockerfile", None),
        ("examples/a/Dockerfile", None),
    ],
)
def test_path_decides_whether_dockerfile_counts(path, reason):
    assert left_out(path) == reason


def test_vendored_dockerfile_and_template_are_left_out_by_name(discovered):
    files = {
        "Dockerfile": "FROM scratch\nCOPY go.mod /\n",
        "go.mod": "",
        "vendor/example.org/lib/Dockerfile": "FROM scratch\nCOPY tool /\n",
        "vendor/example.org/lib/compose.yaml": "services: {a: {build: .}}\n",
        "new/Dockerfile": "FROM {{ .Base }}\n",
    }
    found = discovered(files, {"vendor/example.org/lib/Dockerfile": "FROM scratch\nCOPY tool2 /\n"})
    assert [plan.name for plan in found.plans] == ["shop"]
    assert found.left_out == {
        "vendor/example.org/lib/Dockerfile": "vendored",
        "new/Dockerfile": "a template ({{ … }})",
    }
    assert found.notes == ()


@pytest.mark.parametrize("discover", [Discover(all_dockerfiles=True), Discover(include=("vendor/**",))])
def test_vendored_dockerfile_included_is_planned(discovered, discover):
    found = discovered({"vendor/a/b/Dockerfile": "FROM a\n"}, {"x": "1"}, Config(discover=discover))
    assert [plan.name for plan in found.plans] == ["vendor/a/b"]


def test_dockerfile_moved_into_test_data_stays_in_plan(discovered):
    text = "FROM debian\n" + "".join(f"RUN step {number}\n" for number in range(20))
    found = discovered({"api/Dockerfile": text}, {"api/Dockerfile": None, "testdata/Dockerfile": text})
    assert [(plan.base.dockerfile, plan.head.dockerfile) for plan in found.plans] == [
        ("api/Dockerfile", "testdata/Dockerfile")
    ]


def test_dockerfile_replaced_by_template_stays_in_plan(discovered):
    found = discovered({"a/Dockerfile": "FROM debian\n"}, {"a/Dockerfile": "FROM {{ x }}\n"})
    assert [plan.name for plan in found.plans] == ["a"]


@pytest.mark.parametrize(
    ("text", "syntax"),
    [
        ("FROM {{ .Base }}\n", "{{ … }}"),
        ("{{\n  set x\n}}FROM debian\n", "{{ … }}"),
        ("FROM a\n{% if a %}\nRUN x\n{% endif %}\n", "{% … %}"),
        ("<%= message %>\nFROM a\n", "<% … %>"),
        ("FROM debian:%%VERSION%%\n", "%%VERSION%%"),
        ("FROM a\nCOPY logback.xml ${pkg.name}.deb /tmp/\n", "${pkg.name}"),
        ("FROM a\nRUN echo ${pkg.name} ; jq '.a.b'\nCOPY ${a} ${b:-x.y} /\n", None),
        ("# {{ generated }}\nFROM a\nRUN docker inspect -f '{{.Id}}' x\n", None),
        ("FROM a@sha256:0123\nARG X=${Y}\n", None),
        # The builder accepts these as they are written.
        ("FROM a\nRUN : \\\n{{x}}\nCOPY x /\n", None),
        ("FROM a\nCOPY <<E /x\nFROM {{ x }}\n{% if %}\nE\n", None),
        ("ARG X\nFROM ${X:+@x@}a\n", None),
        ("FROM a\nLABEL x='${a.b}' y=\\${a.b}\n", None),
        ("FROM a AS unused\nLABEL x=${a.b}\nFROM a\n", None),
        ("FROM a:${{ x.y }}\n", "${{ … }}"),
        ("FROM @BASE@\nRUN x\n", "@BASE@"),
    ],
)
def test_template_is_recognised_by_placeholders(text, syntax):
    assert template_syntax(text) == syntax


def test_attributes_without_effect_on_checkout_affect_no_image(discovered):
    files = {".gitattributes": "a/** linguist-generated\n", "a/Dockerfile": "FROM scratch\nCOPY x /\n", "a/x": "1"}
    found = discovered(files, {".gitattributes": "a/** linguist-generated\ngo.sum merge=ours diff\n"})
    assert [plan.change for plan in found.plans] == [Change.UNAFFECTED]
    found = discovered({}, {".gitattributes": "a/** linguist-generated -text\n"})
    assert [(plan.change, plan.reason) for plan in found.plans] == [(Change.AFFECTED, ".gitattributes changed")]


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (b"*.c text eol=lf diff\n# x\n", ("*.c text eol=lf",)),
        (b"* !text\n*.bin binary merge\n", ("* !text", "*.bin binary")),
        (b"*.go export-ignore linguist-vendored\n", ()),
        (b'"a b" filter=lfs\n', ('"a b" filter=lfs',)),
        (b"[attr]mine text\n*.x mine\n", ("[attr]mine text", "*.x mine")),
    ],
)
def test_checkout_rules_exclude_other_attributes(text, rules):
    assert checkout_rules(text) == rules


def test_image_of_removed_compose_file_is_removed(discovered):
    files = {
        "compose.yaml": "services: {web: {build: {context: app, target: prod}}}\n",
        "dev/compose.yaml": "services: {web: {build: {context: ../app, target: dev}}}\n",
        "app/Dockerfile": "FROM scratch AS dev\nCOPY x /\nFROM dev AS prod\n",
        "app/x": "1",
    }
    found = discovered(files, {"dev/compose.yaml": None})
    reasons = {plan.name: (plan.change, plan.reason) for plan in found.plans}
    assert reasons["dev/web"] == (Change.REMOVED, "dev/compose.yaml, which defined it, was removed")


def test_compose_file_without_build_has_no_note(discovered):
    files = {"compose.yaml": "services: {db: {image: postgres}}\n", "Dockerfile": "FROM scratch\nCOPY x /\n", "x": "1"}
    assert discovered(files, {"x": "2"}).notes == ()


def test_symlinked_dockerfile_is_read_at_its_target(discovered, git_folder):
    (git_folder.root / "Dockerfile").symlink_to("docker/Dockerfile.debian")
    files = {
        "docker/Dockerfile.debian": "FROM debian:12\n",
        "test/compose.yaml": "services: {web: {build: {context: .., dockerfile: Dockerfile}}}\n",
    }
    found = discovered(files, {"docker/Dockerfile.debian": "FROM debian:12\nENV A=1\n"})
    web = next(plan for plan in found.plans if plan.name == "test/web")
    assert (web.change, web.reason) == (Change.AFFECTED, "docker/Dockerfile.debian changed")
    assert web.head.failure is None
    assert web.head.paths == ("Dockerfile", "docker/Dockerfile.debian", ".")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../etc/passwd", "Dockerfile", "nowhere"])
def test_symlink_out_of_repository_is_not_followed(discovered, git_folder, target):
    (git_folder.root / "Dockerfile").symlink_to(target)
    found = discovered({"compose.yaml": "services: {web: {build: .}}\n"}, {"x": "1"})
    assert [plan.head.failure for plan in found.plans] == [
        "Dockerfile: a symlink to no file of the repository. Configure a file."
    ]


def test_file_not_in_git_on_both_sides_is_no_change(discovered):
    files = {"cmd/app/Dockerfile": "FROM alpine\nARG TARGETARCH\nCOPY bin/app-${TARGETARCH} /app\n", "README.md": "1"}
    (plan,) = discovered(files, {"README.md": "2"}).plans
    assert (plan.problem, plan.change, plan.reason) == (
        BuildProblem.NOT_IN_GIT,
        Change.UNAFFECTED,
        "not in git, as before",
    )


def test_file_removed_from_git_in_head_fails_change(discovered):
    (plan,) = discovered({"Dockerfile": "FROM alpine\nCOPY app /\n", "app": "1"}, {"app": None, "x": "1"}).plans
    assert (plan.problem, plan.change, plan.head.problem) == (None, Change.AFFECTED, BuildProblem.NOT_IN_GIT)
