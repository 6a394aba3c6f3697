"""Tars and image layouts as tests need them, written with the standard library's `tarfile` and `json`."""

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader


def _member(name, *, content=b"", kind=tarfile.REGTYPE, link="", mode=0o644, uid=0, gid=0, capabilities=None):
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode, member.uid, member.gid = kind, link, mode, uid, gid
    member.size = len(content)
    if capabilities:
        member.pax_headers["SCHILY.xattr.security.capability"] = capabilities.decode("utf-8", "surrogateescape")
    return member, content


def _tar(members, *, tar_format=tarfile.PAX_FORMAT):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format, errors="surrogateescape") as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _digest(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class Layout:
    """One image's parts, to be written in any layout, and to be spoilt in any way before that."""

    layers: list
    config: dict = field(default_factory=dict)
    history: object = "one step a layer"
    diff_ids: object = None
    os: str = "linux"
    architecture: str = "amd64"

    def config_bytes(self):
        diff_ids = self.diff_ids or [_digest(layer) for layer in self.layers]
        history = self.history
        if history == "one step a layer":
            history = [{"created_by": f"step {number}"} for number in range(len(self.layers))]
        document = {"architecture": self.architecture, "os": self.os, "config": self.config}
        document["rootfs"] = {"type": "layers", "diff_ids": diff_ids}
        if history is not None:
            document["history"] = history
        return json.dumps(document).encode()

    def blobs(self, *, compress=lambda content: content, media_type="application/vnd.oci.image.layer.v1.tar"):
        """Blobs by digest, and the manifest's descriptor."""
        blobs = {}

        def put(content, media_type, **more):
            blobs[_digest(content)] = content
            return {"mediaType": media_type, "digest": _digest(content), "size": len(content)} | more

        layers = [put(compress(layer), media_type) for layer in self.layers]
        config = put(self.config_bytes(), "application/vnd.oci.image.config.v1+json")
        manifest = {"schemaVersion": 2, "config": config, "layers": layers}
        manifest["mediaType"] = "application/vnd.oci.image.manifest.v1+json"
        return blobs, put(json.dumps(manifest).encode(), manifest["mediaType"])

    def write_oci(self, folder, *, tag="latest", index=None, extra_blobs=(), **how):
        blobs, descriptor = self.blobs(**how)
        blobs |= {_digest(blob): blob for blob in extra_blobs}
        place = folder / "blobs/sha256"
        place.mkdir(parents=True, exist_ok=True)
        for digest, content in blobs.items():
            (place / digest.partition(":")[2]).write_bytes(content)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        annotations = {"org.opencontainers.image.ref.name": tag} if tag else {}
        index = index or {"schemaVersion": 2, "manifests": [descriptor | {"annotations": annotations}]}
        (folder / "index.json").write_text(json.dumps(index))
        return descriptor

    def legacy_members(self, *, tags=("app:latest",)):
        """The members of a legacy ``docker save``: ``manifest.json`` is the last one."""
        config = self.config_bytes()
        name = _digest(config).partition(":")[2] + ".json"
        names = [f"{number:064x}/layer.tar" for number in range(len(self.layers))]
        members = [_member(path, content=layer) for path, layer in zip(names, self.layers, strict=True)]
        item = {"Config": name, "RepoTags": list(tags), "Layers": names}
        return [*members, _member(name, content=config), _member("manifest.json", content=json.dumps([item]).encode())]


@pytest.fixture
def member():
    return _member


@pytest.fixture
def tar():
    return _tar


@pytest.fixture
def digest():
    return _digest


@pytest.fixture
def layout():
    return Layout


@pytest.fixture
def small_image(member, tar):
    """Two layers: the second one overwrites a file of the first and removes another."""
    first = tar(
        [
            member("etc/", kind=tarfile.DIRTYPE, mode=0o755),
            member("etc/passwd", content=b"root:x:0:0::/:/bin/sh\n"),
            member("app", content=b"\x7fELF" + b"a" * 3000, mode=0o755),
            member("link", kind=tarfile.LNKTYPE, link="app"),
        ]
    )
    second = tar([member("app", content=b"\x7fELF" + b"b" * 100, mode=0o755), member("etc/.wh.passwd")])
    return Layout(layers=[first, second], config={"Cmd": ["/app"], "Env": ["A=1", "B=2=3"], "OnBuild": ["COPY . /app"]})


@pytest.fixture
def cache(tmp_path):
    return LayerCache(tmp_path / "cache")


@pytest.fixture
def reader(cache):
    with LayerReader(cache=cache) as reader:
        yield reader


@pytest.fixture
def write_archive(tmp_path):
    """Writes members as a tar file and gives its path."""

    def write(members, *, name="image.tar", compress=False, cut=None) -> Path:
        content = _tar(members)
        content = content if cut is None else content[:cut]
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if compress else content)
        return path

    return write
