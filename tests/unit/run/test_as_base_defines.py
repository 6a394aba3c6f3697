"""A change that defines its image in another way: head is built both ways, and the larger is judged."""

from __future__ import annotations

import pytest

from weighbridge.config import Config, ImageSettings, parse_config
from weighbridge.domain.gate.limits import parse_limit
from weighbridge.domain.gate.scale import Rule
from weighbridge.domain.gate.settings import Limits
from weighbridge.report.assemble import assemble
from weighbridge.report.markdown import render_markdown

STAGES = "FROM scratch AS tiny\nCOPY small /small\nFROM scratch AS prod\nCOPY data /data\n"
FILES = {"Dockerfile": STAGES, "small": b"s", "data": b"d" * 1_000}
LIMITED = Limits(max_increase=parse_limit("+10kB"))


def config(**settings: object) -> Config:
    """The image shop, defined by the configuration."""
    image = ImageSettings(name="shop", line=1, dockerfile="Dockerfile", **settings)
    return Config(limits=LIMITED, images={"shop": image})


@pytest.mark.parametrize(("data_bytes", "rules"), [(90_000, [Rule.MAX_INCREASE]), (2_000, [])])
def test_head_with_smaller_stage_is_judged_by_stage_of_base(run, git_folder, data_bytes, rules):
    base, head = git_folder.commit(FILES), git_folder.commit({"data": b"d" * data_bytes})
    result = run.weigh(base, head, config=config(target="tiny"), base_config=config())
    assert sorted(run.events[:3]) == ["shop as base defines it head", "shop base", "shop head"]
    (image,) = result.images
    assert (image.base.unpacked_bytes, image.head.unpacked_bytes) == (1_000, 1)
    assert image.as_base_defines.head_bytes == data_bytes
    assert [breach.rule for breach in result.breaches] == rules
    assert all(breach.actual_bytes == data_bytes - 1_000 for breach in result.breaches)
    (shown,) = assemble(result).images
    assert shown.name == "shop"


def test_head_larger_than_base_definition_is_judged_by_head(run, git_folder):
    base, head = git_folder.commit(FILES), git_folder.commit({"data": b"d" * 90_000})
    result = run.weigh(base, head, config=config(), base_config=config(target="tiny"))
    assert result.images[0].as_base_defines.head_bytes == 1
    assert [breach.actual_bytes for breach in result.breaches] == [89_999]


def test_head_not_building_with_base_definition_is_named_in_headline(run, git_folder):
    base = git_folder.commit(FILES)
    head = git_folder.commit({"Dockerfile": STAGES.replace("prod", "final"), "data": b"d" * 2_000})
    result = run.weigh(base, head, config=config(target="final"), base_config=config(target="prod"))
    (image,) = result.images
    assert (image.base.unpacked_bytes, image.head.unpacked_bytes) == (1_000, 2_000)
    assert image.as_base_defines.head_bytes is None
    assert "prod" in image.as_base_defines.failure
    assert result.breaches == ()
    headline = render_markdown(assemble(result)).split("<details>")[0]
    assert "**`shop`**: this change alters how the image is built: its target was prod. Head does not build" in headline


def test_image_defined_equally_twice_is_built_once(run, git_folder):
    base, head = git_folder.commit(FILES), git_folder.commit({"data": b"d" * 2_000})
    result = run.weigh(base, head, config=config(target="prod"), base_config=config(target="prod"))
    assert result.images[0].as_base_defines is None
    assert "shop as base defines it head" not in run.events


def test_limits_of_configuration_hold_for_both_ways(run, git_folder):
    text = b"images: { shop: { dockerfile: Dockerfile, target: tiny, limits: { max-size: 50kB } } }\n"
    base, head = git_folder.commit(FILES), git_folder.commit({"data": b"d" * 90_000})
    result = run.weigh(base, head, config=parse_config(text), base_config=config())
    assert [(breach.rule, breach.actual_bytes) for breach in result.breaches] == [(Rule.MAX_SIZE, 90_000)]


def test_image_named_as_gate_build_does_not_replace_it(run, git_folder):
    base = git_folder.commit(FILES)
    small = {"shop as base defines it/Dockerfile": "FROM scratch\nCOPY x /\n", "shop as base defines it/x": "1"}
    head = git_folder.commit({"data": b"d" * 90_000, **small})
    result = run.weigh(base, head, config=config(target="tiny"), base_config=config())
    assert [image.name for image in result.images] == ["shop", "shop as base defines it"]
    assert result.images[0].as_base_defines.head_bytes == 90_000
    assert [breach.rule for breach in result.breaches] == [Rule.MAX_INCREASE]


def test_renamed_image_keeps_limits_and_ignores_of_base(run, git_folder):
    text = "images: { api: { limits: { max-increase: +10kB } } }\n"
    text += "checks: { ignore: [{ code: entrypoint-missing, image: old, reason: known }] }\n"
    settings = parse_config(text.encode(), path="c.yml")
    start = 'FROM scratch\nCOPY data app /\n# 1\n# 2\n# 3\nCMD ["%s"]\n'
    base = git_folder.commit({"api/Dockerfile": start % "/app", "api/data": b"d", "api/app": b"x"})
    moved = {"api/Dockerfile": None, "api/data": None, "api/app": None}
    head = git_folder.commit({**moved, "old/Dockerfile": start % "/no", "old/data": b"d" * 90_000, "old/app": b"x"})
    result = run.weigh(base, head, config=settings, base_config=settings)
    assert [image.name for image in result.images] == ["old"]
    assert {breach.rule for breach in result.breaches} == {Rule.MAX_INCREASE, Rule.CHECK}
