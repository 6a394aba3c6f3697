"""Base images in an engine: existing ones, otherwise pulled from the hub, otherwise copied or built as stand-ins."""

from __future__ import annotations

import concurrent.futures
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path

from devkit import engines
from devkit.apt import install
from devkit.command import DevkitError, run, run_visibly
from devkit.engines import Engine
from devkit.home import only_one
from devkit.recipes import LABEL, RECIPES, Recipe, canonical, recipe_for, recipe_hash
from devkit.rootfs import APT_CONF, rootfs_tarball
from devkit.terminal import say

_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_HUB_SECONDS = 25
_PULL_SECONDS = 900
_AT_ONCE = 3


def ensure(engine: Engine, names: Iterable[str]) -> None:
    """Ensure that all these images are in the engine. Raises `DevkitError` with the unavailable ones."""
    wanted = _with_parents(canonical(name) for name in names)
    missing = [name for name in wanted if not _is_usable(engine, name)]
    if not missing:
        return
    with only_one(f"images-{engine.slot}"):
        missing = [name for name in missing if not _is_usable(engine, name)]
        if missing and _hub_answers(engine):
            missing = [name for name in missing if not _pull(engine, name)]
        if missing:
            _build_all(engine, missing)


def remove_stand_ins(engine: Engine) -> int:
    """Remove all stand-ins from the engine; how many names went."""
    listing = run(
        ["docker", "image", "ls", "--filter", f"label={LABEL}", "--format", "{{.Repository}}:{{.Tag}}"],
        env=engine.environment(),
    )
    names = [name for name in listing.split() if "<none>" not in name]
    for name in names:
        run(["docker", "image", "rm", "--force", name], env=engine.environment())
    return len(names)


def _with_parents(names: Iterable[str]) -> list[str]:
    """All names with those they are built on, in the order of the recipes: parents come first there."""
    wanted: set[str] = set()
    queue = list(names)
    while queue:
        name = queue.pop()
        recipe = recipe_for(name)
        if recipe is None:
            wanted.add(name)
        elif not wanted.issuperset(recipe.names):
            wanted.update(recipe.names)
            queue.extend(recipe.parents)
    order = [name for recipe in RECIPES for name in recipe.names]
    return sorted(wanted, key=lambda name: order.index(name) if name in order else len(order))


def _is_usable(engine: Engine, name: str) -> bool:
    """Whether the image is there and, if it is a stand-in, of today's recipe."""
    try:
        text = run(
            ["docker", "image", "inspect", "--format", "{{json .Config.Labels}}", name], env=engine.environment()
        )
    except DevkitError:
        return False
    label = (json.loads(text) or {}).get(LABEL)
    recipe = recipe_for(name)
    return label is None or (recipe is not None and label == _hash(recipe))


def _hub_answers(engine: Engine) -> bool:
    say("asking the hub for base images")
    try:
        run(["docker", "pull", "--quiet", "busybox:glibc"], env=engine.environment(), timeout_seconds=_HUB_SECONDS)
    except DevkitError as error:
        reason = str(error).strip().splitlines()[-1][:160]
        say(f"the hub does not answer ({reason}): building stand-ins from the distribution's packages")
        return False
    return True


def _pull(engine: Engine, name: str) -> bool:
    say(f"pulling {name}")
    try:
        run(["docker", "pull", "--quiet", name], env=engine.environment(), timeout_seconds=_PULL_SECONDS)
    except DevkitError as error:
        say(f"{name} cannot be pulled: {str(error).strip().splitlines()[-1][:160]}")
        return False
    return True


def _build_all(engine: Engine, names: list[str]) -> None:
    recipes = []
    for name in names:
        recipe = recipe_for(name)
        if recipe is None:
            raise DevkitError(f"{name} cannot be pulled, and there is no stand-in for it")
        if recipe not in recipes:
            recipes.append(recipe)
    _need_certificates()
    failed = threading.Event()
    done: dict[str, concurrent.futures.Future[None]] = {}
    # Parents come first in `recipes` and the queue is first in, first out: a worker only waits for one that started.
    with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as workers:
        for recipe in recipes:
            parents = [done[canonical(parent)] for parent in recipe.parents if canonical(parent) in done]
            future = workers.submit(_build_after, engine, recipe, parents, failed)
            done.update(dict.fromkeys(recipe.names, future))
    for future in done.values():
        future.result()


def _build_after(
    engine: Engine, recipe: Recipe, parents: list[concurrent.futures.Future[None]], failed: threading.Event
) -> None:
    for parent in parents:
        parent.result()
    if failed.is_set():
        return
    try:
        if _copy_from_the_other(engine, recipe):
            say(f"stand-in {' '.join(recipe.names)}: copied from the other engine")
        else:
            _build(engine, recipe)
            say(f"stand-in {' '.join(recipe.names)}: built ({recipe.differs})")
    except BaseException:
        failed.set()
        raise


def _build(engine: Engine, recipe: Recipe) -> None:
    with tempfile.TemporaryDirectory(prefix="stand-in-") as name:
        context = Path(name)
        (context / "Dockerfile").write_text(recipe.dockerfile)
        if recipe.suite:
            _link_or_copy(rootfs_tarball(recipe.suite), context / "rootfs.tar")
        if recipe.needs_certificates:
            shutil.copy(_CERTIFICATES, context / "ca-certificates.crt")
        tags = [f"--tag={tag}" for tag in recipe.names]
        run_visibly(
            ["docker", "build", "--progress=plain", f"--label={LABEL}={_hash(recipe)}", *tags, context],
            env={**engine.environment(), "DOCKER_BUILDKIT": "1"},
            prefix=f"  │ {recipe.name}: ",
        )


def _copy_from_the_other(engine: Engine, recipe: Recipe) -> bool:
    """Take the stand-in from the kit's other engine, where it is there: quicker, and both then have equal diff IDs."""
    for slot in engines.SLOTS:
        other = engines.known(slot) if slot != engine.slot else None
        if (
            other
            and other.docker_host != engine.docker_host
            and all(_is_stand_in(other, name) for name in recipe.names)
        ):
            _copy(other, engine, recipe.names)
            return True
    return False


def _is_stand_in(engine: Engine, name: str) -> bool:
    template = f'{{{{index .Config.Labels "{LABEL}"}}}}'
    try:
        label = run(["docker", "image", "inspect", "--format", template, name], env=engine.environment()).strip()
    except DevkitError:
        return False
    recipe = recipe_for(name)
    return recipe is not None and label == _hash(recipe)


def _copy(source: Engine, target: Engine, names: Iterable[str]) -> None:
    save = subprocess.Popen(
        [f"{source.client_folder}/docker", "save", *names], env=_full(source), stdout=subprocess.PIPE
    )
    load = subprocess.run(
        [f"{target.client_folder}/docker", "load", "--quiet"],
        env=_full(target),
        stdin=save.stdout,
        capture_output=True,
        text=True,
        check=False,
    )
    if save.stdout:
        save.stdout.close()
    if save.wait() != 0 or load.returncode != 0:
        raise DevkitError(f"copying {' '.join(names)} between the engines failed: {load.stderr.strip()}")


def _full(engine: Engine) -> dict[str, str]:
    return {**os.environ, **engine.environment()}


def _hash(recipe: Recipe) -> str:
    certificates = _CERTIFICATES.read_bytes() if _CERTIFICATES.exists() else b""
    return recipe_hash(recipe, certificates=certificates, rootfs=APT_CONF)


def _need_certificates() -> None:
    if not _CERTIFICATES.exists():
        install({"ca-certificates"}, reason="stand-ins for base images")


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy(source, target)
