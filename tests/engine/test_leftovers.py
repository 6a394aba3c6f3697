"""What killed runs left in a real engine is removed, and what a live run made is not."""

from __future__ import annotations

import docker.errors
import pytest

from weighbridge.engine.leftovers import RUN_LABEL, TAG_PREFIX, new_mark, remove_leftovers, this_place


def test_leftovers_of_killed_runs_only_are_removed(any_engine, need_images):
    need_images(any_engine, "busybox")
    engine = any_engine.client
    place = this_place(engine)
    live = new_mark(place)
    dead = live.replace(f"-{place.process}.", f"-{2**22 + 1}.")
    tags = {mark: f"{TAG_PREFIX}-{mark}:0" for mark in (live, dead)}
    image = engine.images.get("busybox")
    containers = {}
    try:
        for mark, tag in tags.items():
            image.tag(tag)
            containers[mark] = engine.api.create_container("busybox", ["true"], labels={RUN_LABEL: mark})["Id"]
        remove_leftovers(engine, place)  # Another run on this engine may have removed them before.
        with pytest.raises(docker.errors.ImageNotFound):
            engine.images.get(tags[dead])
        with pytest.raises(docker.errors.NotFound):
            engine.api.inspect_container(containers[dead])
        assert engine.images.get(tags[live]).id == image.id
        assert engine.api.inspect_container(containers[live])["Id"] == containers[live]
    finally:
        engine.api.remove_container(containers[live], force=True)
        engine.images.remove(tags[live])
