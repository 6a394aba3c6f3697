"""Limits, soft limits, budgets and the comment's threshold in the configuration file, with exact errors."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from weighbridge.config import Config, config_schema, parse_config
from weighbridge.domain.image.file_map_nodes import MAXIMUM_NODES, MINIMUM_NODES
from weighbridge.errors import ConfigError
from weighbridge.plan.base_rules import gate_settings, ruled_by

EVERY_LIMIT = """\
limits:
  max-increase: "+10%"
  max-own-increase: "+5MB"
  max-dependency-increase: "+20MB or +10%"
  max-base-image-increase: "+50MB"
  max-size: 500MB
  max-new-size: 100MB
  max-download-size: 200MB
  max-download-increase: "+10%"
  max-wasted: { size: 20MB, ignore: ["/var/lib/dpkg/**"] }
  max-layers: 30
  warn: { max-increase: "+5%", max-wasted: 5MB, max-layers: 20 }
budgets:
  - { name: all services, images: ["services/*"], max-size: 2GB, max-increase: "+50MB" }
comment: { above: 1MB }
"""


def parse(text: str) -> Config:
    return parse_config(text.encode())


def test_every_limit_is_read_and_valid_for_schema():
    config = parse(EVERY_LIMIT)
    limits = config.limits_of("services/api")
    assert (str(limits.max_own_increase), str(limits.max_dependency_increase)) == ("+5MB", "+20MB or +10%")
    assert (limits.max_layers, str(limits.max_download_size)) == (30, "200MB")
    assert limits.max_wasted is not None
    assert limits.max_wasted.ignore == ("/var/lib/dpkg/**",)
    assert limits.warn is not None
    assert (str(limits.warn.max_increase), str(limits.warn.max_wasted), limits.warn.max_layers) == ("+5%", "5MB", 20)
    (budget,) = config.budgets
    assert (budget.name, budget.images, str(budget.max_size)) == ("all services", ("services/*",), "2GB")
    assert config.comment.above_bytes == 1_000_000
    jsonschema.validate(yaml.safe_load(EVERY_LIMIT), config_schema())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limits: { max-layer: 3 }", 'unknown key "max-layer" in limits (did you mean "max-layers"?)'),
        ("limits: { max-layers: 0 }", "limits.max-layers must be a number from 1 to"),
        ("limits: { max-own-increase: 5MB }", 'limits.max-own-increase: "5MB" has no "+"'),
        ("limits: { max-wasted: { ignore: [a] } }", 'limits.max-wasted: the key "size" is missing'),
        ("limits: { warn: { ratchet: {} } }", 'unknown key "ratchet" in limits.warn'),
        ("budgets: [{ name: a, images: [b] }]", "budgets[0]: set max-size, max-increase or both"),
        ("budgets: [{ name: a, images: [], max-size: 1B }]", "budgets[0].images: name at least one image"),
        ("budgets: [{ images: [a], max-size: 1B }]", 'budgets[0]: the key "name" is missing'),
        ("comment: { above: 1 }", 'comment.above: "1" has no unit'),
    ],
)
def test_invalid_limit_is_refused_with_its_key(text, message):
    with pytest.raises(ConfigError) as refused:
        parse(text)
    assert message in str(refused.value)


def test_two_budgets_of_one_name_are_refused():
    one = "{ name: a, images: [b], max-size: 1B }"
    with pytest.raises(ConfigError, match="two budgets have the name 'a'"):
        parse(f"budgets: [{one}, {one}]")


def test_budgets_and_comment_settings_come_from_base():
    base, head = parse(EVERY_LIMIT), parse("comment: { above: 1GB }")
    ruled = ruled_by(base, head)
    assert (ruled.budgets, ruled.comment, ruled.limits) == (base.budgets, base.comment, base.limits)
    assert gate_settings(ruled) != gate_settings(head)


def test_failing_tips_are_off_by_default_and_set_by_base():
    assert parse("").tips.limit is None
    base = parse("tips: { fail-on: introduced, above: 5MB, ladder: true }")
    assert base.tips.limit is not None
    assert str(base.tips.limit.above) == "5MB"
    ruled = ruled_by(base, parse("tips: { ladder: false }"))
    assert (ruled.tips.limit, ruled.tips.ladder) == (base.tips.limit, False)
    jsonschema.validate({"tips": {"fail-on": "introduced", "above": "5MB"}}, config_schema())


def test_file_maps_are_on_by_default_and_share_their_nodes():
    extras = Config().extras
    assert extras.file_map_nodes == MAXIMUM_NODES
    assert extras.of_one_image(5).file_map_nodes == MAXIMUM_NODES // 5
    assert extras.of_one_image(300).file_map_nodes == MINIMUM_NODES
    assert parse("report: { file-maps: false }").extras.of_one_image(1).file_map_nodes == 0


def test_text_diffs_are_off_by_default_and_base_decides():
    assert not Config().report.text_diffs
    assert parse("report: { text-diffs: true }").report.text_diffs
    assert not ruled_by(Config(), parse("report: { text-diffs: true }")).report.text_diffs
