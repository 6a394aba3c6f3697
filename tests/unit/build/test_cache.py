"""External build caches: places of images, write access, and masked passwords."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.build.cache import BuildCaches, parse_cache_source, parse_cache_target, unavailable
from weighbridge.errors import UsageError


def options(image, side, *, sources=(), targets=()):
    caches = BuildCaches(
        sources=tuple(map(parse_cache_source, sources)), targets=tuple(map(parse_cache_target, targets))
    )
    return list(caches.options(image, side))


def test_cache_place_bare_reference_is_registry():
    assert options("api", "head", sources=["host/cache"]) == ["--cache-from", "type=registry,ref=host/cache"]


def test_cache_with_image_placeholder_only_base_writes():
    target = "type=registry,ref=host/cache:{image},mode=max"
    assert options("api", "base", targets=[target]) == [
        "--cache-to",
        "type=registry,ignore-error=true,ref=host/cache:api,mode=max",
    ]
    assert options("api", "head", targets=[target]) == []


def test_cache_with_side_placeholder_both_sides_write():
    place = "type=local,src=/c/{image}-{side}"
    assert options("api", "head", sources=[place], targets=[place.replace("src", "dest")]) == [
        *("--cache-from", "type=local,src=/c/api-base"),
        *("--cache-from", "type=local,src=/c/api-head"),
        *("--cache-to", "type=local,ignore-error=true,dest=/c/api-head"),
    ]


def test_cache_ignore_error_set_is_kept():
    (_, value) = options("api", "base", targets=["type=gha,ignore-error=false,scope={image}"])
    assert value == "type=gha,ignore-error=false,scope=api"
    assert options("api", "base", targets=["type=inline"]) == ["--cache-to", "type=inline"]


@given(st.lists(st.text(min_size=1, max_size=90), min_size=2, max_size=5, unique=True))
def test_cache_tags_of_two_images_differ_and_are_valid(images):
    place = parse_cache_target("type=registry,ref=h/c:{image}")
    tags = [place.for_build(image, "base").partition("h/c:")[2] for image in images]
    assert len(set(tags)) == len(images)
    assert all(re.fullmatch(r"[\w][\w.-]{0,127}", tag, re.ASCII) for tag in tags)


def test_cache_value_with_comma_is_quoted():
    (_, value) = options("x", "head", sources=['type=s3,"bucket=a,b",region=eu'])
    assert value == 'type=s3,"bucket=a,b",region=eu'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Write type=registry"),
        ("type=floppy,dest=a", "the type 'floppy' is not one of"),
        ("ref=host/x", "the type '' is not one of"),
        ("type=registry,ref", "part 2 is not NAME=VALUE"),
        ("type=registry,ref=a\nb", "Write type=registry"),
        ("type=registry,ref=" + "a" * 2000, "Write type=registry"),
    ],
)
def test_cache_place_invalid_raises_error_without_its_value(text, message):
    with pytest.raises(UsageError, match=message):
        parse_cache_target(text)


def test_cache_place_secrets_repr_omits_them():
    place = parse_cache_target("type=s3,bucket=b,secret_access_key=k3y,endpoint_url=https://u:p:w@host")
    caches = BuildCaches(targets=(place,))
    assert set(caches.secrets) == {"k3y", "p:w"}, "only the first colon ends the name"
    assert "k3y" not in repr(caches)
    assert "pw@" not in repr(caches)


def test_cache_without_image_placeholder_is_shared_target():
    shared, own = parse_cache_target("type=gha"), parse_cache_target("type=gha,scope={image}")
    assert BuildCaches(targets=(shared, own)).shared_targets == (shared,)


def test_gha_cache_outside_actions_is_skipped():
    place = parse_cache_source("type=gha")
    assert unavailable(place, {}) is not None
    assert unavailable(place, {"ACTIONS_RUNTIME_TOKEN": "t", "ACTIONS_RESULTS_URL": "https://x"}) is None
    assert unavailable(parse_cache_source("host/cache"), {}) is None
