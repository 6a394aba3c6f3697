"""One declaration of a key serves the reader, the hints, the schema, the settings and the page."""

from dataclasses import dataclass, fields, is_dataclass, replace

import pytest

from weighbridge.config import parse_config, sections
from weighbridge.config.keys import Key, ListOf, NamedSections, Section, SectionOrShort
from weighbridge.config.schema import config_schema, key_table
from weighbridge.config.sections import CONFIG
from weighbridge.config.values import COUNT
from weighbridge.errors import ConfigError


def sections_in(value):
    match value:
        case Section():
            yield value
            for key in value.keys:
                yield from sections_in(key.value)
        case SectionOrShort(section=inner) | NamedSections(section=inner) | ListOf(item=inner):
            yield from sections_in(inner)


def test_every_key_has_field_and_every_value_has_description():
    for section in sections_in(CONFIG):
        assert is_dataclass(section.make)
        known = {one.name for one in fields(section.make)} | {"version"}
        assert {key.field_name for key in section.keys} <= known
    for path, key in CONFIG.all_keys():
        assert key.description or list(sections_in(key.value)), path


@dataclass(frozen=True, kw_only=True)
class MoreTips(sections.Tips):
    maximum_laughs: int = 3


def test_new_key_needs_one_declaration(monkeypatch):
    laughs = Key(name="maximum-laughs", value=COUNT, description="Maximum laughs per tip.")
    tips = next(key for key in CONFIG.keys if key.name == "tips")
    more = replace(tips.value, keys=(*tips.value.keys, laughs), make=MoreTips)
    keys = tuple(replace(key, value=more) if key is tips else key for key in CONFIG.keys)
    config = replace(CONFIG, keys=keys)
    for module in ("weighbridge.config.sections", "weighbridge.config.schema"):
        monkeypatch.setattr(f"{module}.CONFIG", config)
    assert parse_config(b"tips: {maximum-laughs: 7}").tips.maximum_laughs == 7
    with pytest.raises(ConfigError, match='did you mean "maximum-laughs"'):
        parse_config(b"tips: {maximum-laugh: 7}")
    assert config_schema()["properties"]["tips"]["properties"]["maximum-laughs"] == laughs.schema
    assert ("tips.maximum-laughs", "Maximum laughs per tip.") in key_table()
