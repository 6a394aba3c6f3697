"""Computed tips are exact: the image that follows them is smaller by as many bytes as they say."""

import json
import os
import subprocess
import sys

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.image.origins import layer_origins
from weighbridge.domain.image.weighed import weigh_image
from weighbridge.domain.tips.find import find_tips
from weighbridge.domain.tips.tip import DockerfileSource
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.transports import parse_image_reference

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


def test_applied_tips_save_predicted_bytes(any_engine, need_images, tmp_path):
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


DEBIAN = """FROM debian:bookworm
RUN apt-get -o Acquire::Retries=5 update && apt-get -o Acquire::Retries=5 install -y hello
COPY data /srv/data
RUN chown -R 1000:1000 /srv/data
CMD ["hello"]
"""
COUNTED = "find {} -type f -printf '%s\\n' | awk '{{n += $1}} END {{print n + 0}}'"


def test_rows_of_debian_image_match_find(engine, need_images, build_image, tmp_path):
    """Package lists, recommended packages and ``chown -R``; what the base image has of its own does not count."""
    need_images(engine, "debian:bookworm")
    for number in range(40):
        (tmp_path / "data" / str(number)).parent.mkdir(exist_ok=True)
        (tmp_path / "data" / str(number)).write_bytes(os.urandom(9_000 + number))
    (tmp_path / "Dockerfile").write_text(DEBIAN)
    name = build_image(engine, tmp_path)
    reference = parse_image_reference(name)
    source = DockerfileSource(text=DEBIAN, dockerfile=parse_dockerfile(DEBIAN, path="Dockerfile"))
    with LayerReader(engine=lambda: engine.client, cache=LayerCache(tmp_path / "cache")) as reader:
        image = reader.read([reference])[reference]
        weighed = weigh_image(image, layer_origins(image.history, source.dockerfile), reader.contents(reference))
        tips = {tip.code: tip for tip in find_tips(weighed, source, minimum_saving_bytes=10_000)}

    def counted(image, *places):
        done = engine.run(image, "sh", "-c", COUNTED.format(" ".join(places)))
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    cached = [counted(one, "/var/lib/apt/lists", "/var/cache/apt") for one in (name, "debian:bookworm")]
    assert cached[0] > 10_000_000
    assert {code: (tip.saved_bytes, tip.line) for tip in tips.values() for code in [tip.code]} == {
        "package-cache": (cached[0] - cached[1], 2),
        "permission-copies": (counted(name, "/srv/data"), 4),
        "recommended-packages": (None, 2),
        "smaller-base": (None, 1),  # the slim variant; no figure before it has been built
    }
