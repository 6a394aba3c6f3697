"""A defect while one image is handled is the failure of that image; the others are reported and the exit code is 70."""

from __future__ import annotations

import pkgutil

import pytest

from weighbridge.config import Config, Tips
from weighbridge.domain.gate.scale import Rule
from weighbridge.domain.result.failure import FailureKind
from weighbridge.domain.result.status import Status
from weighbridge.errors import ExitCode
from weighbridge.report.assemble import assemble
from weighbridge.report.html import render_html
from weighbridge.report.markdown import render_markdown
from weighbridge.report.verdict import exit_code_of


@pytest.fixture
def two_images(git_folder) -> tuple[str, str]:
    """Base and head of two images whose only file grows."""
    dockerfile = 'FROM scratch\nCOPY {0} /srv/\nCMD ["/srv/{0}"]\n'
    base = git_folder.commit(
        {
            **{f"{name}/Dockerfile": dockerfile.format(name) for name in "ab"},
            **{f"{name}/{name}": b"x" * 10 for name in "ab"},
        }
    )
    return base, git_folder.commit({f"{name}/{name}": b"y" * 2_000 for name in "ab"})


def fail_for_image_a(monkeypatch: pytest.MonkeyPatch, where: str, error: Exception, is_a) -> None:
    """Has the function `where` raise `error` when `is_a` says that its arguments are about the image a."""
    real = pkgutil.resolve_name(where)

    def failing(*arguments: object, **named: object) -> object:
        if is_a(*arguments, **named):
            raise error
        return real(*arguments, **named)

    monkeypatch.setattr(where, failing)


def weighs_a(image, *_: object, **__: object) -> bool:
    return any(entry.path == "srv/a" for layer in image.layers for entry in layer.changeset.entries)


@pytest.mark.parametrize(
    ("error", "where", "is_a"),
    [
        (
            RecursionError("maximum\ndepth"),
            "weighbridge.plan.sides._read_side",
            lambda definition, *_, **__: definition.dockerfile.startswith("a/"),
        ),
        (MemoryError(), "weighbridge.run.build.dockerfile_text", lambda path: path.parent.name == "a"),
        (ValueError("x " * 9_000), "weighbridge.run.read.weigh_image", weighs_a),
        (RecursionError(), "weighbridge.run.weigh.compare_planned", lambda plan, *_, **__: plan.name == "a"),
        (MemoryError(), "weighbridge.run.weigh.ignores_of", lambda config, plan, *_: plan.name == "a"),
    ],
)
def test_defect_in_handling_fails_only_its_image(run, two_images, monkeypatch, error, where, is_a):
    fail_for_image_a(monkeypatch, where, error, is_a)
    result = run.weigh(*two_images)
    broken, weighed = result.images
    assert broken.status is Status.FAILED
    assert {one.kind for one in broken.failures} == {FailureKind.DEFECT}
    for failure in broken.failures:
        assert failure.message.startswith(f"a defect in Weighbridge: {type(error).__name__} at test_defects.py:")
        assert len(failure.message) <= 300
        assert "\n" not in failure.message
    assert weighed.status is Status.CHANGED
    assert weighed.head.unpacked_bytes == 2_000
    assert [breach.rule for breach in result.breaches if breach.image == "a"] == [Rule.DEFECT]
    report = assemble(result)
    assert exit_code_of(report) is ExitCode.DEFECT
    for text in (render_markdown(report), render_html(report)):
        assert type(error).__name__ in text


def test_defect_in_reading_fails_only_its_image(run, two_images, monkeypatch):
    fail_for_image_a(
        monkeypatch,
        "weighbridge.sources.from_files.ImagesInFiles._read",
        KeyError("layers"),
        lambda files, reference, *_, **__: reference.place.rsplit("/", 1)[-1] in {"1", "2"},
    )
    result = run.weigh(*two_images, jobs=1)
    assert [image.status for image in result.images] == [Status.FAILED, Status.CHANGED]
    assert result.images[0].failures[0].kind is FailureKind.DEFECT


def test_defect_in_tips_keeps_verdict_and_is_exit_code_70(run, git_folder, monkeypatch):
    files = {f"{name}/Dockerfile": "FROM scratch\nCOPY . /srv/\n" for name in "ab"}
    base = git_folder.commit({**files, "a/a": b"x", "b/b": b"x"})
    head = git_folder.commit({f"{name}/tests/{name}": b"t" * 300_000 for name in "ab"})
    fail_for_image_a(
        monkeypatch,
        "weighbridge.run.propose_tips.find_tips",
        IndexError("0"),
        lambda head, *_, **__: weighs_tests(head),
    )
    result = run.weigh(base, head, config=Config(tips=Tips(minimum_saving_bytes=1_000)))
    first, second = result.images
    assert first.status is second.status is Status.CHANGED
    assert first.tips is None
    assert second.tips.proposed
    assert result.breaches == ()
    (defect,) = result.defects
    assert defect in result.notes
    assert defect.startswith("a: tips were not found: a defect in Weighbridge: IndexError at ")
    assert exit_code_of(assemble(result)) is ExitCode.DEFECT


def weighs_tests(head) -> bool:
    return any(entry.path == "srv/tests/a" for layer in head.image.layers for entry in layer.changeset.entries)


def test_full_disk_in_build_is_no_defect_and_names_file(run, two_images):
    def fail(request) -> None:
        if request.image == "a":
            raise OSError(28, "No space left on device", "/tmp/context")

    run.on_build = fail
    result = run.weigh(*two_images)
    assert [image.status for image in result.images] == [Status.FAILED, Status.CHANGED]
    assert result.images[0].failures[0].message == "/tmp/context: No space left on device. Free some space."
    assert exit_code_of(assemble(result)) is ExitCode.UNAVAILABLE
