"""Computed tips are exact: the image that follows them is smaller by as many bytes as they say."""

import json
import os
import subprocess
import sys

WASTEFUL = """FROM busybox
RUN mkdir -p /var/lib/apt/lists && head -c 50000 /dev/zero > /var/lib/apt/lists/a
RUN head -c 40000 /dev/zero > /big && echo kept > /kept
RUN rm /big
COPY data /srv/data
RUN chmod -R 600 /srv/data
"""
THRIFTY = """FROM busybox
RUN mkdir -p /var/lib/apt/lists
RUN echo kept > /kept
COPY --chmod=600 data /srv/data
"""


def inspected(engine, tmp_path, folder, name):
    done = engine.docker("build", "--tag", name, folder)
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "-m", "weighbridge", "inspect", name, "--format", "json"]
    environment = {**os.environ, **engine.environment, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    (image,) = json.loads(done.stdout)["images"]
    return image


def test_following_the_tips_saves_what_they_say(any_engine, need_images, tmp_path):
    need_images(any_engine, "busybox")
    (tmp_path / "data").write_bytes(os.urandom(60_000))
    names = ["weighbridge-test-wasteful", "weighbridge-test-thrifty"]
    try:
        (tmp_path / "Dockerfile").write_text(WASTEFUL)
        before = inspected(any_engine, tmp_path, tmp_path, names[0])
        (tmp_path / "Dockerfile").write_text(THRIFTY)
        after = inspected(any_engine, tmp_path, tmp_path, names[1])
    finally:
        any_engine.docker("image", "rm", "--force", *names)
    assert [(tip["code"], tip["saved_bytes"], tip["basis"]) for tip in before["tips"]] == [
        ("permission-copies", 60_000, "computed"),
        ("package-cache", 50_000, "computed"),
        ("rewritten-files", 40_000, "computed"),
    ]
    assert after["tips"] == []
    saved = before["head"]["unpacked_bytes"] - after["head"]["unpacked_bytes"]
    assert saved == sum(tip["saved_bytes"] for tip in before["tips"]) == 150_000
