"""Collects the root folder of the Action's image: Python, the package, git, buildx, and the libraries that they load.

Runs in the build stage of the Dockerfile, on Debian with these programs installed. Programs take along what the loader
loads for them (`ldd`). The rest of the distribution stays behind.

Usage: collect_image.py PACKAGES SOURCE TARGET
"""

from __future__ import annotations

import compileall
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

# What fetching over HTTP and local commands execute. The rest of git needs perl, Python or a server.
GIT_PROGRAMS = ("git-remote-http", "git-remote-https", "git-submodule", "git-sh-setup", "git-sh-i18n")
BUILDX = Path("/usr/libexec/docker/cli-plugins/docker-buildx")
# Debian's Python looks for packages here, also in isolated mode.
SITE = Path("usr/lib/python3/dist-packages")
# The standard library without tests, graphics, terminals, old databases, documentation and installers.
_STANDARD_LEFT_OUT = re.compile(
    r"(?:^|/)(?:__pycache__|test|tests|idlelib|tkinter|turtledemo|turtle\.py|ensurepip|venv|pydoc_data|config-[^/]*"
    r"|[^/]*-packages|_test[^/]*|_ctypes_test[^/]*|xxlimited[^/]*|_g?dbm\.[^/]*|_curses[^/]*|readline\.[^/]*)(?:/|$)"
)
# zstandard has a second backend, through CFFI; the default one is the C extension. rich colours no source code here, so
# it needs no lexer or style of pygments.
_PACKAGES_LEFT_OUT = re.compile(
    r"(?:^|/)(?:__pycache__|tests?|bin|zstandard/_cffi\.[^/]*|[^/]*\.pyi|[^/]*\.c"
    r"|pygments/(?:lexers|styles|formatters)/(?!__init__|_mapping|default|terminal)[^/]*)(?:/|$)"
)


def main(packages: Path, source: Path, target: Path) -> None:
    """Fills `target`. `packages` holds the locked packages, `source` is the package itself."""
    _base(target)
    standard = Path(sysconfig.get_path("stdlib"))
    _copy_tree(standard, _inside(target, standard), _STANDARD_LEFT_OUT)
    _copy_tree(packages, target / SITE, _PACKAGES_LEFT_OUT)
    _copy_tree(source, target / SITE / source.name, _STANDARD_LEFT_OUT)
    programs = [
        _copy(Path(sys.executable).resolve(), target / "usr/bin/python3"),
        _copy(Path("/bin/sh").resolve(), target / "usr/bin/sh"),
        _copy(BUILDX.resolve(), target / "usr/bin/docker-buildx"),
        *_git(target),
    ]
    modules = [file for file in target.rglob("*.so*") if file.is_file() and not file.is_symlink()]
    _libraries(target, [*programs, *modules])
    for library in (file for file in target.rglob("*.so*") if file.is_file() and not file.is_symlink()):
        subprocess.run(["strip", "--strip-unneeded", library], check=True)
    _compile(target, standard)
    _compile(target, Path("/") / SITE)


def _base(target: Path) -> None:
    """Folders, accounts and certificates that every program expects."""
    for folder in ("etc/ssl/certs", "usr/bin", "usr/lib", "usr/lib64", "tmp", "var/tmp", "root"):
        (target / folder).mkdir(parents=True)
    for folder in ("tmp", "var/tmp"):
        (target / folder).chmod(0o1777)
    for name in ("bin", "lib", "lib64"):
        (target / name).symlink_to(f"usr/{name}")
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    _copy(certificates, _inside(target, certificates))
    (target / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (target / "etc/group").write_text("root:x:0:\n")
    (target / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")


def _git(target: Path) -> list[Path]:
    """Copies git. Returns the copied files."""
    main_program = Path("/usr/bin/git")
    answer = subprocess.run([main_program, "--exec-path"], capture_output=True, text=True, check=True)
    core = Path(answer.stdout.strip())
    copied = [_copy(main_program, target / "usr/bin/git")]
    _inside(target, core).mkdir(parents=True)
    (_inside(target, core) / "git").symlink_to(main_program)
    for name in GIT_PROGRAMS:
        if (core / name).is_symlink():
            (_inside(target, core) / name).symlink_to((core / name).readlink())
        else:
            copied.append(_copy(core / name, _inside(target, core) / name))
    (target / "usr/share/git-core/templates").mkdir(parents=True)
    return copied


def _libraries(target: Path, programs: Iterable[Path]) -> None:
    """Copies the loader, and the libraries that it loads for `programs`, from this system."""
    wanted = {path for program in programs for path in _loaded_for(program) if not path.is_relative_to(target)}
    for library in sorted(wanted):
        place = _inside(target, library)
        if not place.exists():
            _copy(library.resolve(), place)


def _loaded_for(program: Path) -> list[Path]:
    """The libraries that `ldd` lists. None for a static program or a script."""
    return libraries_in(subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout)


def libraries_in(listed: str) -> list[Path]:
    """The paths in the output of `ldd`, the loader included. The kernel's own library has no path."""
    return [Path(path) for path in re.findall(r"(/\S+) \(0x[0-9a-f]+\)$", listed, re.MULTILINE)]


def _compile(target: Path, folder: Path) -> None:
    """Compiles the modules of `folder` and leaves only the compiled ones: an image's modules never change."""
    done = compileall.compile_dir(
        _inside(target, folder),
        quiet=1,
        stripdir=target,
        prependdir="/",
        legacy=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        raise SystemExit(f"error: a module in {folder} does not compile")
    for module in _inside(target, folder).rglob("*.py"):
        module.unlink()


def _inside(target: Path, path: Path) -> Path:
    """The place of the system's `path` in the new root."""
    return target / path.relative_to("/")


def _copy_tree(source: Path, target: Path, left_out: re.Pattern[str]) -> None:
    """Copies the files of a folder, except those whose relative path matches `left_out`."""
    for file in sorted(source.rglob("*")):
        relative = file.relative_to(source)
        if file.is_file() and not left_out.search(relative.as_posix()):
            _copy(file, target / relative)


def _copy(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    shutil.copymode(source, target)
    return target


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
