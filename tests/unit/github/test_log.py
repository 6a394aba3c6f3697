"""The log of a run in GitHub Actions: one group a build, printed when the build ends."""

import io

from weighbridge.github.log import SHOWN_OF_FAILED, ActionLog


def printed(stream):
    return stream.getvalue().splitlines()


def test_parallel_builds_have_one_group_each():
    stream = io.StringIO()
    log = ActionLog(stream)
    for number in range(5):
        for title in ("api head", "web head"):
            log.build_line(title, f"{title} {number}")
    log.build_ended("web head", seconds=1.5, failed=False)
    log.build_ended("api head", seconds=2.5, failed=False)
    lines = printed(stream)
    assert [line for line in lines if line.startswith("::group::")] == [
        "::group::web head: built in 1.5 s",
        "::group::api head: built in 2.5 s",
    ]
    first = lines.index("::group::web head: built in 1.5 s")
    assert lines[first + 2 : first + 7] == [f"web head {number}" for number in range(5)]
    assert lines[first + 8] == "::endgroup::"


def test_commands_in_build_output_are_fenced():
    stream = io.StringIO()
    log = ActionLog(stream)
    log.build_line("a", "::error::x")
    log.build_ended("a", seconds=1, failed=False)
    lines = printed(stream)
    assert lines[2].startswith("::stop-commands::")
    token = lines[2].removeprefix("::stop-commands::")
    assert lines[3:5] == ["::error::x", f"::{token}::"]


def test_failed_build_shows_its_end_below_its_group():
    stream = io.StringIO()
    log = ActionLog(stream)
    for number in range(100):
        log.build_line("a", f"line {number}")
    log.build_ended("a", seconds=1, failed=True)
    lines = printed(stream)
    opened = lines[lines.index("::endgroup::") + 1 :]
    assert opened[0] == "a: the end of its output:"
    assert opened[2:-1] == [f"line {number}" for number in range(100 - SHOWN_OF_FAILED, 100)]


def test_cached_build_without_output_is_one_line():
    stream = io.StringIO()
    ActionLog(stream).build_ended("a", seconds=1, failed=False)
    assert printed(stream) == ["a: built in 1.0 s"]


def test_interrupted_build_is_printed_at_end():
    stream = io.StringIO()
    log = ActionLog(stream)
    log.build_line("a", "x")
    log.close()
    assert "::group::a: interrupted" in printed(stream)
