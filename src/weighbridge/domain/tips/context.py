"""Input and output of the tips on files."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from weighbridge.domain.dockerfile.model import Instruction
from weighbridge.domain.image.align import WeighedLayer
from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.packages.model import DISTRIBUTIONS, Package
from weighbridge.domain.tips.hidden import copies_of_base_files
from weighbridge.domain.tips.tip import DockerfileSource, Tip
from weighbridge.errors import WeighbridgeError

"""Ecosystems of distributions. The author of a Dockerfile cannot change their files."""

_MAXIMUM_SHOWN = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class FinalFile:
    """A regular file of the final filesystem. `number` is its number in `Rootfs.table`, `layer` the
    index of the layer that holds its bytes.

    `other_paths` are its other hard links: removing all of them frees its bytes. `package` owns it, ``None`` if no
    package does. `installation` distinguishes two installations of one package. `is_own` is false for files of the base
    image.
    """

    number: int
    node: Node
    other_paths: tuple[str, ...]
    layer: int
    is_own: bool
    package: Package | None = None
    installation: int = -1

    @property
    def path(self) -> str:
        """The first path."""
        return self.node.path

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths."""
        return self.path, *self.other_paths

    @property
    def size_bytes(self) -> int:
        """Its length."""
        return self.node.size_bytes

    @property
    def inode(self) -> tuple[str, str]:
        """The file's identity, independent of its paths."""
        return self.node.diff_id, self.node.stored_path

    @property
    def is_from_distribution(self) -> bool:
        """True for a file of a deb, apk or rpm package."""
        return self.package is not None and self.package.ecosystem in DISTRIBUTIONS


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundTip:
    """A tip and the files that it counts. No other tip may count them again."""

    tip: Tip
    files: tuple[FinalFile, ...]


class ImageFiles:
    """The files of an image by their number in `Rootfs.table`, with layer and package. Empty files are left out."""

    def __init__(self, image: WeighedImage) -> None:
        self._image = image
        self._table = image.rootfs.table
        self.names = self._table.names
        self.sizes = self._table.sizes
        # Of layers with one diff ID, which have one content, the last counts.
        last = {layer.diff_id: index for index, layer in enumerate(image.layers)}
        of_layer = [last[layer.diff_id] for layer in image.layers]
        self.layers = self._table.layers
        if of_layer != list(range(len(of_layer))):
            self.layers = array("H", map(of_layer.__getitem__, self.layers))
        owners = image.packages.owners
        self.owners = owners if len(owners) == len(self.sizes) else array("i", [-1]) * len(self.sizes)

    def file(self, number: int) -> FinalFile:
        """One file."""
        owner = self.owners[number]
        layer = self.layers[number]
        return FinalFile(
            number=number,
            node=self._image.rootfs.node(number),
            other_paths=self._table.other_paths(number),
            layer=layer,
            is_own=not self._image.layers[layer].from_base_image,
            package=self._image.packages.packages[owner] if owner >= 0 else None,
            installation=owner,
        )

    def own_by_folder(self) -> tuple[tuple[str, array[int]], ...]:
        """The folders with the Dockerfile's own files, as `TipContext.own_by_folder`."""
        image, layers, sizes = self._image, self.layers, self.sizes
        own_layers = frozenset(index for index, layer in enumerate(image.layers) if not layer.from_base_image)
        again = copies_of_base_files(image.layers, image.waste)

        def is_copy(number: int) -> bool:
            return (image.rootfs.node(number).stored_path, layers[number]) in again

        found = []
        for folder, start, end in self._table.ranges():
            of_folder = set(layers[start:end])
            if own_layers.isdisjoint(of_folder):
                continue
            if of_folder <= own_layers and 0 not in sizes[start:end]:
                numbers = array("I", range(start, end))
            else:
                numbers = array("I", [one for one in range(start, end) if sizes[one] and layers[one] in own_layers])
            if again:
                numbers = array("I", [one for one in numbers if not is_copy(one)])
            if numbers:
                found.append((folder, numbers))
        return tuple(found)

    def sizes_of_several(self, least_bytes: int) -> frozenset[int]:
        """The sizes of at least `least_bytes` that several files have: only these files may have equal contents."""
        counts = Counter(map(self.sizes.__getitem__, self._table.at_least(least_bytes)))
        return frozenset(size for size, count in counts.items() if count > 1)

    def of_sizes(self, sizes: Collection[int]) -> list[int]:
        """The numbers of all files with one of the `sizes`."""
        return [number for number in self._table.at_least(min(sizes)) if self.sizes[number] in sizes] if sizes else []

    def large(self, least_bytes: int) -> list[int]:
        """The numbers of all files with at least `least_bytes`."""
        return self._table.at_least(least_bytes)

    def named(
        self, is_wanted: Callable[[str], object], *texts: str, names: frozenset[str] = frozenset()
    ) -> frozenset[int]:
        """As `FileTable.numbers_named`."""
        return frozenset(self._table.numbers_named(is_wanted, texts, names=names))


@dataclass(frozen=True, kw_only=True, slots=True)
class TipContext:
    """An image, its Dockerfile if known, and its files.

    `own_by_folder` has the files of the Dockerfile's own layers that no tip counts yet: each folder, and the numbers of
    its files. A tip looks at folders first, then at names, and makes objects only of the files that it wants.
    `command_words` are the words of the container's command; shell commands are split at blanks.
    """

    image: WeighedImage
    source: DockerfileSource | None
    files: ImageFiles
    own_by_folder: tuple[tuple[str, array[int]], ...]
    command_words: tuple[str, ...]

    @property
    def own(self) -> Iterator[FinalFile]:
        """All own files. Slow for large images."""
        return (self.files.file(number) for _, numbers in self.own_by_folder for number in numbers)

    def own_by_layer(self) -> dict[int, list[tuple[str, array[int]]]]:
        """`own_by_folder` for each layer."""
        of_layer = self.files.layers
        found: dict[int, list[tuple[str, array[int]]]] = {}
        for folder, numbers in self.own_by_folder:
            layers = set(map(of_layer.__getitem__, numbers))
            groups = {layer: numbers if len(layers) == 1 else array("I") for layer in layers}
            for number in numbers if len(layers) > 1 else ():
                groups[of_layer[number]].append(number)
            for layer, group in groups.items():
                found.setdefault(layer, []).append((folder, group))
        return found

    def own_in(self, is_wanted: Callable[[str], object]) -> list[FinalFile]:
        """The own files of the folders whose path, with a slash at its end, is wanted."""
        return [
            self.files.file(number)
            for folder, numbers in self.own_by_folder
            if is_wanted(f"{folder}/")
            for number in numbers
        ]

    def own_named(self, name: str) -> list[FinalFile]:
        """The own files with this name (the first, of several hard links)."""
        return self._own_of(self.files.named(name.__eq__, names=frozenset({name})))

    def large_own(self, least_bytes: int) -> list[FinalFile]:
        """The own files with at least `least_bytes`."""
        return self._own_of(self.files.large(least_bytes))

    def own_of_sizes(self, sizes: Collection[int]) -> list[FinalFile]:
        """The own files with one of the `sizes`."""
        return self._own_of(self.files.of_sizes(sizes))

    def _own_of(self, wanted: Collection[int]) -> list[FinalFile]:
        numbers = frozenset(wanted)
        own_by_folder = self.own_by_folder if numbers else ()
        return [self.files.file(one) for _, own in own_by_folder for one in sorted(numbers.intersection(own))]

    def layer(self, index: int) -> WeighedLayer:
        """A layer of the image."""
        return self.image.layers[index]

    def without(self, taken: Iterable[FinalFile]) -> TipContext:
        """The same, with fewer own files."""
        gone = {file.number for file in taken}
        if not gone:
            return self
        left = (
            (folder, numbers if gone.isdisjoint(numbers) else array("I", [one for one in numbers if one not in gone]))
            for folder, numbers in self.own_by_folder
        )
        return replace(self, own_by_folder=tuple((folder, numbers) for folder, numbers in left if numbers))

    def instruction(self, index: int) -> Instruction | None:
        """The Dockerfile's instruction of a layer; ``None`` if it is unknown."""
        line = self.layer(index).line
        if self.source is None or line is None:
            return None
        dockerfile = self.source.dockerfile
        for stage in dockerfile.chain(dockerfile.final_stage(self.source.target)):
            for one in stage.instructions:
                if one.line == line:
                    return one
        return None

    def digest(self, file: FinalFile) -> str | None:
        """The digest of a file's content; ``None`` if it is unknown. May read the file."""
        return content_digest(self.image.rootfs, file)

    def is_copied(self, index: int) -> bool:
        """True if ``COPY`` or ``ADD`` made the layer."""
        return (self.layer(index).instruction or "").split(maxsplit=1)[:1] in (["COPY"], ["ADD"])


def context_of(image: WeighedImage, source: DockerfileSource | None) -> TipContext:
    """The files of `image`, each once, with the package that owns it.

    Own files are without files of the base image with a new mode only, because ``permission-copies`` covers them.
    """
    files = ImageFiles(image)
    config = image.image.config
    return TipContext(
        image=image,
        source=source,
        files=files,
        own_by_folder=files.own_by_folder(),
        command_words=tuple(
            word for part in (*(config.entrypoint or ()), *(config.cmd or ())) for word in part.split()
        ),
    )


def content_digest(rootfs: Rootfs, file: FinalFile) -> str | None:
    """See `TipContext.digest`."""
    try:
        return rootfs.digest(file.node)
    except WeighbridgeError:
        return None


def by_layer(files: Iterable[FinalFile]) -> Iterator[tuple[int, list[FinalFile]]]:
    """The files of each layer, lowest layer first, the largest file first."""
    found: dict[int, list[FinalFile]] = {}
    for file in files:
        found.setdefault(file.layer, []).append(file)
    for layer, group in sorted(found.items()):
        yield layer, sorted(group, key=lambda file: (-file.size_bytes, file.path))


def total_bytes(files: Iterable[FinalFile]) -> int:
    """Σ of the files' sizes."""
    return sum(file.size_bytes for file in files)


def bytes_by(files: Iterable[FinalFile], kinds: Mapping[tuple[str, str], str]) -> dict[str, int]:
    """Σ of the files' sizes by the kind of their inode in `kinds`, largest first."""
    sizes: dict[str, int] = {}
    for file in files:
        kind = kinds[file.inode]
        sizes[kind] = sizes.get(kind, 0) + file.size_bytes
    return dict(sorted(sizes.items(), key=lambda one: (-one[1], one[0])))


def shown(names: Sequence[str], maximum: int = _MAXIMUM_SHOWN) -> str:
    """The first of `names`, and the number of the others."""
    more = len(names) - maximum
    return ", ".join(names[:maximum]) + (f" and {more} more" if more > 0 else "")


def counted(number: int, one: str, many: str | None = None) -> str:
    """``1 file``, ``212 files``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def common_folder(paths: Sequence[str]) -> str:
    """The deepest folder that contains all of `paths`."""
    first, last = min(paths).split("/"), max(paths).split("/")
    common = []
    for one, other in zip(first[:-1], last[:-1], strict=False):
        if one != other:
            break
        common.append(one)
    return "/".join(common) or "/"
