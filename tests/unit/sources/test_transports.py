"""The contract of all transports: names, advice, help and docs agree, and every source gives outcomes of one shape."""

import re
from pathlib import Path

import pytest

from weighbridge.cli.commands.compare import compare
from weighbridge.cli.commands.explore import explore
from weighbridge.cli.commands.inspect import inspect
from weighbridge.errors import EngineError, ImageError, RegistryError, UsageError
from weighbridge.sources import from_files, reference, transports
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.reference import ImageLocation, Transport, split_path
from weighbridge.sources.transports import TRANSPORTS, image_forms, parse_image_reference

DOCS = Path(__file__).parents[3] / "docs"
NAMES = {one.name for one in TRANSPORTS}
MIXED_UP = ["./image.tar", "/tmp/image.tar.gz", "registry:./image.tar", "registry:/tmp/x", "oci:"]


def names_in(text):
    """The transports that a text advises, as the word before a colon and a place."""
    return set(re.findall(r"(?:^|[ `(])([a-z][a-z-]+):(?=[A-Z./…])", text))


def test_names_of_transports_are_unique_and_one_is_default():
    names = [name for one in TRANSPORTS for name in (one.name, *one.aliases)]
    assert len(names) == len(set(names))
    assert [one.name for one in TRANSPORTS if one.is_default] == ["docker-daemon"]
    assert not NAMES & set(reference._OTHER_TRANSPORTS)


@pytest.mark.parametrize("transport", TRANSPORTS, ids=lambda one: one.name)
def test_reference_of_transport_without_place_names_its_form(transport):
    with pytest.raises(UsageError, match=re.escape(f"write {transport.name}:{transport.form}")):
        parse_image_reference(f"{transport.name}:")


@pytest.mark.parametrize("name", reference._OTHER_TRANSPORTS)
def test_advice_for_unsupported_transport_names_supported_ones(name):
    with pytest.raises(UsageError) as error:
        parse_image_reference(f"{name}:some/image")
    advised = names_in(str(error.value).partition(";")[2])
    assert advised <= NAMES | {"dir"}
    assert advised or "DOCKER_HOST" in str(error.value)


@pytest.mark.parametrize("text", MIXED_UP)
def test_advice_for_mixed_up_transport_names_supported_ones(text):
    with pytest.raises(UsageError) as error:
        parse_image_reference(text)
    advised = names_in(str(error.value).partition(": ")[2] or str(error.value))
    assert advised
    assert advised <= NAMES


@pytest.mark.parametrize("command", [compare, explore, inspect], ids=lambda one: one.name)
def test_help_of_command_lists_all_transports(command):
    assert image_forms() in command.help
    assert names_in(image_forms()) == NAMES - {"docker-daemon"}


@pytest.mark.parametrize("page", ["ready-images.md", "cli.md"])
def test_page_lists_all_transports(page):
    listed = names_in((DOCS / page).read_text())
    assert (listed & NAMES) | {"docker-daemon"} == NAMES


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("docker-archive:/no/such.tar", ImageError),
        ("dir:/no/such", ImageError),
        ("oci:/no/such", ImageError),
        ("oci-archive:/no/such.tar", ImageError),
        ("registry:127.0.0.1:1/app:1", RegistryError),
        ("docker-daemon:app:1", EngineError),
    ],
)
def test_missing_image_is_outcome_next_to_others(place, error, reader, small_image, write_archive):
    missing = parse_image_reference(place)
    there = parse_image_reference(f"docker-archive:{write_archive(small_image.legacy_members())}")
    outcomes = reader.read([missing, there])
    assert isinstance(outcomes[missing], error)
    assert outcomes[there].unpacked_bytes == 3130
    with pytest.raises(error):
        reader.diff_ids(missing)


def test_every_transport_is_in_contract():
    places = test_missing_image_is_outcome_next_to_others.pytestmark[0].args[1]
    assert {parse_image_reference(place).transport for place, _ in places} == set(TRANSPORTS)


def test_new_transport_needs_one_line_of_registration(monkeypatch, cache, small_image, tmp_path):
    class ImagesInDrawers(from_files.ImagesInFiles):
        def _read(self, reference, title, *, estimate_sizes):
            archive = Path(reference.place) / "drawer"
            return super()._read(parse_image_reference(f"oci:{archive}"), title, estimate_sizes=estimate_sizes)

    drawer = Transport(
        name="drawer", form="CABINET", location=ImageLocation.FOLDER, split=split_path, source=ImagesInDrawers
    )
    monkeypatch.setattr(transports, "TRANSPORTS", (*TRANSPORTS, drawer))
    small_image.write_oci(tmp_path / "drawer")
    named = parse_image_reference(f"drawer:{tmp_path}")
    with LayerReader(cache=cache) as reader:
        image = reader.read([named])[named]
        assert image.unpacked_bytes == 3130
        assert reader.diff_ids(named) == tuple(layer.diff_id for layer in image.layers)
        assert reader.reads_alone(named)
    assert str(named) == f"drawer:{tmp_path}"
    assert "drawer:CABINET" in image_forms()
