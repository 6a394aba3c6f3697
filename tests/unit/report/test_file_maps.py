"""File maps of a report stay within its bytes, and have no secrets."""

import random
from dataclasses import replace

import pytest

from weighbridge.domain.image.file_map import FileArea, FileMap
from weighbridge.domain.image.packed_file_map import masked_map, pack, unpack
from weighbridge.domain.secret_values import ANY_SECRET, SecretMask
from weighbridge.report.file_maps import with_maps_within
from weighbridge.report.masked import masked

TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ"


def packed(files):
    chance = random.Random(files)
    areas = tuple(FileArea(f"d{n % 20}/{chance.randrange(10**12)}", chance.randrange(1, 10**6)) for n in range(files))
    return pack(FileMap(areas=areas, packages=()))


def test_maps_within_limit_are_unchanged(samples):
    image = replace(samples.api(), file_map=packed(100))
    assert with_maps_within([image], 10_000) == (image,)


def test_small_map_leaves_its_share_to_large_one(samples):
    small, large = (replace(samples.api(), file_map=packed(files)) for files in (50, 5_000))
    kept, cut = with_maps_within([small, large], 20_000)
    assert kept == small
    assert 10_000 < len(cut.file_map) <= 20_000 - len(small.file_map)


def test_invalid_map_is_dropped_when_maps_are_cut(samples):
    broken = replace(samples.api(), file_map=b"x" * 2_000)
    assert with_maps_within([broken], 1_000)[0].file_map is None


def test_secret_in_path_is_masked(samples):
    mask = SecretMask(["hunter2secret"])
    image = replace(samples.api(), file_map=pack(FileMap(areas=(FileArea("a/hunter2secret/b", 5),), packages=())))
    assert [area.path for area in unpack(masked(image, mask).file_map).areas] == ["a/***/b"]


@pytest.mark.parametrize(
    "path",
    [
        "a/ghp_0123456789abcdefghijABCDEFGHIJ/b",
        "a/b --token=abcdef12345/c",
        "hooks.slack.com/services/T0123456789/B0123456789",
    ],
)
def test_value_with_shape_of_secret_in_path_is_masked(path):
    whole = pack(FileMap(areas=(FileArea("a/b", 1), FileArea(path, 5)), packages=()))
    (_, area) = unpack(masked_map(whole, ANY_SECRET)).areas
    assert "***" in area.path
    assert area.path == ANY_SECRET.text(path)


def test_map_without_secret_is_not_changed():
    whole = pack(FileMap(areas=(FileArea("a/b", 1), FileArea("user/env/token", 5)), packages=("login 1 (npm)",)))
    assert masked_map(whole, ANY_SECRET) is whole


def test_secret_in_package_of_map_is_masked():
    whole = pack(FileMap(areas=(FileArea("a", 1, package=0),), packages=(f"{TOKEN} 1 (npm)",)))
    assert unpack(masked_map(whole, ANY_SECRET)).packages == ("*** 1 (npm)",)
