"""The files that a compiled program needs in another stage: libraries, data, accounts, certificates, time zones."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.runtime import certificate_bundle, find_marks, tls_client
from weighbridge.domain.dockerfile import Stage
from weighbridge.domain.image.layer import EntryKind
from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.start.elf import Elf, ElfError
from weighbridge.domain.start.loader.objects import elf_of
from weighbridge.domain.start.shells import DEFAULT_PATH

_INTERPRETERS = re.compile(
    r"(?:python|node|nodejs|ruby|php|perl|java|bash|sh|dash|busybox|lua|deno|bun|dotnet|R|julia|erl|beam)[\d.]*"
    r"|php-fpm[\d.]*"
)
_DISTRIBUTION = re.compile(r"/(?:usr/(?!local/|src/)|bin/|sbin/|lib(?:32|64|x32)?/|etc/|var/|boot/)")
"""Folders of distribution packages. Files that a package manager's ``RUN`` creates there are not data."""
_NEVER = re.compile(
    r"/(?:tmp|run|proc|sys|dev)/|/var/(?:tmp|log|cache|run|lib/(?:apt|dpkg|rpm|dnf))/|/etc/(?:ld\.so\.cache|ssl/certs/)"
    r"|/go/pkg/|/usr/local/(?:cargo|rustup|go)/|/(?:root|home/[^/]+)/(?:\.cache|\.cargo|\.rustup|\.npm|\.m2|\.gradle|go)/"
    r"|/etc/(?:passwd|group|shadow|gshadow|subuid|subgid)-?$|/etc/\.pwd\.lock$|/\.dockerenv$"
)
_BUILD_FOLDER = re.compile(
    r"/(?:\.git|\.github|\.idea|\.vscode|node_modules|__pycache__|CMakeFiles|target|vendor|obj|\.gradle|tests?|testdata)/"
)
_SOURCE = re.compile(
    r"(?:[^/]*\.(?:c|cc|cpp|cxx|h|hh|hpp|hxx|inl|s|S|asm|go|mod|sum|work|rs|toml|lock|java|kt|kts|scala|gradle|groovy"
    r"|class|swift|zig|hs|cabal|ml|mli|d|o|a|la|lo|obj|rlib|rmeta|pc|in|am|ac|m4|cmake|ninja|md|rst|adoc|proto"
    r"|ts|tsx|jsx|map|patch|diff|mk|bazel|bzl|iml|nix))"
    r"|(?:GNU)?[Mm]akefile.*|CMakeLists\.txt|configure|config\.(?:log|status)|pom\.xml|mvnw(?:\.cmd)?|gradlew(?:\.bat)?"
    r"|(?:.*\.)?Dockerfile.*|\.dockerignore|\.git\w+|\.editorconfig|LICEN[CS]E.*|COPYING.*|README.*|CHANGELOG.*|AUTHORS"
    r"|package(?:-lock)?\.json|(?:docker-)?compose.*\.ya?ml|\.env.*|\.clang-\w+|\.golangci\.ya?ml|BUILD|WORKSPACE"
)
_PACKAGE_MANAGER = re.compile(r"\b(?:apt-get|apt|apk|dnf|microdnf|yum|zypper)\b")
_GO_COMMANDS = b"os/exec.(*Cmd).Start"
_STARTS_PROGRAMS = frozenset({b"execve", b"execv", b"execvp", b"execlp", b"execl", b"popen", b"posix_spawn", b"system"})
_STARTS_PROGRAMS |= {b"posix_spawnp", b"execvpe"}
_OPENS_LIBRARIES = frozenset({b"dlopen", b"dlmopen"})
_NAME_LOOKUPS = frozenset(
    {b"getaddrinfo", b"gethostbyname", b"getnameinfo", b"gethostbyaddr", b"getpwnam", b"getpwuid"}
)
_NAME_LOOKUPS |= {b"getgrnam", b"getgrgid", b"getservbyname", b"iconv_open"}
_SHARED_FOLDERS = frozenset({"/etc", "/home", "/root", "/usr", "/usr/local", "/var", "/var/lib"})
_LOADER = re.compile(r"ld-(?:linux|musl)|ld64|ld-\d")
_MAXIMUM_COPIES = 12
_MAXIMUM_DATA_FILES = 20_000
_MAXIMUM_DEPTH = 40
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./@%+=:,~-]+")

_UNLOADED = frozenset(
    {
        CheckCode.LIBC_LOADER_MISSING,
        CheckCode.LIBC_NEEDED_MISSING,
        CheckCode.LIBC_VERSION_MISSING,
        CheckCode.LIBC_SYMBOL_MISSING,
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Copied:
    """Files to copy from one stage to another: `sources` into the folder `destination`, or one folder onto it.

    `owner` is ``uid:gid`` if the folder's owner is not root, because a plain ``COPY`` loses the owner.
    """

    sources: tuple[str, ...]
    destination: str
    owner: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """The needs of an image's program in another image.

    `libraries` are the paths of all libraries that its loader maps, `names` their sonames without the loader. `data`
    are the image's own files that may belong to it. `starts`: the image is predicted to start as it is.
    """

    program: Node
    path: str
    elf: Elf
    libc: str
    libraries: tuple[str, ...]
    names: frozenset[str]
    needs_shell: bool
    starts: bool
    runs_programs: bool
    opens_libraries: bool
    looks_up_names: bool
    certificates: str | None
    is_tls_client: bool
    zones: bool
    accounts: tuple[str, ...]
    data: tuple[Copied, ...]
    kept_bytes: int

    @property
    def is_static(self) -> bool:
        """True if the program needs no loader."""
        return not self.libc and self.elf.interpreter is None


def needs_of(image: WeighedImage, stage: Stage, *, since_line: int | None = None) -> Needs | None:
    """The needs of the image's program; ``None`` if the Dockerfile's own layers have no compiled program.

    `stage` is the final stage. Skips files of layers from `since_line` on, because their instructions stay in the final
    stage.
    """
    rootfs, start = image.rootfs, image.start
    programs = start.programs
    failed = next((one.path for one in start.findings if one.code in _UNLOADED and one.path), None)
    path = programs[-1].path if programs and failed is None else failed
    node = rootfs.lookup(path) if path else None
    own = {layer.diff_id: layer for layer in image.layers if not layer.from_base_image}
    if not isinstance(node, Node) or not node.is_file or node.diff_id not in own:
        return None
    if _INTERPRETERS.fullmatch(posixpath.basename(node.path)) or _DISTRIBUTION.match(node.path):
        return None
    try:
        elf = elf_of(rootfs, node)
        undefined = {symbol.name for symbol in elf.undefined}
        elf.interpreter  # noqa: B018 - raises for a broken file
    except ElfError:
        return None
    last = programs[-1] if programs and failed is None else None
    named = _named(image, node)
    libraries = last.libraries if last is not None else ()
    folder = image.image.config.workdir or "/"
    names = (posixpath.join("/", name) for name in sonames(rootfs, libraries))
    if named is None or not all(map(is_plain_path, (named, node.path, folder, *libraries, *names))):
        return None
    made = _layers_before(image, stage, since_line)
    files = list(_data_files(image, node, libraries, made))
    data = _grouped(rootfs, files, node, named, _folders_to_keep(image, made))
    if data is None:
        return None
    through_script = any(one.script is not None for one in programs)
    bundle = certificate_bundle(rootfs)
    is_client = tls_client(rootfs, node.path, libraries) is not None
    return Needs(
        program=node,
        path=named,
        elf=elf,
        libc=last.libc if last is not None else "",
        libraries=libraries,
        names=frozenset(name for name in sonames(rootfs, libraries) if not _LOADER.match(name)),
        needs_shell=through_script,
        starts=last is not None and failed is None,
        runs_programs=bool(undefined & _STARTS_PROGRAMS) or bool(find_marks(rootfs, node.path, (_GO_COMMANDS,))),
        opens_libraries=bool(undefined & _OPENS_LIBRARIES),
        looks_up_names=bool(undefined & _NAME_LOOKUPS),
        certificates=bundle if is_client else None,
        is_tls_client=is_client,
        zones=bool(image.image.config.env.get("TZ")) and rootfs.exists("/usr/share/zoneinfo"),
        accounts=_accounts(image),
        data=data,
        kept_bytes=node.size_bytes + sum(one.size_bytes for one in files),
    )


def sonames(rootfs: Rootfs, libraries: tuple[str, ...]) -> Iterator[str]:
    """The sonames of libraries."""
    for path in libraries:
        node = rootfs.lookup(path)
        name = None
        if isinstance(node, Node):
            with suppress(ElfError):
                dynamic = elf_of(rootfs, node).dynamic
                name = dynamic.soname if dynamic else None
        yield name or posixpath.basename(path)


def own_libraries(image: WeighedImage, needs: Needs) -> tuple[str, ...]:
    """The libraries of the Dockerfile's own layers, without libraries of distribution packages."""
    own = {layer.diff_id for layer in image.layers if not layer.from_base_image}
    found = []
    for path in needs.libraries:
        node = image.rootfs.lookup(path)
        if isinstance(node, Node) and node.diff_id in own and not _DISTRIBUTION.match(node.path):
            found.append(path)
    return tuple(found)


def _named(image: WeighedImage, node: Node) -> str | None:
    """The absolute path that starts the program: the path of `node`, or of a link to it."""
    config = image.image.config
    for program in reversed(image.start.programs):
        if program.path != node.path or not program.argv:
            continue
        name = program.argv[0]
        if "/" in name:
            return posixpath.normpath(posixpath.join(program.cwd, name))
        for folder in config.env.get("PATH", DEFAULT_PATH).split(":"):
            found = image.rootfs.lookup(f"{folder}/{name}") if folder.startswith("/") else None
            if isinstance(found, Node) and found.path == node.path:
                return posixpath.normpath(f"{folder}/{name}")
    return node.path


def _accounts(image: WeighedImage) -> tuple[str, ...]:
    """The account files that ``USER`` needs; empty for root and for numbers."""
    user = image.image.config.user
    if not re.search(r"[A-Za-z_]", user) or user in {"root", "root:root"}:
        return ()
    return tuple(path for path in ("/etc/passwd", "/etc/group") if image.rootfs.exists(path))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Made:
    """A layer of the Dockerfile. `by_packages`: its ``RUN`` calls a package manager."""

    by_packages: bool

    def is_not_data(self, path: str) -> bool:
        """True for files that no program reads, and for files of packages."""
        if _NEVER.match(path) or _BUILD_FOLDER.search(path):
            return True
        return self.by_packages and _DISTRIBUTION.match(path) is not None


def _layers_before(image: WeighedImage, stage: Stage, since_line: int | None) -> dict[str, _Made]:
    """The Dockerfile's layers up to a line, by diff ID."""
    texts = {
        one.line: "\n".join((one.original, *(document.content for document in one.heredocs)))
        for one in stage.instructions
        if one.name == "RUN"
    }
    return {
        layer.diff_id: _Made(
            by_packages=_PACKAGE_MANAGER.search(texts.get(layer.line or 0, layer.instruction or "")) is not None
        )
        for layer in image.layers
        if not layer.from_base_image and (since_line is None or layer.line is None or layer.line < since_line)
    }


def data_of(
    image: WeighedImage, stage: Stage, *, since_line: int | None, named: Sequence[Node], keep: re.Pattern[str]
) -> tuple[Copied, ...] | None:
    """The files of an interpreted program: the files `named`, files that `keep` matches, and data; or ``None``."""
    made = _layers_before(image, stage, since_line)
    own = [node for node in named if node.diff_id in made]
    files = {node.path: node for node in _data_files(image, None, tuple(node.path for node in own), made, keep=keep)}
    files |= {node.path: node for node in own}
    return _grouped(image.rootfs, list(files.values()), None, "", _folders_to_keep(image, made))


def _data_files(
    image: WeighedImage,
    program: Node | None,
    libraries: tuple[str, ...],
    made: Mapping[str, _Made],
    *,
    keep: re.Pattern[str] | None = None,
) -> Iterator[Node]:
    """The regular files of these layers that the program may read: not sources, caches or packages."""
    mapped = {node.path for node in map(image.rootfs.lookup, libraries) if isinstance(node, Node)}
    for node in image.rootfs.nodes_of(made):
        if node.kind is not EntryKind.FILE or (program is not None and node.path == program.path):
            continue
        name = posixpath.basename(node.path)
        is_kept = node.path in mapped or (keep is not None and keep.fullmatch(name) is not None)
        is_source = not is_kept and _SOURCE.fullmatch(name) is not None
        if not is_source and not made[node.diff_id].is_not_data(node.path):
            yield node


def _folders_to_keep(image: WeighedImage, made: Mapping[str, _Made]) -> list[Node]:
    """Empty folders of users other than root, which were probably created on purpose."""
    kept = []
    for node in image.rootfs.nodes_of(made):
        if not node.is_directory or not (node.uid or node.gid):
            continue
        is_data = not made[node.diff_id].is_not_data(f"{node.path}/")
        if is_data and next(iter(image.rootfs.children(node)), None) is None:
            kept.append(node)
    return kept


def _grouped(
    rootfs: Rootfs, files: list[Node], program: Node | None, named: str, folders: list[Node]
) -> tuple[Copied, ...] | None:
    """The fewest copies: a whole folder if all its files are kept, otherwise files by folder. ``None``: too many."""
    wanted = {node.path for node in files}
    every = [*wanted, *(node.path for node in folders)]
    if len(every) > _MAXIMUM_DATA_FILES or any(
        path.count("/") > _MAXIMUM_DEPTH or not _PLAIN_PATH.fullmatch(path) for path in every
    ):
        return None
    counts = Counter(folder for path in wanted for folder in _parents(path))
    if program is not None and named == program.path:
        counts.update(folder for folder in _parents(named) if folder in counts)
    whole: set[str] = set()
    for folder in sorted(counts, key=len):
        is_shared = folder in _SHARED_FOLDERS or posixpath.basename(folder) in {"bin", "sbin", "lib"}
        if is_shared or any(up in whole for up in _parents(folder)):
            continue
        if _number_of_files(rootfs, folder, counts[folder]) == counts[folder]:
            whole.add(folder)
    copies = [_whole_folder(rootfs, folder) for folder in sorted(whole)]
    single: dict[str, list[str]] = {}
    for path in sorted(wanted):
        if not any(up in whole for up in _parents(path)):
            single.setdefault(posixpath.dirname(path), []).append(path)
    copies += [
        Copied(sources=tuple(paths), destination=folder.rstrip("/") + "/") for folder, paths in sorted(single.items())
    ]
    copies += [
        Copied(sources=(node.path,), destination=node.path, owner=f"{node.uid}:{node.gid}")
        for node in folders
        if not any(up in whole for up in _parents(node.path))
    ]
    too_many = len(copies) > _MAXIMUM_COPIES or sum(len(one.sources) for one in copies) > 3 * _MAXIMUM_COPIES
    return None if too_many else tuple(copies)


def _whole_folder(rootfs: Rootfs, folder: str) -> Copied:
    node = rootfs.lookup(folder)
    owner = f"{node.uid}:{node.gid}" if isinstance(node, Node) and (node.uid or node.gid) else None
    return Copied(sources=(folder,), destination=folder, owner=owner)


def _parents(path: str) -> list[str]:
    parents = []
    end = path.rfind("/")
    while end > 0:
        parents.append(path[:end])
        end = path.rfind("/", 0, end)
    return parents


def _number_of_files(rootfs: Rootfs, folder: str, enough: int) -> int:
    """The number of files below a folder, without symlinks. Stops counting beyond `enough`."""
    root = rootfs.lookup(folder, follow=False)
    if not isinstance(root, Node) or not root.is_directory:
        return -1
    count = 0
    stack = [root]
    while stack and count <= enough:
        for child in rootfs.children(stack.pop()):
            if child.is_directory:
                stack.append(child)
            else:
                count += child.kind is not EntryKind.SYMLINK
    return count


def is_plain_path(path: str) -> bool:
    """True for an absolute path that needs no quotes in a Dockerfile: no blanks, quotes, variables or line ends."""
    return path.startswith("/") and _PLAIN_PATH.fullmatch(path) is not None
