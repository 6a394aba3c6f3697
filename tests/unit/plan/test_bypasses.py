"""Changes that would take an image off the scale without removing it: each is still compared, or a failure."""

from __future__ import annotations

import shutil
import time

import pytest

from weighbridge.config import Config, parse_config
from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.gate.limits import parse_limit
from weighbridge.domain.gate.settings import Limits
from weighbridge.plan.affected import are_too_many, copied_sources, tree_has_link
from weighbridge.plan.discover import plan_images
from weighbridge.plan.git import EntryType, TreeEntry, open_repository
from weighbridge.plan.image_plan import Change
from weighbridge.plan.images import FoundImage, pair_leftovers
from weighbridge.plan.sides import SideDefinition
from weighbridge.plan.tree import Tree
from weighbridge.plan.unnamed import _chosen

TEXT = 'FROM debian\nCOPY data /data\nCMD ["sh"]\n'
REWRITTEN = 'FROM debian:stable\nWORKDIR /srv\nADD data /srv/data\nENTRYPOINT ["/bin/sh"]\n'
LIMITED = Config(limits=Limits(max_increase=parse_limit("+1MB")))
BEFORE = {"shop/Dockerfile": TEXT, "shop/data": "1"}
SERVICE = "services: { web: { build: ./shop } }\n"


@pytest.fixture
def plan(git_folder):
    """The plan between two commits, by name. A symlink is a `Path` to where it leads."""

    def make(before, after, *, config=LIMITED, **options):
        base, head = (_commit(git_folder, files) for files in (before, after))
        repository = open_repository(git_folder.root)
        return {one.name: one for one in plan_images(repository, base, head, config, **options).plans}

    return make


def _commit(git_folder, files):
    """Commit `files`; a tuple is the target of a symlink, which replaces an existing file."""
    git_folder.write({path: content for path, content in files.items() if content is None})
    for path, content in files.items():
        where = git_folder.root / path
        if isinstance(content, tuple):
            where.unlink(missing_ok=True) if where.is_symlink() else shutil.rmtree(where, ignore_errors=True)
            where.symlink_to(content[0])
    return git_folder.commit({path: content for path, content in files.items() if isinstance(content, str)})


def sides(image):
    """The Dockerfiles of an image's two sides."""
    return (image.base and image.base.dockerfile, image.head and image.head.dockerfile)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("shop/build.txt", TEXT),
        ("shop/image.def", REWRITTEN),
        ("testdata/shop/Dockerfile", REWRITTEN),
        ("shop/Dockerfile.md", REWRITTEN),
        ("recipes/shop", f"# a comment\n\nARG V=1\n{REWRITTEN}"),
        ("recipes/shop", "FR\\\nOM debian\nCOPY data /data\n"),
        ("recipes/shop", f"# x \\\n\\\n# y\n\n{REWRITTEN}"),
        ("recipes/shop", f"{REWRITTEN}RUN : \\\n{{{{x}}}}\n"),
    ],
)
def test_dockerfile_renamed_to_other_kind_of_name_is_compared(plan, path, text):
    found = plan(BEFORE, {"shop/Dockerfile": None, path: text, "shop/data": "2", "testdata/shop/data": "2"})
    assert sides(found["shop"]) == ("shop/Dockerfile", path)
    assert found["shop"].change is Change.AFFECTED


def test_dockerfile_renamed_to_a_text_that_cannot_be_read_is_a_failure(plan):
    found = plan(BEFORE, {"shop/Dockerfile": None, "shop/image.def": f"{REWRITTEN}RUN cat << E\n"})
    assert "unterminated heredoc" in found["shop"].head.failure


def test_dockerfile_renamed_without_limit_is_removed(plan):
    found = plan(BEFORE, {"shop/Dockerfile": None, "shop/image.def": REWRITTEN}, config=Config())
    assert found["shop"].change is Change.REMOVED


def test_removed_image_with_changed_example_is_removed(plan):
    before = {**BEFORE, "docs/example.def": "FROM debian\nRUN make\n"}
    found = plan(before, {"shop/Dockerfile": None, "docs/example.def": "FROM debian\nRUN make all\n"})
    assert found["shop"].change is Change.REMOVED


def test_dockerfile_moved_to_excluded_folder_is_still_compared(plan):
    config = parse_config(b"limits: { max-increase: +1MB }\ndiscover: { exclude: ['old/**'] }\n", path="c.yml")
    found = plan(BEFORE, {"shop/Dockerfile": None, "old/Dockerfile": TEXT, "old/data": "2"}, config=config)
    assert [sides(one) for one in found.values()] == [("shop/Dockerfile", "old/Dockerfile")]


def test_folder_replaced_by_symlink_to_image_is_failure(plan):
    before = {**BEFORE, "big/Dockerfile": REWRITTEN, "big/data": "3"}
    found = plan(before, {"shop/Dockerfile": None, "shop/data": None, "shop": ("big",)})
    assert "shop is a symlink now" in found["shop"].head.failure


@pytest.mark.parametrize(
    ("before", "after", "link"),
    [
        ({"Dockerfile": ("cur",), "cur": ("a.df",), "a.df": TEXT, "b.df": REWRITTEN}, {"cur": ("b.df",)}, "cur"),
        (
            {"Dockerfile": ("cur/x.df",), "cur": ("v1",), "v1/x.df": TEXT, "v2/x.df": REWRITTEN},
            {"cur": ("v2",)},
            "cur",
        ),
        ({"Dockerfile": ("a.df",), "a.df": TEXT}, {"a.df": REWRITTEN}, "a.df"),
    ],
)
def test_changed_link_in_path_of_dockerfile_affects_image(plan, before, after, link):
    (image,) = plan({**before, "data": "1"}, after).values()
    assert (image.change, image.reason) == (Change.AFFECTED, f"{link} changed")
    assert image.head.failure is None


@pytest.mark.parametrize(
    ("after", "failure"),
    [
        ("services: { web: { build: 'https://github.com/o/r.git' } }\n", "its context is not in the repository"),
        ("services: { web: { build: { context: ../outside } } }\n", "its context is not in the repository"),
        (SERVICE, "shop/Dockerfile is not a file of the repository"),
    ],
)
def test_service_with_dockerfile_outside_of_repository_fails(plan, after, failure):
    found = plan({**BEFORE, "compose.yaml": SERVICE}, {"shop/Dockerfile": None, "compose.yaml": after})
    assert failure in found["web"].head.failure


def test_service_remote_in_base_is_new_in_head(plan):
    remote = "services: { web: { build: 'https://github.com/o/r.git' } }\n"
    found = plan({"compose.yaml": remote}, {"compose.yaml": remote + "\n"})
    assert found == {}


def test_service_moved_to_excluded_dockerfile_is_compared(plan):
    config = parse_config(b"limits: { max-increase: +1MB }\ndiscover: { exclude: ['old/**'] }\n", path="c.yml")
    before = {**BEFORE, "compose.yaml": SERVICE, "old/Dockerfile": TEXT, "old/data": "1"}
    after = {"shop/Dockerfile": None, "compose.yaml": "services: { web: { build: ./old } }\n"}
    assert sides(plan(before, after, config=config)["web"]) == ("shop/Dockerfile", "old/Dockerfile")


def test_removed_and_added_images_over_limit_are_paired(plan, monkeypatch):
    monkeypatch.setattr("weighbridge.plan.images._MAXIMUM_LEFTOVER_PAIRS", 1)
    before = {f"old{n}/Dockerfile": f"FROM debian\nRUN echo {n}{n}{n}\n" for n in range(2)}
    after = {**dict.fromkeys(before), **{f"new{n}/Dockerfile": f"FROM scratch\nLABEL a={n}\n" for n in range(2)}}
    assert all(one.base and one.head for one in plan(before, after).values())


def test_renamed_image_keeps_base_name(plan):
    found = plan(BEFORE, {"shop/Dockerfile": None, "svc/Dockerfile": TEXT, "svc/data": "2", "shop/data": None})
    assert (found["svc"].base_image, sides(found["svc"])) == ("shop", ("shop/Dockerfile", "svc/Dockerfile"))
    service = {"compose.yaml": SERVICE.replace("web", "site")}
    assert plan({"compose.yaml": SERVICE, **BEFORE}, service)["site"].base_image == "web"


def test_image_glob_matching_base_name_selects_renamed_image(plan):
    moved = {"shop/Dockerfile": None, "svc/Dockerfile": TEXT, "svc/data": "2", "shop/data": None}
    assert list(plan(BEFORE, moved, image_globs=["shop"])) == ["svc"]


def test_limits_of_base_name_apply():
    config = parse_config(
        b"images: { a: { limits: { max-increase: +1MB } }, b: { limits: { max-increase: +9GB } } }\n", path="c.yml"
    )
    assert str(config.limits_of("b", base_image="a").max_increase) == "+1MB"
    assert str(config.limits_of("a", base_image="c").max_increase) == "+1MB"
    assert str(config.limits_of("b").max_increase) == "+9GB"


def test_copied_and_changed_lfs_pointer_makes_growth_unknown(plan):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n"
    before = {**BEFORE, ".gitattributes": "data filter=lfs -text\n", "shop/data": pointer % ("a" * 64, 12)}
    after = {"shop/data": pointer % ("b" * 64, 5_000_000_000)}
    assert "shop/data is a file of Git LFS" in plan(before, after)["shop"].growth_unknown_because
    assert plan(after, {"shop/other": "x"})["shop"].growth_unknown_because is None


def test_dockerfile_replaced_by_template_is_failure(plan):
    text = TEXT + "".join(f"LABEL l{number}={number}\n" for number in range(20))
    template = {"shop/Dockerfile": None, "shop/Dockerfile.j2": text.replace("debian", "{{ base }}")}
    found = plan({**BEFORE, "shop/Dockerfile": text}, template)
    assert "shop/Dockerfile.j2: not read as a Dockerfile" in found["shop"].head.failure


def test_two_images_of_one_renamed_dockerfile_are_both_compared(plan):
    stages = "FROM debian AS a\nCOPY data /\nFROM debian AS b\nCOPY data /b\n"
    services = "services:\n  a: { build: { context: shop, target: a } }\n  b: { build: { context: shop, target: b } }\n"
    before = {
        "compose.yaml": services,
        "shop/Dockerfile": stages,
        "shop/data": "1",
        "one/Dockerfile": TEXT,
        "one/data": "1",
    }
    after = {
        "compose.yaml": "services: {}\n",
        "shop/Dockerfile": None,
        "one/Dockerfile": None,
        "shop/x.def": stages,
        "one/y.def": REWRITTEN,
    }
    found = plan(before, after)
    assert {name: one.head.dockerfile for name, one in found.items() if one.head} == {
        "a": "shop/x.def",
        "b": "shop/x.def",
        "one": "one/y.def",
    }


HIDDEN = {"shop/Dockerfile": None, "shop/build.txt": REWRITTEN, "shop/data": "2"}


@pytest.mark.parametrize(
    "limits",
    [
        "limits: { max-size: 1MB }",
        "budgets: [{ name: all, images: [shop], max-increase: +1MB }]",
        "budgets: [{ name: all, images: ['s*'], max-size: 1MB }]",
        "limits: { ratchet: { since: v1, max-increase: +1MB } }",
    ],
)
def test_renamed_dockerfile_with_other_limit_is_weighed(plan, limits):
    config = parse_config(limits.encode(), path="c.yml")
    assert sides(plan(BEFORE, HIDDEN, config=config)["shop"]) == ("shop/Dockerfile", "shop/build.txt")


def test_new_name_of_removed_image_with_limit_is_compared(plan):
    config = parse_config(b"images: { shop: { limits: { max-size: 1MB } } }\n", path="c.yml")
    after = {"shop/Dockerfile": None, "shop/data": None, "svc/Dockerfile": REWRITTEN, "svc/data": "2"}
    assert plan(BEFORE, after, config=config)["svc"].base_image == "shop"


@pytest.mark.parametrize("comments", [17_000, 70_000])
def test_renamed_dockerfile_with_much_padding_is_not_removed(plan, comments):
    head = plan(BEFORE, {**HIDDEN, "shop/build.txt": "# x\n" * comments + REWRITTEN})["shop"].head
    assert head.dockerfile == "shop/build.txt"
    assert (head.failure is not None) == (comments == 70_000)


def test_renamed_dockerfile_among_too_many_files_is_a_failure(plan, monkeypatch):
    monkeypatch.setattr("weighbridge.plan.unnamed._MAXIMUM_FILES", 3)
    junk = {f"a/{number}": str(number) for number in range(3)}
    assert "too many to search" in plan(BEFORE, {**HIDDEN, **junk})["shop"].head.failure


def test_renamed_dockerfile_among_too_many_dockerfiles_is_a_failure(plan, monkeypatch):
    monkeypatch.setattr("weighbridge.plan.unnamed._MAXIMUM_TEXTS", 0)
    assert "changed files are Dockerfiles" in plan(BEFORE, HIDDEN)["shop"].head.failure


def test_dockerfile_that_becomes_a_file_of_another_syntax_is_a_failure(plan):
    other = "#syntax=example.org/frontend\napiVersion: v1\n"
    assert plan(BEFORE, {**HIDDEN, "shop/build.txt": other})["shop"].head.failure is not None


def test_entry_of_head_for_an_image_of_base_keeps_the_name_of_base(plan):
    limits = "images: { shop: { limits: { max-increase: +1MB } } }\n"
    base = parse_config(limits.encode(), path="c.yml")
    head = parse_config(b"images: { other: { dockerfile: shop/Dockerfile } }\n", path="c.yml")
    assert plan(BEFORE, {"shop/data": "2"}, config=head, base_config=base)["other"].base_image == "shop"
    service = {"compose.yaml": SERVICE}
    assert plan(service, {"shop/data": "3"}, config=head, base_config=base)["other"].base_image == "web"


def test_frontend_of_a_build_argument_may_copy_the_whole_context(plan):
    service = "services: { web: { build: { context: shop, args: { BUILDKIT_SYNTAX: example.org/own } } } }\n"
    before = {**BEFORE, "compose.yaml": service, "shop/other": "1"}
    assert plan(before, {"shop/other": "2"})["web"].change is Change.AFFECTED


def test_new_image_that_takes_a_limited_name_does_not_take_the_limits(plan):
    config = parse_config(b"images: { shop: { limits: { max-increase: +1MB } } }\n", path="c.yml")
    service = {"compose.yaml": "services: { shop: { build: ./tiny } }\n", "tiny/Dockerfile": "FROM scratch\n"}
    found = plan(BEFORE, {"shop/Dockerfile": None, "shop/Dockerfile.x": TEXT, **service}, config=config)
    assert (found["shop/x"].base_image, sides(found["shop"])) == ("shop", (None, "tiny/Dockerfile"))


def test_entries_of_head_that_swap_two_names_keep_the_names_of_base(plan):
    base = parse_config(b"images: { a: { limits: { max-size: 1MB } }, b: { limits: { max-size: 9GB } } }\n", path="c")
    head = parse_config(b"images: { a: { dockerfile: b/Dockerfile }, b: { dockerfile: a/Dockerfile } }\n", path="c")
    before = {"a/Dockerfile": TEXT, "a/data": "1", "b/Dockerfile": REWRITTEN, "b/data": "1"}
    found = plan(before, {"a/data": "2"}, config=head, base_config=base)
    assert {name: one.base_image for name, one in found.items()} == {"a": "b", "b": "a"}


LINKED = {
    **{f"{name}/{file}": text for name in ("a", "b") for file, text in (("Dockerfile", TEXT), ("data", name))},
    "app": ("a",),
    "compose.yml": "services: { web: { build: ./app }, job: { build: ./b } }\n",
}


def test_retargeted_symlink_to_context_is_same_image(plan):
    found = plan(LINKED, {"app": ("b",)})
    assert sides(found["web"]) == ("a/Dockerfile", "b/Dockerfile")
    assert found["web"].change is Change.AFFECTED


def test_context_behind_symlink_has_files_of_its_target(plan):
    found = plan(LINKED, {"a/data": "2"})
    assert {name for name, one in found.items() if one.change is Change.AFFECTED} == {"web"}


def test_additional_context_behind_symlink_has_files_of_its_target(plan):
    text = "FROM debian\nCOPY --from=more data /data\n"
    compose = "services: { web: { build: { context: shop, additional_contexts: { more: ./link } } } }\n"
    before = {"shop/Dockerfile": text, "real/data": "1", "link": ("real",), "compose.yml": compose}
    assert plan(before, {"real/data": "2"})["web"].change is Change.AFFECTED


def test_base_tag_given_to_a_new_image_is_also_built_as_base_has_it(plan):
    """Head says that a small image of its own has the name of the base image."""
    text = "FROM org/base\nCOPY data /data\n"
    small = "services: { small: { image: org/base, build: ./small } }\n"
    found = plan(
        {**BEFORE, "shop/Dockerfile": text}, {"small/Dockerfile": TEXT, "small/data": "1", "compose.yml": small}
    )
    assert found["shop"].head.builds_on == ("small",)
    assert found["shop"].redefined == "its additional contexts changed: org/base"
    assert found["shop"].head_as_base.builds_on == ()


def test_other_stage_of_a_kept_dockerfile_is_also_built_as_base_defines_it(plan):
    """Head removes a service and adds one for another stage of the same Dockerfile."""
    text = "FROM debian AS prod\nCOPY data /data\nFROM debian AS test\nRUN true\n"
    service = "services: {{ {0}: {{ build: {{ context: ./shop, target: {1} }} }} }}\n"
    before = {**BEFORE, "shop/Dockerfile": text, "compose.yml": service.format("web", "prod")}
    image = plan(before, {"compose.yml": service.format("tiny", "test"), "shop/data": "2"})["tiny"]
    assert (image.base.target, image.head.target, image.head_as_base.target) == ("prod", "test", "prod")


def test_definition_file_behind_symlink_defines_images(plan):
    compose = "services: { web: { build: { context: ./files, dockerfile: ../shop/Dockerfile } } }\n"
    before = {**BEFORE, "files/data": "1", "deploy/web.yml": compose, "compose.yml": ("deploy/web.yml",)}
    found = plan(before, {"files/data": "2"})
    assert (found["web"].head.context, found["web"].change) == ("files", Change.AFFECTED)


@pytest.mark.parametrize("text", ["// syntax=example.org/frontend\nx\n", '{"syntax": "example.org/frontend"}\n'])
def test_dockerfile_that_becomes_a_file_of_another_frontend_is_a_failure(plan, text):
    found = plan(BEFORE, {"shop/Dockerfile": None, "shop/build.txt": text})
    assert "unknown instruction" in found["shop"].head.failure


def test_missing_stage_of_both_sides_affects_only_its_image(plan):
    service = "services: { web: { build: { context: ./shop, target: none } } }\n"
    found = plan({**BEFORE, "compose.yml": service, "api/Dockerfile": TEXT, "api/data": "1"}, {"shop/data": "2"})
    assert (found["web"].change, found["api"].change) == (Change.AFFECTED, Change.UNAFFECTED)
    assert "there is no stage 'none'" in found["web"].head.failure


def test_many_removed_dockerfiles_are_compared_with_many_texts_in_short_time():
    """A comparison of sequences took five minutes for 30 such Dockerfiles and 200 texts."""
    words = " ".join(f"w{number % 97}" for number in range(1_000))
    before = {f"a{number}/Dockerfile": f"FROM a\nRUN {number} {words}\n" for number in range(100)}
    texts = {f"x/{number}.txt": f"FROM b\nRUN {number} {words}\n" for number in range(199)}
    began = time.process_time()
    chosen = _chosen(before, texts, {})
    assert time.process_time() - began < 5
    assert len(set(chosen.values())) == len(before)


def test_many_removed_and_added_images_are_paired_in_short_time():
    removed = [image(f"{'aa' * 60}{number}", base=f"{'b' * 80}{number}/Dockerfile") for number in range(100)]
    added = [image(f"{'ab' * 60}{number}", head=f"{'a' * 80}{number}/Dockerfile") for number in range(100)]
    began = time.process_time()
    paired = pair_leftovers([*removed, *added], are_compared=lambda was, now: True)
    assert time.process_time() - began < 5
    assert len(paired) == 100


def image(name, *, base=None, head=None):
    """An image with the Dockerfiles of its sides."""
    sides = [SideDefinition(dockerfile=path) if path else None for path in (base, head)]
    return FoundImage(name=name, base=sides[0], head=sides[1], defined_in="its file name")


def test_too_many_patterns_are_not_compared_with_the_paths():
    few, many = (
        parse_dockerfile("FROM a\n" + "".join(f"COPY a*{number}* /d/\n" for number in range(count)), path="Dockerfile")
        for count in (90, 101)
    )
    sources = copied_sources(few, None)
    assert len(sources) == 90
    assert copied_sources(many, None) is None
    assert [are_too_many(sources, range(count)) for count in (2_000, 3_000)] == [False, True]


def test_too_many_sources_are_not_compared_with_the_links():
    tree = Tree([TreeEntry(path=f"l{number}", type=EntryType.SYMLINK, sha="0") for number in range(500)])
    assert not tree_has_link(tree, ".", [f"x{number}" for number in range(300)])
    assert tree_has_link(tree, ".", [f"x{number}" for number in range(500)])
