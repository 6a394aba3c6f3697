"""Random sets of layers, and what an engine makes of them: the tar that ``docker export`` gives, entry by entry.

Left out is what engines refuse, or treat differently from each other and from the spec: a whiteout beside a new entry
of its name, a parent that is a symlink, a hard link to a file of a lower layer, and one path twice in a layer.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass

import docker

NAMES = ("a", "b", "c")
MAX_DEPTH = 3
ENGINE_FILES = ("dev", "proc", "sys", "etc", ".dockerenv")
"""What the engine itself puts into each container."""

Tree = dict[str, tuple[str, object]]
"""By path: what it is (``file``, ``symlink``, ``directory``), and its content's digest, link target or nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerSet:
    """An image of random layers: the tars, lowest first, and its config."""

    seed: int
    layers: tuple[bytes, ...]

    @property
    def config(self) -> bytes:
        """The image config."""
        diff_ids = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in self.layers]
        return json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["/x"], "Labels": {"seed": str(self.seed)}},
                "rootfs": {"type": "layers", "diff_ids": diff_ids},
            }
        ).encode()

    @property
    def tag(self) -> str:
        """The name under which the engine has it."""
        return f"weighbridge-layer-set:{self.seed}"


def layer_set(seed: int) -> LayerSet:
    """The layers of one seed: one to four, each of files, hard links, symlinks, directories and whiteouts."""
    random_ = random.Random(seed)
    below: dict[str, str] = {}
    files: set[str] = set()
    layers = []
    for number in range(random_.randint(1, 4)):
        layer = _Layer(random_, below, files, f"{seed}/{number}")
        layers.append(layer.tar())
        below = layer.after()
        files |= layer.removed | {path for path, kind in below.items() if kind != "directory"}
    return LayerSet(seed=seed, layers=tuple(layers))


class _Layer:
    """One layer over what is `below` (kinds by path). `files` are paths that a lower layer removed or had as a file."""

    def __init__(self, random_: random.Random, below: dict[str, str], files: set[str], salt: str) -> None:
        self._below_files = files
        self._random = random_
        self._below = below
        self._salt = salt
        self._own: dict[str, str] = {}
        self.removed: set[str] = set()
        self._files: list[str] = []
        self._buffer = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._buffer, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._add("keep", tarfile.REGTYPE, content=salt.encode())
        self._own["keep"] = "file"

    def tar(self) -> bytes:
        """The layer, of up to ten entries."""
        for _ in range(self._random.randint(1, 10)):
            self._step()
        self._tar.close()
        return self._buffer.getvalue()

    def after(self) -> dict[str, str]:
        """What is there once this layer is applied."""
        hidden = self.removed | {path for path, kind in self._own.items() if kind != "directory"}
        left = {
            path: kind for path, kind in self._below.items() if not _is_in(path, hidden) and path not in self.removed
        }
        return left | self._own

    def _step(self) -> None:
        path = "/".join(self._random.choice(NAMES) for _ in range(self._random.randint(1, MAX_DEPTH)))
        if path in self._own or path in self.removed or not self._parents_are_free(path):
            return
        action = self._random.choice(("file", "file", "file", "link", "symlink", "directory", "whiteout", "opaque"))
        if action == "whiteout":
            self._whiteout(path)
        elif action == "opaque":
            self._opaque(path)
        elif action == "directory" or not any(other.startswith(f"{path}/") for other in (*self._own, *self.removed)):
            self._entry(path, action)

    def _parents_are_free(self, path: str) -> bool:
        """No parent is a symlink, or something of this layer that is no directory."""
        parts = path.split("/")
        for end in range(1, len(parts)):
            parent = "/".join(parts[:end])
            kind = self._own.get(parent, self._below.get(parent))
            if kind == "symlink" or (parent in self._own and kind != "directory") or parent in self.removed:
                return False
        return True

    def _entry(self, path: str, action: str) -> None:
        if action == "link":
            if not self._files:
                return
            self._parents(path)
            self._add(path, tarfile.LNKTYPE, target=self._random.choice(self._files))
            self._own[path] = "file"
            return
        self._parents(path)
        if action == "file":
            size = self._random.choice((0, 1, 700, 9000))
            self._add(
                path,
                tarfile.REGTYPE,
                content=hashlib.sha256(f"{self._salt}{path}".encode()).digest() * (size // 32 + 1),
            )
            self._files.append(path)
        elif action == "symlink":
            self._add(path, tarfile.SYMTYPE, target=self._random.choice(NAMES))
        else:
            self._add(path, tarfile.DIRTYPE)
        self._own[path] = action

    def _parents(self, path: str) -> None:
        """Name the parents as builders do, or leave them to be implied, as jib and rules_docker do.

        containerd cannot unpack an implied directory two levels below what a lower layer had as a file: named there.
        """
        parts = path.split("/")
        above = ["/".join(parts[:end]) for end in range(1, len(parts) - 1)]
        is_named = self._random.random() < 0.5 or any(one in self._below_files for one in above)
        for end in range(1, len(parts)):
            parent = "/".join(parts[:end])
            if self._own.get(parent) != "directory":
                if is_named:
                    self._add(parent, tarfile.DIRTYPE)
                self._own[parent] = "directory"

    def _whiteout(self, path: str) -> None:
        if path not in self._below or any(other == path or other.startswith(f"{path}/") for other in self._own):
            return
        directory, _, name = path.rpartition("/")
        if directory and self._own.get(directory, self._below.get(directory)) != "directory":
            return
        if any(other.startswith(f"{path}/") for other in self.removed):
            return  # the marker below it has made the directory
        if any(path.startswith(f"{one}/") for one in self._below_files):
            return  # see `_parents`
        self._add(f"{directory}/.wh.{name}".lstrip("/"), tarfile.REGTYPE)
        self.removed.add(path)

    def _opaque(self, path: str) -> None:
        if self._below.get(path) != "directory" or any(other.startswith(f"{path}/") for other in self._own):
            return
        self._parents(path)
        self._add(path, tarfile.DIRTYPE)
        self._add(f"{path}/.wh..wh..opq", tarfile.REGTYPE)
        self._own[path] = "directory"
        self.removed |= {other for other in self._below if other.startswith(f"{path}/")}

    def _add(self, path: str, type_flag: bytes, *, content: bytes = b"", target: str = "") -> None:
        member = tarfile.TarInfo(path)
        member.type, member.size, member.linkname = type_flag, len(content), target
        member.mode = 0o755 if type_flag == tarfile.DIRTYPE else 0o644
        self._tar.addfile(member, io.BytesIO(content))


def _is_in(path: str, hidden: set[str]) -> bool:
    parts = path.split("/")
    return any("/".join(parts[:end]) in hidden for end in range(1, len(parts)))


def combined(sets: Sequence[LayerSet]) -> LayerSet:
    """One image that holds every set in a folder of its own, named by its seed: one container shows them all."""
    layers = []
    for number in range(max(len(one.layers) for one in sets)):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for one in sets:
                for layer in one.layers[number : number + 1]:
                    _copy(layer, f"s{one.seed}", tar)
        layers.append(buffer.getvalue())
    return LayerSet(seed=sets[0].seed, layers=tuple(layers))


def _copy(layer: bytes, folder: str, into: tarfile.TarFile) -> None:
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        for member in tar:
            member.name = f"{folder}/{member.name}"
            if member.islnk():
                member.linkname = f"{folder}/{member.linkname}"
            into.addfile(member, tar.extractfile(member) if member.isreg() else None)


def export_all(client: docker.DockerClient, sets: Sequence[LayerSet]) -> tuple[Tree, list[int]]:
    """The files of all `sets` in folders named by seed, and the seeds of those that the engine refuses.

    A refused set makes the engine refuse the whole image, so the halves are tried apart.
    """
    try:
        return exported(client, combined(sets)), []
    except docker.errors.APIError:
        if len(sets) == 1:
            return {}, [sets[0].seed]
    half = len(sets) // 2
    first, refused_first = export_all(client, sets[:half])
    second, refused_second = export_all(client, sets[half:])
    return first | second, refused_first + refused_second


def archive(one: LayerSet) -> bytes:
    """The image as ``docker save`` would have written it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:

        def put(name: str, content: bytes) -> str:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
            return name

        config = one.config
        names = [put(f"{number}/layer.tar", layer) for number, layer in enumerate(one.layers)]
        name = put(f"{hashlib.sha256(config).hexdigest()}.json", config)
        put("manifest.json", json.dumps([{"Config": name, "RepoTags": [one.tag], "Layers": names}]).encode())
    return buffer.getvalue()


def exported(client: docker.DockerClient, one: LayerSet) -> Tree:
    """The files of a container of the image, which is never started. The image goes afterwards.

    Raises docker.errors.APIError if the engine refuses the image.
    """
    for _ in client.api.load_image(archive(one)):
        pass
    try:
        container = client.api.create_container(one.tag, command=["/never-started"])["Id"]
        try:
            content = b"".join(client.api.export(container))
        finally:
            client.api.remove_container(container, v=True, force=True)
    finally:
        with contextlib.suppress(docker.errors.ImageNotFound):
            client.api.remove_image(one.tag, force=True)
    found: Tree = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for member in tar:
            path = member.name.strip("/")
            if path.split("/")[0] in ENGINE_FILES or not path:
                continue
            if member.isdir():
                found[path] = ("directory", None)
            elif member.issym():
                found[path] = ("symlink", member.linkname)
            else:
                file = tar.extractfile(member)  # follows a hard link to its content
                found[path] = ("file", hashlib.sha256(file.read() if file else b"").hexdigest())
    return found
