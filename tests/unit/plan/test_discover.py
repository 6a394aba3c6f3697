"""The images of a git range: found, named, paired, and judged."""

from __future__ import annotations

import pytest

from weighbridge.config import Config, Discover, parse_config
from weighbridge.errors import ConfigError, UsageError
from weighbridge.plan.discover import Overrides, plan_images
from weighbridge.plan.dockerfile_name import is_dockerfile
from weighbridge.plan.git import open_repository
from weighbridge.plan.image_name import name_dockerfiles
from weighbridge.plan.image_plan import Change


@pytest.fixture
def plan(git_folder):
    """The plan between two sets of changes, by name."""

    def make(base_files, head_files, *, config=None, **options):
        base = git_folder.commit(base_files)
        head = git_folder.commit(head_files)
        given = {name: options.pop(name) for name in ("target", "context", "platform", "build_args") if name in options}
        repository = open_repository(git_folder.root)
        found = plan_images(repository, base, head, config or Config(), overrides=Overrides(**given), **options)
        return {one.name: one for one in found.plans}

    return make


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Dockerfile", True),
        ("a/b/Dockerfile", True),
        ("Dockerfile.dev", True),
        ("api.Dockerfile", True),
        ("api.dockerfile", True),
        ("Containerfile", True),
        ("Containerfile.dev", True),
        ("Dockerfile.dockerignore", False),
        ("api.Dockerfile.dockerignore", False),
        ("Dockerfile.j2", False),
        ("Dockerfile.orig", False),
        ("Dockerfile~", False),
        ("Dockerfiles/readme", False),
        ("MyDockerfile", False),
        ("dockerfile.py", False),
    ],
)
def test_dockerfiles_are_found_by_name(path, expected):
    assert is_dockerfile(path) is expected


def test_names_are_folders_with_distinct_suffix():
    paths = [
        "Dockerfile",
        "Dockerfile.dev",
        "services/api/Dockerfile",
        "services/api/Dockerfile.dev",
        "web/x.Dockerfile",
    ]
    assert name_dockerfiles(paths, repository_name="shop") == {
        "Dockerfile": "shop",
        "Dockerfile.dev": "shop/dev",
        "services/api/Dockerfile": "services/api",
        "services/api/Dockerfile.dev": "services/api/dev",
        "web/x.Dockerfile": "web/x",
    }


def test_names_are_unique_and_do_not_depend_on_order():
    paths = ["a/x/Dockerfile", "a/Dockerfile.x", "a/x.Dockerfile", "a/Containerfile.x", "a/x/Containerfile"]
    expected = {
        "a/x/Dockerfile": "a/x",
        "a/Dockerfile.x": "a/Dockerfile.x",
        "a/x.Dockerfile": "a/x.Dockerfile",
        "a/Containerfile.x": "a/Containerfile.x",
        "a/x/Containerfile": "a/x/Containerfile",
    }
    assert name_dockerfiles(paths, repository_name="shop") == expected
    assert name_dockerfiles(reversed(paths), repository_name="shop") == expected
    assert name_dockerfiles(["a/x/Dockerfile"], repository_name="shop", taken=["a/x", "a/x/Dockerfile"]) == {
        "a/x/Dockerfile": "a/x/Dockerfile (2)"
    }


def test_repository_without_dockerfiles_has_no_images(plan):
    assert plan({"a": "1"}, {"a": "2"}) == {}


def test_images_added_removed_changed_and_untouched_are_distinguished(plan):
    text = "FROM debian\nCOPY . /\n"
    found = plan(
        {
            "gone/Dockerfile": "FROM scratch\nCOPY unlike /\n",
            "gone/unlike": "1",
            "edited/Dockerfile": text,
            "source/Dockerfile": text,
            "source/main.c": "1",
            "same/Dockerfile": text,
            "same/main.c": "1",
            "README.md": "1",
        },
        {
            "gone/Dockerfile": None,
            "gone/unlike": None,
            "edited/Dockerfile": text + "RUN true\n",
            "source/main.c": "2",
            "new/Dockerfile": "FROM busybox AS entirely\nRUN something else\n",
            "README.md": "2",
        },
    )
    assert {name: (one.change, one.reason) for name, one in found.items()} == {
        "gone": (Change.REMOVED, "its Dockerfile was removed"),
        "edited": (Change.AFFECTED, "edited/Dockerfile changed"),
        "source": (Change.AFFECTED, "source/main.c changed"),
        "same": (Change.UNAFFECTED, "nothing in its context same changed"),
        "new": (Change.ADDED, "its Dockerfile is new"),
    }
    assert found["gone"].head is None
    assert found["new"].base is None


def test_moved_dockerfile_is_one_image(plan):
    text = "FROM debian\n" + "".join(f"RUN step {number}\n" for number in range(20))
    found = plan({"old/Dockerfile": text}, {"old/Dockerfile": None, "new/Dockerfile": text + "RUN more\n"})
    assert list(found) == ["new"]
    assert (found["new"].base.dockerfile, found["new"].head.dockerfile) == ("old/Dockerfile", "new/Dockerfile")
    assert (found["new"].change, found["new"].reason) == (Change.AFFECTED, "its Dockerfile was old/Dockerfile")


def test_copied_dockerfile_is_new_image(plan):
    text = "FROM debian\n" + "".join(f"RUN step {number}\n" for number in range(20))
    found = plan({"a/Dockerfile": text}, {"b/Dockerfile": text})
    assert {name: one.change for name, one in found.items()} == {"a": Change.UNAFFECTED, "b": Change.ADDED}


@pytest.mark.parametrize(
    ("changed", "change"),
    [
        ({"docs/x": "2"}, Change.UNAFFECTED),
        ({"src/x": "2"}, Change.AFFECTED),
        ({"docs/keep": "2"}, Change.AFFECTED),
        ({".dockerignore": "docs\n!docs/keep\nmore\n"}, Change.AFFECTED),
        ({"src/x": None}, Change.AFFECTED),
    ],
)
def test_file_excluded_by_dockerignore_affects_nothing(plan, changed, change):
    files = {
        "Dockerfile": "FROM a\nCOPY . /\n",
        ".dockerignore": "docs\n!docs/keep\n",
        "docs/x": "1",
        "docs/keep": "1",
        "src/x": "1",
    }
    assert plan(files, changed)["shop"].change is change


def test_own_ignore_file_overrides_context_ignore_file(plan):
    files = {
        "Dockerfile": "FROM a\nCOPY . /\n",
        "Dockerfile.dockerignore": "src\n",
        ".dockerignore": "docs\n",
        "docs/x": "1",
        "src/x": "1",
    }
    assert plan(files, {"src/x": "2"})["shop"].change is Change.UNAFFECTED
    assert plan({}, {"docs/x": "3"})["shop"].change is Change.AFFECTED
    assert plan({}, {"Dockerfile.dockerignore": "src\nmore\n"})["shop"].change is Change.AFFECTED


@pytest.mark.parametrize("path", [".gitattributes", "api/.gitattributes", "api/src/.gitattributes"])
def test_changed_attributes_affect_checkouts_below_them(plan, path):
    files = {
        "api/Dockerfile": "FROM a\nCOPY src/x /\n",
        "api/src/x": "1\n",
        "web/Dockerfile": "FROM a\n",
        "other/x": "",
    }
    changed = plan(files, {path: "* text eol=crlf\n"})
    assert changed["api"].reason == f"{path} changed"
    assert changed["web"].change is (Change.AFFECTED if path == ".gitattributes" else Change.UNAFFECTED)


def test_unreadable_ignore_file_has_no_effect(plan):
    files = {"Dockerfile": "FROM a\nCOPY . /\n", ".dockerignore": "x\n[\n", "x": "1"}
    assert plan(files, {"x": "2"})["shop"].change is Change.AFFECTED


@pytest.mark.parametrize("attributes", ["working-tree-encoding=UTF-16LE", "filter=lfs", "ident"])
def test_ignore_file_changed_by_checkout_has_no_effect(plan, attributes):
    files = {"Dockerfile": "FROM a\nCOPY . /\n", ".dockerignore": "x\n", "x": "1"}
    assert plan(files, {"x": "2"})["shop"].change is Change.UNAFFECTED
    files |= {".gitattributes": f".dockerignore {attributes}\n"}
    assert plan(files, {"x": "3"})["shop"].change is Change.AFFECTED


def test_ignore_file_as_symlink_has_no_effect(plan, git_folder):
    files = {"Dockerfile": "FROM a\nCOPY . /\n", "x": "1"}
    git_folder.commit(files)
    (git_folder.root / ".dockerignore").symlink_to("x")
    assert plan({}, {"x": "2"})["shop"].change is Change.AFFECTED


def test_change_with_symlinked_ignore_file_affects_image(plan, git_folder):
    git_folder.commit({"docker/app.Dockerfile": "FROM a\nCOPY src /\n", "src/x": "1", "docker/list": "x\n"})
    (git_folder.root / "docker/app.Dockerfile.dockerignore").symlink_to("list")
    (found,) = plan({}, {"docker/list": "y\n"}).values()
    assert (found.change, found.reason) == (Change.AFFECTED, "docker/list changed, and the ignore file is a symlink")


@pytest.mark.parametrize(
    ("instructions", "changed", "change"),
    [
        ("RUN true", {"a/b.c": "2"}, Change.UNAFFECTED),
        ("COPY a /", {"a/b.c": "2"}, Change.AFFECTED),
        ("COPY a/b.c /", {"a/b.c": None, "a/d": "1"}, Change.AFFECTED),
        ("COPY a/b.c /", {"a/d": "1"}, Change.UNAFFECTED),
        ("COPY ab /", {"a/b.c": "2"}, Change.UNAFFECTED),
        ("COPY a/*.c /", {"a/b.c": "2"}, Change.AFFECTED),
        ("COPY a/*.c /", {"a/b.h": "2"}, Change.UNAFFECTED),
        ("COPY */ /", {"a/b.h": "2"}, Change.AFFECTED),
        ("COPY --parents **/*.h /", {"a/b.h": "2"}, Change.AFFECTED),
        ("COPY ./a/../a/./b.c /", {"a/b.c": "2"}, Change.AFFECTED),
        ("ADD https://example.org/x /", {"a/b.c": "2"}, Change.UNAFFECTED),
        ("COPY $SOME /", {"a/b.c": "2"}, Change.AFFECTED),
        ("RUN --mount=type=bind,target=/src make", {"a/b.c": "2"}, Change.AFFECTED),
        ("RUN --mount=type=cache,target=/src make", {"a/b.c": "2"}, Change.UNAFFECTED),
        ("COPY . /", {".dockerignore": "x"}, Change.AFFECTED),
        ("RUN true", {".dockerignore": "x"}, Change.AFFECTED),
        ("COPY --from=other a /", {"a/b.c": "2"}, Change.UNAFFECTED),
    ],
)
def test_only_copied_files_affect_image(plan, instructions, changed, change):
    files = {"Dockerfile": f"# syntax=docker/dockerfile:1\nFROM debian\n{instructions}\n", "a/b.c": "1", "ab": "1"}
    assert plan(files, changed)["shop"].change is change


@pytest.mark.parametrize(
    ("dockerfile", "platform", "change"),
    [
        ("FROM scratch\nARG TARGETARCH\nCOPY bin-$TARGETARCH /", None, Change.AFFECTED),
        ("FROM scratch\nARG TARGETARCH\nARG B=bin-$TARGETARCH\nCOPY $B /", None, Change.AFFECTED),
        ("FROM scratch\nARG TARGETARCH\nCOPY bin-$TARGETARCH /", "linux/arm64", Change.AFFECTED),
        ("FROM scratch\nARG TARGETARCH\nCOPY bin-$TARGETARCH /", "linux/amd64", Change.UNAFFECTED),
        ("FROM scratch\nARG BUILDARCH\nCOPY bin-$BUILDARCH /", "linux/amd64", Change.AFFECTED),
        ("FROM a AS amd64\nFROM b AS arm64\nCOPY bin-arm64 /\nFROM $TARGETARCH", None, Change.AFFECTED),
        ("FROM --platform=$BUILDPLATFORM golang\nARG TARGETARCH\nCOPY bin-amd64 /", None, Change.UNAFFECTED),
    ],
)
def test_copy_for_other_machine_counts_if_machine_is_unknown(plan, dockerfile, platform, change):
    dockerfile = dockerfile.replace("FROM $", "ARG TARGETARCH\nFROM $")
    files = {"Dockerfile": f"{dockerfile}\n", "bin-amd64": "1", "bin-arm64": "1"}
    assert plan(files, {"bin-arm64": "2"}, platform=platform)["shop"].change is change


@pytest.mark.parametrize(
    "first", ["# syntax=example.org/own:1\nFROM debian", "FROM node:onbuild", "FROM node:8-onbuild"]
)
def test_build_with_possible_onbuild_is_affected_by_whole_context(plan, first):
    files = {"Dockerfile": f"{first}\nRUN true\n", "a": "1"}
    assert plan(files, {"a": "2"})["shop"].change is Change.AFFECTED


@pytest.mark.parametrize(
    ("base", "decides"),
    [
        ("acme/base", True),
        ("team-base:1", True),  # no official image: an earlier step may have built it
        ("docker.io/library/team-base", True),
        ("debian", False),
        ("docker.io/library/debian:12", False),
        ("amd64/debian", False),
        ("public.ecr.aws/docker/library/python:3", False),
        ("gcr.io/distroless/static", False),
        ("scratch", False),
    ],
)
def test_onbuild_of_base_image_decides_unless_publisher_never_uses_it(plan, base, decides):
    files = {"Dockerfile": f"FROM {base}\nRUN true\n", "a": "1"}
    assert plan(files, {"a": "2"})["shop"].onbuild_decides is decides


@pytest.mark.parametrize("source", ["link", "link/b", "*"])
def test_copy_through_symlink_may_read_anything(plan, git_folder, source):
    (git_folder.root / "link").symlink_to("a")
    files = {"Dockerfile": f"FROM debian\nCOPY {source} /\n", "a/b": "1"}
    assert plan(files, {"a/b": "2"})["shop"].change is Change.AFFECTED


def test_changed_submodule_affects_its_context(plan, git_folder, new_git_folder):
    library = new_git_folder("library")
    library.commit({"code": "1"})
    git_folder.git("submodule", "--quiet", "add", str(library.root), "library")
    git_folder.commit({"Dockerfile": "FROM a\nCOPY library/code /\n"})
    library.commit({"code": "2"})
    git_folder.git("-C", str(git_folder.root / "library"), "pull", "--quiet", "origin", "main")
    found = plan({"Dockerfile": "FROM a\nCOPY library/code /\n"}, {"x": "1"})
    assert found["shop"].head.failure is None
    repository = open_repository(git_folder.root)
    before, after = git_folder.git("rev-parse", "HEAD~2"), git_folder.git("rev-parse", "HEAD~1")
    (one,) = plan_images(repository, before, after, Config()).plans
    assert (one.change, one.reason) == (Change.AFFECTED, "library changed")


def test_invalid_dockerfile_fails_only_its_image(plan):
    found = plan({"a": "1"}, {"bad/Dockerfile": "FROM a\nRNU x\n", "good/Dockerfile": "FROM a\n"})
    assert found["bad"].head.failure == "bad/Dockerfile:2: unknown instruction: RNU"
    assert found["good"].head.failure is None


def test_invalid_dockerfile_is_not_affected_by_other_files(plan):
    found = plan({"bad/Dockerfile": "FROM a\nRNU x\n"}, {"x": "1"})
    assert (found["bad"].change, found["bad"].reason) == (Change.UNAFFECTED, "its Dockerfile cannot be read, as before")


def test_missing_context_fails_only_its_image(plan):
    found = plan({"x": "1"}, {"api/Dockerfile": "FROM a\nCOPY app.jar /\n"})
    assert "cannot be built from git alone: `app.jar` is not in it" in found["api"].head.failure
    assert found["api"].head.context is None


def test_unknown_target_fails_only_its_side(plan):
    found = plan({"Dockerfile": "FROM a\n"}, {"Dockerfile": "FROM a AS run\n"}, target="run")
    assert (
        found["shop"].base.failure == "Dockerfile: there is no stage 'run': no stage of it has a name (FROM … AS NAME)"
    )
    assert found["shop"].head.failure is None


def test_symlinked_dockerfile_outside_of_repository_fails(plan, git_folder):
    (git_folder.root / "a").mkdir()
    (git_folder.root / "a/Dockerfile").symlink_to("/etc/passwd")
    found = plan({"Dockerfile": "FROM a\n"}, {"x": "1"})["a"]
    assert found.head.failure == "a/Dockerfile: a symlink to no file of the repository. Configure a file."


def test_dockerfile_replaced_by_symlink_is_read_at_its_target(plan, git_folder):
    git_folder.commit({"Dockerfile": "FROM a\nCOPY data /\n", "data": "1"})
    (git_folder.root / "Dockerfile").unlink()
    (git_folder.root / "Dockerfile").symlink_to("docker/prod.df")
    # The first commit of `plan` is base, so the link and the file behind it are there on both sides; then they change.
    found = plan({"docker/prod.df": "FROM b\nCOPY data /\n"}, {"docker/prod.df": "FROM c\nCOPY data /\n"})["shop"]
    assert (found.change, found.reason) == (Change.AFFECTED, "docker/prod.df changed")
    assert found.head.external_images == ("c",)
    assert set(found.head.paths) == {"Dockerfile", "docker/prod.df", "."}


def test_chain_of_symlinked_dockerfiles_is_read_at_its_end(plan, git_folder):
    (git_folder.root / "Dockerfile").symlink_to("links/second")
    (git_folder.root / "links").mkdir()
    (git_folder.root / "links/second").symlink_to("../docker/prod.df")
    found = plan({"docker/prod.df": "FROM b\n"}, {"docker/prod.df": "FROM c\n"})["shop"]
    assert (found.reason, found.head.external_images) == ("docker/prod.df changed", ("c",))


def test_dockerfile_in_lower_case_stays_image_under_its_name(plan):
    found = plan({"Dockerfile": "FROM a\n"}, {"Dockerfile": None, "dockerfile": "FROM b\nRUN x\n"})
    assert list(found) == ["shop"]
    assert (found["shop"].base.dockerfile, found["shop"].head.dockerfile) == ("Dockerfile", "dockerfile")


LIMITED = parse_config(b"limits: { max-increase: +1MB }\n")


def test_moved_and_edited_dockerfile_with_growth_limit_is_one_image(plan):
    base, head = (
        {"Dockerfile": "FROM a\nCOPY x /\n", "x": ""},
        {"Dockerfile": None, "app/Dockerfile": "FROM b AS c\nRUN d\n"},
    )
    found = plan(base, head, config=LIMITED)
    assert [(one.base.dockerfile, one.head.dockerfile) for one in found.values()] == [("Dockerfile", "app/Dockerfile")]
    assert "compared with shop, which this change removes" in found["app"].reason


def test_redefined_image_is_also_planned_by_base_definition(plan):
    files = {"Dockerfile": "FROM a AS tiny\nFROM a AS prod\nCOPY data /\n", "data": "1"}
    config = parse_config(b"images: { shop: { dockerfile: Dockerfile, target: tiny } }\n")
    found = plan(files, {"data": "2"}, config=config, base_config=Config())["shop"]
    assert (found.base.target, found.head.target, found.head_as_base.target) == (None, "tiny", None)
    assert found.redefined == "its target was the last stage"
    assert plan({}, {"data": "3"}, config=config, base_config=config)["shop"].head_as_base is None


def test_dropped_platform_with_growth_limit_is_still_planned(plan):
    files = {"Dockerfile": "FROM a\nCOPY data /\n", "data": "1"}
    config = parse_config(
        b"limits: { max-increase: +1MB }\nimages: { shop: { dockerfile: Dockerfile, platforms: [linux/s390x] } }\n"
    )
    found = plan(files, {"data": "2"}, config=config, base_config=LIMITED)
    assert {name: (one.platform, one.is_required) for name, one in found.items()} == {
        "shop": (None, False),
        "shop@linux/s390x": ("linux/s390x", True),
    }


def test_service_with_new_dockerfile_keeps_old_one_as_image(plan):
    compose = "services: { web: { build: ./%s } }\n"
    files = {"docker-compose.yml": compose % "a", "a/Dockerfile": "FROM a\n", "tiny/Dockerfile": "FROM a\n"}
    found = plan(files, {"compose.yaml": compose % "tiny", "a/Dockerfile": "FROM b\n"})
    assert (found["a"].base.dockerfile, found["a"].head.dockerfile) == ("a/Dockerfile", "a/Dockerfile")
    assert found["web"].head_as_base.dockerfile == "a/Dockerfile"


def test_context_stated_only_in_head_does_not_change_base(plan):
    files = {"app/Dockerfile": "FROM a\nCOPY data /\n", "app/data": "1", "tiny/data": ""}
    found = plan(files, {"app/data": "22", "Makefile": "x:\n\tdocker build -f app/Dockerfile tiny\n"})["app"]
    assert (found.base.context, found.head.context, found.change) == ("app", "app", Change.AFFECTED)


def test_context_in_files_of_head_counts_for_new_dockerfile(plan):
    makefile = "x:\n\tdocker build -f app/Dockerfile .\n"
    found = plan({"data": "1"}, {"app/Dockerfile": "FROM a\nCOPY data /\n", "app/data": "", "Makefile": makefile})
    assert found["app"].head.context == "."


def test_moved_dockerfile_is_also_planned_in_context_of_base(plan):
    files = {"app/Dockerfile": "FROM a\nCOPY data /\n", "app/data": "1", "tiny/data": ""}
    makefile = "x:\n\tdocker build -f docker/Dockerfile tiny\n"
    moved = {"app/Dockerfile": None, "docker/Dockerfile": files["app/Dockerfile"], "Makefile": makefile}
    (found,) = plan(files, moved).values()
    assert (found.base.context, found.head.context, found.head_as_base.context) == ("app", "tiny", "app")
    assert found.redefined == "its context was app"


MAKE_TWO = "x:\n\tdocker build -f a/Dockerfile .\n\tdocker build -f b/Dockerfile .\n"


def test_changed_submodule_makes_growth_unknown(plan, git_folder):
    git_folder.commit({"Dockerfile": "FROM a\nCOPY sub /\n"})
    git_folder.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    git_folder.git("commit", "-qm", "submodule")
    base = git_folder.git("rev-parse", "HEAD").strip()
    git_folder.git("update-index", "--add", "--cacheinfo", f"160000,{'2' * 40},sub")
    git_folder.git("commit", "-qm", "bump")
    head = git_folder.git("rev-parse", "HEAD").strip()
    found = plan_images(open_repository(git_folder.root), base, head, Config())
    assert found.plans[0].growth_unknown_because == "sub is a submodule, whose files are not weighed"
    assert found.notes == ("shop: not weighed: submodule sub",)


def test_submodule_that_two_images_use_is_one_note(git_folder):
    git_folder.commit(
        {"a/Dockerfile": "FROM a\nCOPY sub /\n", "b/Dockerfile": "FROM a\nCOPY sub /\n", "Makefile": MAKE_TWO}
    )
    git_folder.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    git_folder.git("commit", "-qm", "submodule")
    head = git_folder.git("rev-parse", "HEAD").strip()
    found = plan_images(open_repository(git_folder.root), head, head, Config())
    assert found.notes == ("a, b: not weighed: submodule sub",)


def test_excluded_dockerfiles_are_passed_over(plan):
    config = Config(discover=Discover(exclude=("examples/**", "**/Dockerfile.dev")))
    files = {"examples/a/Dockerfile": "FROM a\n", "b/Dockerfile.dev": "FROM a\n", "b/Dockerfile": "FROM a\n"}
    assert list(plan(files, {"x": "1"}, config=config)) == ["b"]


def test_globs_choose_images_by_name(plan):
    files = {f"{name}/Dockerfile": "FROM a\n" for name in ("services/api", "services/web", "tools")}
    assert list(plan(files, {"x": "1"}, image_globs=["services/*", "nothing*", "tools"][0:1])) == [
        "services/api",
        "services/web",
    ]
    with pytest.raises(UsageError) as caught:
        plan({}, {"x": "2"}, image_globs=["api"])
    assert str(caught.value) == 'no image has the name "api". Images: services/api, services/web, tools'


def test_ignore_for_name_of_no_image_is_noted(git_folder):
    config = parse_config(
        b"checks:\n  ignore:\n"
        b"  - { code: runtime-ca-missing, image: 'a*', reason: x }\n"
        b"  - { code: runtime-ca-missing, image: web, reason: y }\n"
    )
    head = git_folder.commit({"api/Dockerfile": "FROM a\n", "tool/Dockerfile": "FROM a\n"})
    found = plan_images(open_repository(git_folder.root), head, head, config)
    assert found.notes == ("checks.ignore: no image has the name 'web', so this ignore has no effect",)


def test_configured_image_replaces_found_dockerfile(plan):
    config = parse_config(
        b"images:\n  backend:\n    dockerfile: api/Dockerfile\n    context: .\n    target: run\n"
        b"    platforms: [linux/amd64, linux/arm64]\n    build-args: {TAG: '13'}\n"
    )
    files = {"api/Dockerfile": "ARG TAG=12\nFROM debian:$TAG AS run\nCOPY x /\nFROM b\n", "x": "1"}
    found = plan(files, {"x": "2"}, config=config, build_args={"MORE": "1"})
    assert list(found) == ["backend@linux/amd64", "backend@linux/arm64"]
    arm = found["backend@linux/arm64"]
    assert (arm.image, arm.platform, arm.target, arm.head.context) == ("backend", "linux/arm64", "run", ".")
    assert arm.build_args == {"TAG": "13", "MORE": "1"}
    assert arm.head.parsed.images("run") == ("debian:13",)
    assert arm.reason == "x changed"


def test_configured_dockerfile_missing_is_refused(plan):
    config = parse_config(b"images:\n  api:\n    dockerfile: api/Dockerfile\n")
    with pytest.raises(ConfigError) as caught:
        plan({"x": "1"}, {"x": "2"}, config=config)
    assert str(caught.value) == (
        ".github/weighbridge.yml:3: images.api.dockerfile: api/Dockerfile is neither in base nor in head"
    )


def test_configured_context_not_folder_fails_image(plan):
    config = parse_config(b"images: {api: {dockerfile: Dockerfile, context: src}}\n")
    found = plan({"Dockerfile": "FROM a\n"}, {"x": "1"}, config=config)
    assert found["api"].head.failure == "Dockerfile: the context src is not a folder of the repository"


def test_changed_configuration_affects_its_images(plan):
    config = parse_config(b"images: {api: {dockerfile: api/Dockerfile}}\n")
    files = {"api/Dockerfile": "FROM a\n", "web/Dockerfile": "FROM a\n"}
    found = plan(files, {".github/weighbridge.yml": "images: {}\n"}, config=config)
    assert {name: one.change for name, one in found.items()} == {"api": Change.AFFECTED, "web": Change.UNAFFECTED}


def test_command_line_context_overrides_search(plan):
    found = plan({"api/Dockerfile": "FROM a\nCOPY x /\n", "x": "1"}, {"y": "1"}, context=".")
    assert found["api"].head.context == "."


def test_file_names_of_any_kind_are_planned(plan):
    name = 'od"d\n\té \udcff'
    found = plan({f"{name}/Dockerfile": "FROM a\nCOPY . /\n"}, {f"{name}/x": "1"})
    assert list(found) == [name]
    assert found[name].change is Change.AFFECTED


def test_many_dockerfiles_are_planned_and_only_changed_one_is_affected(plan):
    files = {f"s{n}/f{m}": f"{n} {m}" for n in range(100) for m in range(20)}
    files |= {f"s{n}/Dockerfile": f"FROM debian\nCOPY f{n % 20} s* /\nCOPY . /{n}\n" for n in range(100)}
    found = plan(files | {".dockerignore": "**/*.md\n"}, {"s7/f3": "other", "README.md": "x"})
    assert [name for name, one in found.items() if one.change is not Change.UNAFFECTED] == ["s7"]
