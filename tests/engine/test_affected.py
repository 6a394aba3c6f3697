"""Never a wrong "unchanged": what the plan leaves alone is built all the same, and comes out equal.

Repositories, Dockerfiles and one edit each are made from seeds; the images are really built, on both sides, and their
diff IDs compared. WEIGHBRIDGE_AFFECTED_SEEDS=FIRST:COUNT runs others.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from weighbridge.config import Config
from weighbridge.plan.checkout import checkout_trees
from weighbridge.plan.discover import plan_images
from weighbridge.plan.git import open_repository
from weighbridge.plan.image_plan import Change, ImagePlan, PlannedSide

SEEDS = os.environ.get("WEIGHBRIDGE_AFFECTED_SEEDS", "1:10")
DOCKERFILES = 6


# --- repositories by chance -------------------------------------------------------------------------------------------

FOLDERS = ("", "a", "b", "b/c", "d e", "svc", "svc/src")
NAMES = ("f.txt", "g.md", "h", "k.txt", ".hidden", "x[1]", "é")
IGNORED = (
    "*",
    "a",
    "a/*",
    "!a/f.txt",
    "**/*.md",
    "*.txt",
    "!b",
    "b/c",
    "!b/c/h",
    "/svc/",
    "svc/src",
    "!svc/**",
    "?",
    "# a remark",
    "d e",
    "b*",
    "**/h",
    "!**/k.txt",
    "..",
    "./a/../b/f.txt",
    "  a/g.md  ",
    "x\\[1\\]",
)
SOURCES = (
    "a",
    "a/",
    "b",
    "b/c",
    "./b/./c/",
    "a/f.txt",
    "a/*",
    "*.txt",
    "*/f.txt",
    "b/?",
    "b/[c-d]",
    "[^a]",
    "link",
    "link/f.txt",
    "/a/h",
    "../b/h",
    "src",
    "src/*.md",
    "svc/src",
    "f.txt",
    ".",
    "a/../b/g.md",
    "x[[]1]",
    "é",
)
LINKS = ("a", "a/f.txt", "b/c", "nowhere", "/etc/hostname", "../outside", "b")


class Tree:
    """A folder that is a repository, changed by chance."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.random = random.Random(seed)
        self.sources: list[str] = []

    def make(self, *, dockerfiles: int) -> None:
        """Files, links, ignore files and Dockerfiles."""
        for folder in FOLDERS:
            for name in self.random.sample(NAMES, self.random.randint(1, 4)):
                self._write(Path(folder) / name)
        for name in ("link", "a/link", "svc/link"):
            if self.random.random() < 0.4:
                (self.root / name).symlink_to(self.random.choice(LINKS))
        for folder in ("", "svc"):
            if self.random.random() < 0.4:
                self._write(Path(folder) / ".dockerignore", self._ignores())
        for number in range(dockerfiles):
            path = Path(self.random.choice(("", "svc"))) / f"Dockerfile.{number}"
            self._write(path, self._dockerfile(path.parent))
            if self.random.random() < 0.15:
                self._write(path.with_name(f"{path.name}.dockerignore"), self._ignores())

    def edit(self) -> str:
        """One change, in words."""
        edits: list[Callable[[Path], str]] = [self._rewrite, self._remove, self._add, self._chmod, self._move]
        edits += [self._relink, self._ignore, self._folder, self._rewrite, self._attributes]
        return self.random.choice(edits)(self.random.choice(self._files()))

    def _files(self) -> list[Path]:
        found = (path for path in sorted(self.root.rglob("*")) if ".git" not in path.parts)
        return [path for path in found if path.is_symlink() or path.is_file()]

    def _write(self, path: Path, text: str | None = None) -> None:
        whole = self.root / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(f"{self.random.randint(0, 3)}\n" if text is None else text)

    def _ignores(self) -> str:
        return "".join(f"{one}\n" for one in self.random.sample(IGNORED, self.random.randint(1, 5)))

    def _dockerfile(self, folder: Path) -> str:
        own = self.root / folder
        self.sources = [str(path.relative_to(own)) for path in own.rglob("*") if ".git" not in path.parts]
        lines = ["ARG FOLDER=a", f"ARG OTHER={self.random.choice(('b', 'b/c', 'src'))}", "FROM scratch AS first"]
        lines += self._copies(self.random.randint(1, 2))
        kind = self.random.random()
        if kind < 0.3:
            lines += ["FROM scratch", *self._copies(1), "COPY --from=first / /first/"]
        elif kind < 0.4:
            lines += ["FROM scratch AS unused", *self._copies(1), "FROM first", *self._copies(1)]
        elif kind < 0.5:
            mount = self.random.choice(("source=a,", "source=b/c,", "", "source=$FOLDER,"))
            lines += [f"FROM busybox\nARG FOLDER\nRUN --mount=type=bind,{mount}target=/m cp -r /m /copied"]
        return "\n".join([*lines, ""])

    def _copies(self, count: int) -> list[str]:
        return ["ARG FOLDER", "ARG OTHER", *(self._copy(number) for number in range(count))]

    def _copy(self, number: int) -> str:
        sources = self.random.sample(SOURCES if self.random.random() < 0.25 else sorted(self.sources), 1)
        sources += self.random.sample(sorted(self.sources), self.random.randint(0, 1))
        kind = self.random.random()
        if kind < 0.2:
            sources = [self.random.choice(("$FOLDER/f.txt", "${OTHER}", "${FOLDER:-b}/*", "$OTHER/h"))]
        word = "ADD" if kind > 0.85 else "COPY"
        chown = "--chown=1:1 " if 0.6 < kind < 0.7 else ""
        if kind > 0.4 or any(" " in source for source in sources):
            listed = ", ".join(f'"{source}"' for source in [*sources, f"/to{number}/"])
            return f"{word} {chown}[{listed}]"
        return f"{word} {chown}{' '.join(sources)} /to{number}/"

    # --- edits ------------------------------------------------------------------------------------------------

    def _rewrite(self, path: Path) -> str:
        if path.is_symlink() or path.name.startswith("Dockerfile"):
            return self._add(path)
        path.write_text(f"other {self.random.random()}\n")
        return f"{path.relative_to(self.root)} rewritten"

    def _remove(self, path: Path) -> str:
        if path.name.startswith("Dockerfile"):
            return self._add(path)
        path.unlink()
        return f"{path.relative_to(self.root)} removed"

    def _add(self, path: Path) -> str:
        new = path.with_name(self.random.choice(("new.txt", "new.md", "new", "h2")))
        new.write_text("new\n")
        return f"{new.relative_to(self.root)} added"

    def _chmod(self, path: Path) -> str:
        if path.is_symlink() or path.name.startswith("Dockerfile"):
            return self._add(path)
        path.chmod(0o755)
        return f"{path.relative_to(self.root)} made executable"

    def _move(self, path: Path) -> str:
        if path.name.startswith("Dockerfile"):
            return self._add(path)
        new = path.with_name(f"moved-{path.name}")
        path.rename(new)
        return f"{path.relative_to(self.root)} moved to {new.name}"

    def _relink(self, path: Path) -> str:
        links = [one for one in self._files() if one.is_symlink()]
        link = self.random.choice(links) if links else path.parent / "link2"
        link.unlink(missing_ok=True)
        target = self.random.choice(LINKS)
        link.symlink_to(target)
        return f"{link.relative_to(self.root)} links to {target}"

    def _ignore(self, path: Path) -> str:
        file = self.root / self.random.choice(("", "svc")) / ".dockerignore"
        file.write_text(self._ignores())
        return f"{file.relative_to(self.root)} written: {file.read_text().split()}"

    def _folder(self, path: Path) -> str:
        if path.name.startswith("Dockerfile"):
            return self._add(path)
        path.unlink()
        path.mkdir()
        (path / "inside").write_text("1\n")
        return f"{path.relative_to(self.root)} became a folder"

    def _attributes(self, path: Path) -> str:
        folder = self.root / self.random.choice(FOLDERS)
        if not folder.is_dir():
            return self._add(path)
        (folder / ".gitattributes").write_text(f"*.{self.random.choice(('txt', 'md'))} text eol=crlf\n")
        return f"{(folder / '.gitattributes').relative_to(self.root)} written"


# --- what is left alone, built ----------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Count:
    """What the run looked at: `built` are images with both sides built; `needless` affected ones alike."""

    images: int = 0
    unaffected: int = 0
    unaffected_built: int = 0
    affected_built: int = 0
    needless: int = 0


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository with a commit before and one after an edit."""

    root: Path
    shas: tuple[str, str]
    edit: str


def make(root: Path, seed: int) -> Repository:
    """The repository of a seed."""
    root.mkdir()

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), "-c", "user.name=T", "-c", "user.email=t@example.org", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    tree = Tree(root, seed)
    shas = []
    edit = ""
    for step in range(2):
        if step:
            edit = tree.edit()
        else:
            tree.make(dockerfiles=DOCKERFILES)
        git("add", "--all")
        git("commit", "--quiet", "--allow-empty", "-m", "change")
        shas.append(git("rev-parse", "HEAD"))
    return Repository(root=root, shas=(shas[0], shas[1]), edit=edit)


def still(folder: Path) -> None:
    """One time for all files, which a checkout does not give."""
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (1_000_000_000, 1_000_000_000), follow_symlinks=False)


@pytest.fixture
def layers(engine, need_images, tmp_path) -> Callable[[PlannedSide, Path], tuple[str, ...]]:
    """Builds a side for real: its diff IDs and configuration, or why it cannot be built."""
    need_images(engine, "busybox")

    def build(planned: PlannedSide, tree: Path) -> tuple[str, ...]:
        if planned.failure is not None or planned.context is None:
            return ("planned failure",)
        # A name of its own: two Dockerfiles may well make the same image, and one would take it from the other.
        tag = f"weighbridge-test:{uuid.uuid4().hex[:12]}"
        file = tree / planned.dockerfile
        answer = engine.docker(
            "build", "--quiet", "--tag", tag, "--file", file, tree / planned.context, timeout_seconds=120
        )
        if answer.returncode != 0:
            return ("failed",)
        (found,) = json.loads(engine.docker("image", "inspect", tag).stdout)
        engine.docker("image", "rm", tag)
        return (*(found["RootFS"].get("Layers") or ()), json.dumps(found["Config"], sort_keys=True))

    return build


def test_unaffected_images_build_to_same_content(layers, tmp_path):
    first, number = (int(one) for one in SEEDS.split(":"))
    count = Count()
    wrong: list[str] = []
    for seed in range(first, first + number):
        made = make(tmp_path / str(seed), seed)
        plans = plan_images(open_repository(made.root), *made.shas, Config()).plans
        count.images += len(plans)
        unaffected = [one for one in plans if one.change is Change.UNAFFECTED]
        # One of those that are affected tells how often the plan is careful for nothing.
        affected = [one for one in plans if one.change is Change.AFFECTED][:1]
        count.unaffected += len(unaffected)
        with checkout_trees(open_repository(made.root), made.shas, folder=tmp_path) as trees:
            for tree in trees.values():
                still(tree)

            def both(plan: ImagePlan, trees=trees, made=made) -> list[tuple[str, ...]]:
                sides = zip((plan.base, plan.head), made.shas, strict=True)
                return [layers(side, trees[sha]) for side, sha in sides if side is not None]

            with ThreadPoolExecutor(max_workers=2) as pool:
                answers = list(pool.map(both, unaffected + affected))
        for plan, sides in zip(unaffected + affected, answers, strict=True):
            is_built = all(one[0] not in {"planned failure", "failed"} for one in sides)
            same = sides[0] == sides[1]
            if plan.change is Change.AFFECTED:
                count.affected_built += is_built
                count.needless += is_built and same
                continue
            count.unaffected_built += is_built
            if not same:
                dockerfile = (made.root / plan.head.dockerfile).read_text() if plan.head else ""
                wrong.append(f"seed {seed}: {made.edit}: {plan.name}: {plan.reason}\n{dockerfile}\n{sides}")
    print(f"{number} repositories: {count}")
    assert wrong == []
    assert count.unaffected_built > number
    assert count.affected_built > 0
