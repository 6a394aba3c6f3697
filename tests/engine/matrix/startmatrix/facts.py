"""What the predictions of all cells look at, in one small file: entries, and the bytes that were read.

With it every cell is predicted without an engine and without the programs. Files that are searched as a whole (for the
version of a shell, for marks of a library) are kept as the places that such a search finds, zeros between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import zstandard

from startmatrix.layers import config_json
from startmatrix.model import Cell, Subject
from weighbridge.domain.checks.check import CheckResult, check
from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.rootfs import ContentReader, Node, Rootfs
from weighbridge.domain.start.predict import predict_healthcheck, predict_start
from weighbridge.sources.manifest import image_description

FACTS = Path(__file__).resolve().parents[3] / "data/matrix/facts.zst"
_MAXIMUM_SUBJECT_BYTES = 48 * 1024
"""Large programs with all their symbols need more facts: the engine tests have them."""
_SEARCHED_BYTES = 64 * 1024
_SEARCHED_FOR = re.compile(
    rb"BusyBox v|GNU bash, version|\[\0\[\[\0(?:[a-z0-9._+-]{1,32}\0){20,}|required file not found|invalid option -- "
    rb"|unrecognized option: %|(?:/[!-~]{0,255}/\0){1,16}|libnss_%s\.so|libnss_|net/http\.\(\*Client\)\.do"
    rb"|golang\.org/x/crypto/x509roots/fallback|github\.com/breml/rootcerts|gwatts/rootcerts|rustls-native-certs"
    rb"|nodejs\.org/download/release/v[0-9.]+/|openssl-probe|rustls_native_certs|time/tzdata|pipefail"
    # Of busybox: its usage texts, the names of long options, and the words of find.
    rb"|h[1-9]1AY&SY[\s\S]{0,40000}|[a-z][a-z0-9-]{1,40}\0[\0\1\2][\1-\xff]|(?:-[a-z][a-z0-9]{1,15}\0){3,}"
)


class _Facts(msgspec.Struct, array_like=True):
    """`layers`: rows of entries by diff ID. `files`: extents by diff ID and path. `cells`: what each subject needs."""

    layers: dict[str, list[tuple[str, str, int, int, int, int, str | None]]]
    bases: dict[str, list[str]]
    subjects: dict[str, str]
    files: dict[str, dict[str, list[tuple[int, bytes]]]]


class Recorder:
    """Notes every read of the readers that it listens to."""

    def __init__(self) -> None:
        self.extents: dict[tuple[str, str], dict[int, bytes]] = {}

    def listening(self, contents: ContentReader) -> ContentReader:
        """The same contents, noted."""
        return _Listening(contents, self)

    def note(self, node: Node, offset: int, content: bytes) -> None:
        """Record each read; of a long search only the matches."""
        found = self.extents.setdefault((node.diff_id, node.stored_path), {})
        if offset % (4 << 20) == 0 and len(content) > _SEARCHED_BYTES:
            for match in _SEARCHED_FOR.finditer(content):
                # A byte on each side, so that a string still begins and ends where it does.
                start, end = max(0, match.start() - 8), match.end() + 8
                found.setdefault(offset + start, content[start:end])
        elif len(content) > len(found.get(offset, b"")):
            found[offset] = content


class _Listening:
    def __init__(self, contents: ContentReader, recorder: Recorder) -> None:
        self._contents, self._recorder = contents, recorder

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        content = self._contents.read(node, offset=offset, length=length)
        self._recorder.note(node, offset, content)
        return content


def write_facts(
    recorder: Recorder,
    bases: Mapping[str, Sequence[Changeset]],
    subjects: Mapping[str, Changeset],
    path: Path = FACTS,
) -> None:
    """Write everything that was noted."""
    files: dict[str, dict[str, list[tuple[int, bytes]]]] = {}
    for (diff_id, name), extents in sorted(recorder.extents.items()):
        files.setdefault(diff_id, {})[name] = _merged(extents)
    small = {name: one for name, one in subjects.items() if _looked_at(files, one) <= _MAXIMUM_SUBJECT_BYTES}
    layers = {changeset.diff_id: changeset for below in bases.values() for changeset in below}
    layers |= {changeset.diff_id: changeset for changeset in small.values()}
    facts = _Facts(
        layers={diff_id: [_row(entry) for entry in changeset.entries] for diff_id, changeset in layers.items()},
        bases={base: [changeset.diff_id for changeset in below] for base, below in bases.items()},
        subjects={name: changeset.diff_id for name, changeset in small.items()},
        files={diff_id: found for diff_id, found in files.items() if diff_id in layers},
    )
    path.write_bytes(zstandard.compress(msgspec.msgpack.encode(facts), 19))


def _looked_at(files: Mapping[str, Mapping[str, Sequence[tuple[int, bytes]]]], changeset: Changeset) -> int:
    found = files.get(changeset.diff_id, {})
    return sum(len(content) for extents in found.values() for _, content in extents)


def _merged(extents: Mapping[int, bytes]) -> list[tuple[int, bytes]]:
    merged: list[tuple[int, bytearray]] = []
    for offset, content in sorted(extents.items()):
        if merged and offset <= merged[-1][0] + len(merged[-1][1]):
            start, known = merged[-1]
            known.extend(content[start + len(known) - offset :])
        else:
            merged.append((offset, bytearray(content)))
    return [(offset, bytes(content)) for offset, content in merged]


def _row(entry: Entry) -> tuple[str, str, int, int, int, int, str | None]:
    printable = entry.path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return (printable, entry.kind.value, entry.size_bytes, entry.mode, entry.uid, entry.gid, entry.link_target)


class Facts:
    """The recorded facts: predicts any cell without an engine."""

    def __init__(self, path: Path = FACTS) -> None:
        self._facts = msgspec.msgpack.decode(zstandard.decompress(path.read_bytes()), type=_Facts)
        self._changesets: dict[str, Changeset] = {}
        self._memos: dict[str, dict[tuple[str, ...], object]] = {}
        self._last: tuple[str, str, Rootfs] | None = None

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        """The bytes that were read when the facts were recorded; zeros where nothing was."""
        length = min(length, node.size_bytes - offset)
        result = bytearray(length)
        for start, content in self._facts.files.get(node.diff_id, {}).get(node.stored_path, ()):
            first, last = max(start, offset), min(start + len(content), offset + length)
            if first < last:
                result[first - offset : last - offset] = content[first - start : last - start]
        return bytes(result)

    def below(self, base: str) -> list[Changeset]:
        """The layers of a base."""
        return [self._changeset(diff_id) for diff_id in self._facts.bases[base]]

    def has(self, subject: Subject) -> bool:
        """True where the subject is small enough to be in the facts."""
        return subject.name in self._facts.subjects

    def predict(self, subject: Subject, cell: Cell, *, start_only: bool = False) -> CheckResult:
        """The product's verdict on one cell. `start_only` omits the checks of files that a start does not read."""
        own = self._facts.subjects[subject.name]
        below = self._facts.bases.get(cell.base, [])
        if self._last is None or self._last[:2] != (own, cell.base):
            rootfs = Rootfs.from_changesets([self._changeset(diff_id) for diff_id in (*below, own)], self)
            rootfs.memo = self._memos.setdefault(cell.base, {})
            self._last = (own, cell.base, rootfs)
        config = image_description(config_json(subject, cell.form, [*below, own])).config
        if start_only:
            start, healthcheck = predict_start(config, self._last[2]), predict_healthcheck(config, self._last[2])
            return CheckResult(start=start, healthcheck=healthcheck, findings=())
        return check(config, self._last[2], own_diff_ids=frozenset({own}))

    def _changeset(self, diff_id: str) -> Changeset:
        known = self._changesets.get(diff_id)
        if known is None:
            known = Changeset(diff_id=diff_id, entries=list(_entries(self._facts.layers[diff_id])))
            self._changesets[diff_id] = known
        return known


def _entries(rows: Iterable[tuple[str, str, int, int, int, int, str | None]]) -> Iterable[Entry]:
    for path, kind, size_bytes, mode, uid, gid, link_target in rows:
        yield Entry(
            path=path,
            kind=EntryKind(kind),
            size_bytes=size_bytes,
            mode=mode,
            uid=uid,
            gid=gid,
            link_target=link_target,
        )
