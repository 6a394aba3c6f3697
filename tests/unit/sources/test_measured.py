"""Measurements in the cache folder: found again as they were, not believed where anything is not as it should be."""

from __future__ import annotations

import json
import time
from pathlib import Path

import msgspec
import pytest

from weighbridge.sources.image_identities import moved_images
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.measurement_cache import MEASUREMENT_FORMAT, CachedMeasurement, Measurement, Measurements
from weighbridge.sources.source_layer import SourceLayer

KEY = "k" * 64
DIFF_ID = f"sha256:{'1' * 64}"
CONFIG = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"diff_ids": [DIFF_ID]}}).encode()
NOW = int(time.time())
IDENTITY = f"engine sha256:{'2' * 64}"


@pytest.fixture
def cache(tmp_path: Path) -> LayerCache:
    return LayerCache(tmp_path)


def written(cache: LayerCache, **changes: object) -> CachedMeasurement | None:
    """What is found after a record was written by somebody else."""
    record = {
        "format": MEASUREMENT_FORMAT,
        "key": KEY,
        "measured_at": NOW,
        "config": CONFIG,
        "blobs": [[DIFF_ID]],
        "identities": {},
        **changes,
    }
    cache.put_document(f"measured {MEASUREMENT_FORMAT} {KEY}", msgspec.msgpack.encode(list(record.values())))
    return Measurements(cache).find(KEY)


def test_measurement_is_found_unchanged_under_its_key(cache: LayerCache) -> None:
    measured = CachedMeasurement(
        measurement=Measurement(config=CONFIG, layers=(SourceLayer(diff_id=DIFF_ID, size_bytes=7),)),
        measured_at=NOW,
        identities={"debian:12": IDENTITY},
    )
    measurements = Measurements(cache)
    measurements.keep(KEY, measured)
    assert measurements.find(KEY) == measured
    assert measurements.find("other") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"format": MEASUREMENT_FORMAT + 1},
        {"key": "another"},
        {"measured_at": 0},
        {"measured_at": (1 << 31) - 1},  # in the future until 2038
        {"measured_at": "yesterday"},
        {"config": b"{}"},
        {"config": b"\xff"},
        {"config": b"[" * 100_000},
        {"blobs": []},
        {"blobs": [[DIFF_ID], [DIFF_ID]]},
        {"blobs": [["sha256:1"]]},
        {"blobs": [[DIFF_ID.replace("1", "2")]]},
        {"blobs": [[DIFF_ID, -1]]},
        {"blobs": [[DIFF_ID, 1 << 60]]},
        {"blobs": [[DIFF_ID, True]]},
        {"blobs": [[DIFF_ID, 1, "sha256:1"]]},
        {"blobs": [[DIFF_ID, 1, DIFF_ID, "rar"]]},
        {"identities": {"debian": "sha256:1"}},
        {"identities": {"": IDENTITY}},
        {"identities": {str(number): IDENTITY for number in range(1_000)}},
        {"surplus": 1},
    ],
    ids=str,
)
def test_malformed_record_counts_as_missing(cache: LayerCache, changes: dict[str, object]) -> None:
    assert written(cache) is not None
    assert written(cache, **changes) is None


def test_record_invalid_or_damaged_counts_as_missing(cache: LayerCache, tmp_path: Path) -> None:
    measurements = Measurements(cache)
    cache.put_document(f"measured {MEASUREMENT_FORMAT} {KEY}", b"\x00nonsense")
    assert measurements.find(KEY) is None
    measurements.keep(
        KEY,
        CachedMeasurement(
            measurement=Measurement(config=CONFIG, layers=(SourceLayer(diff_id=DIFF_ID),)), measured_at=NOW
        ),
    )
    (file,) = tmp_path.rglob("*.wbi")
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    assert measurements.find(KEY) is None


def test_only_identities_of_same_source_are_compared() -> None:
    other = IDENTITY.replace("2", "3")
    then = {"a": IDENTITY, "b": IDENTITY, "c": IDENTITY, "d": IDENTITY}
    now = {"a": IDENTITY, "b": other, "c": other.replace("engine", "registry")}
    assert moved_images(then, now) == ("b",)
