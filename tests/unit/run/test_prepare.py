"""The prepare command of an image: its files reach the build, and nothing else of the machine reaches the command."""

from __future__ import annotations

import sys

import pytest

from weighbridge.config import Config, parse_config
from weighbridge.domain.result.status import Status
from weighbridge.errors import BuildError
from weighbridge.plan.image_plan import PlannedSide
from weighbridge.progress.lines import Silent
from weighbridge.run.prepare import Preparation

DOCKERFILE = 'FROM scratch\nCOPY bin/app /app\nCMD ["/app"]\n'
MAKE = (sys.executable, "-c", "import os, shutil; os.mkdir('bin'); shutil.copy('source', 'bin/app')")


def _side(*command: str) -> PlannedSide:
    return PlannedSide(dockerfile="Dockerfile", context=".", prepare=command)


def _preparation(timeout_seconds: float = 60, **environment: str) -> Preparation:
    return Preparation(environment, Silent(stream=sys.stderr), timeout_seconds=timeout_seconds)


def test_prepared_files_are_in_image_and_in_no_other_checkout(run, git_folder):
    base = git_folder.commit({"Dockerfile": DOCKERFILE, "other/Dockerfile": "FROM scratch\nCOPY . /\n", "source": b"a"})
    head = git_folder.commit({"source": b"a" * 500, "other/x": "x"})
    seen = {}
    run.on_build = lambda one: seen.update({one.title: sorted(path.name for path in one.context.iterdir())})
    result = run.weigh(base, head, prepare={"shop": MAKE}, all_images=True)
    by_name = {one.name: one for one in result.images}
    assert by_name["shop"].status is Status.CHANGED
    assert by_name["shop"].head.unpacked_bytes - by_name["shop"].base.unpacked_bytes == 499
    assert not result.defects
    assert "bin" in seen["shop base"]
    assert seen["other head"] == ["Dockerfile", "x"]


def test_image_is_skipped_without_its_command(run, git_folder):
    base = git_folder.commit({"Dockerfile": DOCKERFILE, "source": b"a"})
    head = git_folder.commit({"source": b"b"})
    (image,) = run.weigh(base, head).images
    assert image.status in {Status.SKIPPED, Status.UNCHANGED}
    assert not run.events


def test_failed_command_is_failure_of_side_with_its_output(run, git_folder):
    base = git_folder.commit({"Dockerfile": DOCKERFILE})
    head = git_folder.commit({"x": "x"})
    command = (sys.executable, "-c", "print('no \\x1b[31msource'); raise SystemExit(3)")
    (image,) = run.weigh(base, head, prepare={"shop": command}).images
    assert image.status is Status.FAILED
    assert any("ended with exit code 3" in one.message and "no source" in one.log_tail for one in image.failures)


def test_command_gets_no_token_and_keeps_checkout(tmp_path):
    (tmp_path / "tree").mkdir()
    command = (sys.executable, "-c", "import os; open('env', 'w').write(' '.join(os.environ))")
    prepared = _preparation(GITHUB_TOKEN="secret", PATH="/bin", HOME="/root").prepared(
        tmp_path / "tree", _side(*command), title="shop head"
    )
    assert {"PATH", "HOME"} <= set((prepared / "env").read_text().split())
    assert "GITHUB_TOKEN" not in (prepared / "env").read_text()
    assert not list((tmp_path / "tree").iterdir())
    assert prepared.parent == tmp_path


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("no-such-program",), "'no-such-program' ended with exit code 127"),
        ((sys.executable, "-c", "import time; time.sleep(60)"), "exceeded the timeout of 0.5 seconds"),
    ],
)
def test_unkillable_command_is_error(tmp_path, command, message):
    (tmp_path / "tree").mkdir()
    with pytest.raises(BuildError, match=message):
        _preparation(0.5).prepared(tmp_path / "tree", _side(*command), title="shop head")


def test_configuration_reads_words_of_command():
    text = b"version: 1\nimages: { app: { dockerfile: Dockerfile, prepare: [make, bin/app] } }\n"
    config: Config = parse_config(text, path="x.yml")
    assert config.images["app"].prepare == ("make", "bin/app")
