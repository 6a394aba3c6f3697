"""Which contents are stored with their layer: those that package ecosystems and the start prediction need."""

import subprocess
import sys

import pytest

from weighbridge.domain.packages.find import ECOSYSTEMS
from weighbridge.domain.packages.model import Ecosystem
from weighbridge.sources.kept_files import MAX_KEPT_FILE_BYTES, is_kept


@pytest.mark.parametrize(
    "path",
    [
        "etc/passwd",
        "etc/ld.so.conf.d/local.conf",
        "var/lib/dpkg/info/libc6:amd64.list",
        "usr/lib/apk/db/installed",
        "usr/lib/python3/site-packages/a-1.dist-info/RECORD",
        "app/node_modules/@scope/a/package.json",
    ],
)
def test_file_needed_by_later_steps_is_kept_up_to_limit(path):
    assert is_kept(path, MAX_KEPT_FILE_BYTES)
    assert not is_kept(path, MAX_KEPT_FILE_BYTES + 1)
    assert not is_kept(f"{path}/old", 1)


@pytest.mark.parametrize("path", ["etc/hosts", "app/package.json", "METADATA", "var/lib/dpkg/info/a.postinst"])
def test_other_file_is_not_kept(path):
    assert not is_kept(path, 1)


def test_every_ecosystem_is_registered_once():
    assert {one.name for one in ECOSYSTEMS} == set(Ecosystem) - {Ecosystem.OTHER}
    assert len({one.url_type for one in ECOSYSTEMS}) == len({one.name for one in ECOSYSTEMS}) == len(ECOSYSTEMS)


MADE_UP = """
import sys, docker
from weighbridge.domain.packages import find
from weighbridge.domain.packages.ecosystem import NeededFiles, PackageEcosystem
from weighbridge.domain.packages.model import Ecosystem

def find_beans(owners):
    for name, number in owners.names("/var/beans").items():
        content = owners.read(owners.node(number), limit_bytes=100)
        owners.claim_file(owners.add_package(Ecosystem.OTHER, name, content.decode()), number)

BEAN = PackageEcosystem(
    name=Ecosystem.OTHER, find=find_beans, url_type="bean",
    needed_files=NeededFiles(pattern=r"var/beans/[^/]+", beginnings=("var/beans/",)),
)
find.ECOSYSTEMS = (*find.ECOSYSTEMS, BEAN)

from pathlib import Path
from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.domain.packages.package_url import parse_package_url
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.transports import parse_image_reference

reference = parse_image_reference(f"docker-archive:{sys.argv[1]}")
with LayerReader(cache=LayerCache(Path(sys.argv[2]))) as reader:
    image = reader.read([reference])[reference]
    Path(sys.argv[1]).unlink()
    rootfs = Rootfs.from_changesets([layer.changeset for layer in image.layers], reader.contents(reference))
    packages = find.find_packages(rootfs)
    print([(one.name, one.version, one.size_bytes) for one in packages.packages], packages.notes)
    print(parse_package_url("pkg:bean/lima@1").ecosystem)
"""


def test_new_ecosystem_needs_one_registration(layout, member, tar, write_archive, tmp_path):
    """In a process of its own, because the list is read at import. The archive is gone when packages are found."""
    image = layout([tar([member("var/beans/lima", content=b"1.2")])])
    archive = write_archive(image.legacy_members())
    done = subprocess.run(
        [sys.executable, "-c", MADE_UP, str(archive), str(tmp_path / "cache")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "[('lima', '1.2', 3)] ()\nother\n"
