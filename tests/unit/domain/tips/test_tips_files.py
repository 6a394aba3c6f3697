"""Tips about files of the final filesystem, in pairs: a case with a tip, and a similar case without one."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import tarfile
import zipfile

import pytest
from tars import tar_of

from weighbridge.domain.tips.find import CODES, find_tips
from weighbridge.domain.tips.tip import Basis


@pytest.fixture
def found(weighed):
    """`found(dockerfile, layer, …)`: the tips as (code, bytes, line), and the tips themselves."""

    def find(text, *layers, include=(), **config):
        image, source = weighed(text, *layers, **config)
        tips = find_tips(image, source, minimum_saving_bytes=1, include=include)
        assert {tip.code for tip in tips} <= set(CODES)
        return [(tip.code, tip.saved_bytes, tip.line) for tip in tips], tips

    return find


def noise(name, size):
    return random.Random(name).randbytes(size)


# --- archive-kept --------------------------------------------------------------------------------------------------

UNPACKED = {"tool-1.0/bin/tool": noise("tool", 20_000), "tool-1.0/share/data": noise("data", 30_000)}


@pytest.mark.parametrize("mode", ["w:", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("layout", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_archive_kept_unpacked_archive_is_found(found, mode, layout, monkeypatch):
    monkeypatch.setattr(tarfile.TarFile, "format", layout)
    deep = {f"{'d' * 90}/{'e' * 90}/{name}": content for name, content in UNPACKED.items()}
    archive = tar_of(deep, mode)
    suffix = mode.removeprefix("w:")
    name = f"tmp/tool.tar{'.' if suffix else ''}{suffix}"
    files = {name: archive, **{f"opt/{path}": content for path, content in deep.items()}}
    tips, (tip,) = found(
        "FROM debian\nRUN curl -o /tmp/tool.tar x && tar -xf /tmp/tool.tar -C /opt\n", {"etc/x": b""}, files
    )
    assert tips == [("archive-kept", len(archive), 2)]
    assert tip.explanation.startswith(
        f"/{name} (unpacked to /opt): archive and unpacked content are both in the image. Remove it"
    )


def test_archive_unpacked_without_first_folder_is_found(found):
    archive = tar_of(UNPACKED, "w:gz")
    files = {
        "x.tgz": archive,
        "usr/local/bin/tool": UNPACKED["tool-1.0/bin/tool"],
        "usr/local/share/data": noise("data", 30_000),
    }
    tips, _ = found(
        "FROM debian\nCOPY x.tgz /\nRUN tar -xf x.tgz --strip-components=1 -C /usr/local\n",
        {"x.tgz": archive},
        {k: v for k, v in files.items() if k != "x.tgz"},
    )
    assert tips == [("archive-kept", len(archive), 2)]


def test_zip_is_read_by_its_directory(found):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in UNPACKED.items():
            archive.writestr(name, content)
    data = buffer.getvalue()
    files = {"srv/x.zip": data, **{f"srv/{name}": content for name, content in UNPACKED.items()}}
    assert found("FROM debian\nRUN unzip\n", {"a": b"1"}, files)[0] == [("archive-kept", len(data), 2)]


def test_archive_kept_without_unpacked_files_is_skipped(found):
    archive = tar_of(UNPACKED, "w:gz")
    other = {"opt/tool-1.0/bin/tool": noise("other", 20_001)}
    assert found("FROM debian\nRUN x\n", {"a": b"1"}, {"backup.tar.gz": archive, **other})[0] == []


def test_package_file_with_installed_package_is_found(found):
    status = b"Package: tool\nStatus: install ok installed\nVersion: 1:2.0-1\nArchitecture: amd64\n\n"
    base = {"var/lib/dpkg/status": status}
    for name, tips in (("tool_1%3a2.0-1_amd64.deb", [("archive-kept", 5_000, 2)]), ("tool_1%3a2.1-1_amd64.deb", [])):
        assert found("FROM debian\nRUN dpkg -i\n", base, {f"tmp/{name}": noise("deb", 5_000)})[0] == tips


@pytest.mark.parametrize(("name", "is_found"), [("tool-2.0-r1.apk", True), ("tool-2.0-r10.apk", False)])
def test_alpine_package_file_with_installed_package_is_found(found, name, is_found):
    base = {"lib/apk/db/installed": b"P:tool\nV:2.0-r1\n\n"}
    tips, _ = found("FROM alpine\nRUN apk add x\n", base, {f"tmp/{name}": noise("apk", 5_000)})
    assert tips == ([("archive-kept", 5_000, 2)] if is_found else [])


def test_archive_kept_unpacked_twice_names_folder_with_most_of_path(found):
    content = noise("tool", 20_000)
    files = {"tmp/a.tar": tar_of({"tool/bin/run": content}, "w:"), "x/run": content, "opt/tool/bin/run": content}
    _, tips = found("FROM debian\nRUN x\n", {"etc/x": b""}, files, include={"archive-kept"})
    (tip,) = [one for one in tips if one.code == "archive-kept"]
    assert "(unpacked to /opt)" in tip.explanation


@pytest.mark.parametrize("seed", range(20))
def test_archive_kept_damaged_archive_is_skipped(found, seed):
    generator = random.Random(seed)
    plain = tar_of(UNPACKED, "w:")
    data = bytearray([plain, gzip.compress(plain), bz2.compress(plain), lzma.compress(plain)][seed % 4])
    for _ in range(20):
        data[generator.randrange(min(len(data), 2_000))] = generator.randrange(256)
    found("FROM debian\nRUN x\n", {"a": b"1"}, {"x.tar": bytes(data), "opt/tool": noise("tool", 20_000)})


# --- duplicate-files -----------------------------------------------------------------------------------------------


def test_duplicate_files_three_equal_count_two(found):
    one = noise("one", 10_000)
    tips, (tip,) = found(
        "FROM debian\nCOPY . /\n", {"x": b"1"}, {"a": one, "b/c": one, "d/e": one, "f": noise("two", 10_000)}
    )
    assert tips == [("duplicate-files", 20_000, 2)]
    assert "/b/c = /a (10.0 kB), /d/e = /a (10.0 kB)" in tip.explanation


def test_doubled_folder_is_one_row(found):
    tree = {f"{i}/page.html": noise(str(i), 5_000) for i in range(9)}
    layers = (
        {f"srv/dist/{name}": content for name, content in tree.items()},
        {f"app/dist/{name}": content for name, content in tree.items()},
    )
    tips, (tip,) = found("FROM debian\nRUN build\nCOPY dist /app/dist\n", {"x": b"1"}, *layers)
    assert tips == [("duplicate-files", 45_000, 3)]
    assert tip.explanation.startswith("9 files below /app as below /srv (45.0 kB): stored twice with the same content.")


def test_copy_of_base_image_is_kept(found):
    one = noise("one", 10_000)
    assert found("FROM debian\nCOPY a /\n", {"a": one, "b": one}, {"c": one})[0] == [("duplicate-files", 10_000, 2)]
    assert found("FROM debian\nCOPY a /\n", {"a": one, "b": one}, {"c": noise("other", 10_000)})[0] == []


def test_duplicate_files_hard_links_and_small_files_are_skipped(found, images):
    link = images.File(content=b"a", kind="hard-link")
    small = noise("small", 4_000)
    layer = {"a": noise("a", 10_000), "b": link, "c": noise("c", 10_000), "d": small, "e": small}
    assert found("FROM debian\nCOPY . /\n", {"x": b"1"}, layer)[0] == []


def test_equal_files_of_two_packages_cannot_be_left_out(found):
    one = noise("one", 10_000)

    def package(name):
        return {
            f"app/node_modules/{name}/package.json": json.dumps({"name": name, "version": "1"}).encode(),
            f"app/node_modules/{name}/big.js": one,
        }

    assert found("FROM node\nRUN npm ci\n", {"x": b"1"}, {**package("a"), **package("b")})[0] == []
    within = {**package("a"), "app/node_modules/a/again.js": one}
    assert found("FROM node\nRUN npm ci\n", {"x": b"1"}, within)[0] == []
    again = {f"app/node_modules/c/{name.removeprefix('app/')}": content for name, content in package("a").items()}
    tips, _ = found("FROM node\nRUN npm ci\n", {"x": b"1"}, {**package("a"), **again})
    assert tips == [("duplicate-files", 10_000, 2)]


# --- ignored-files -------------------------------------------------------------------------------------------------

CONTEXT = {
    "app/main.py": noise("main", 900),
    "app/.git/objects/pack/x": noise("git", 70_000),
    "app/.git/HEAD": b"ref",
    "app/lib/__pycache__/a.pyc": noise("pyc", 3_000),
    "app/tests/test_main.py": noise("test", 2_000),
}


def test_ignored_files_are_counted_by_path(found):
    tips, (tip,) = found("FROM debian\nCOPY . /app\n", {"x": b"1"}, CONTEXT)
    assert tips == [("ignored-files", 75_003, 2)]
    assert tip.explanation.startswith(
        "/app/.git (70.0 kB in 2 files), /app/lib/__pycache__ (3.0 kB), /app/tests (2.0 kB): "
    )
    assert tip.change.ignore_lines == ("**/.git", "**/__pycache__", "tests")
    assert tip.change.edits == ()


def test_tests_named_in_dockerfile_are_kept(found):
    text = "FROM debian\nCOPY ./src/ /app\nRUN pytest tests && git describe\n"
    _, (tip,) = found(text, {"x": b"1"}, CONTEXT, {"y": b""})
    assert (tip.saved_bytes, tip.change.ignore_lines) == (73_003, ("**/__pycache__",))


def test_folder_has_name_of_context(found):
    _, (tip,) = found("FROM debian\nWORKDIR /app\nCOPY ./src/ .\n", {"x": b"1"}, CONTEXT, workdir="/app")
    assert tip.change.ignore_lines == ("**/.git", "**/__pycache__", "src/tests")


def test_ignored_files_cachedir_tag_is_found(found):
    layer = {
        "app/target/CACHEDIR.TAG": b"Signature: 8a477f597d28d172789f06886806bc55",
        "app/target/debug/x": noise("x", 9_000),
        "app/y": b"1",
    }
    _, (tip,) = found("FROM debian\nCOPY . /app\n", {"x": b"1"}, layer)
    assert (tip.saved_bytes, tip.change.ignore_lines) == (9_043, ("**/target",))


@pytest.mark.parametrize(
    "text",
    [
        "FROM debian AS build\nRUN x\nFROM debian\nCOPY --from=build /src /app\n",
        "FROM debian\nRUN make-app /app\n",
        "FROM debian\nCOPY --from=other:latest . /app\n",
    ],
)
def test_ignored_files_copied_from_stage_are_skipped(found, text):
    assert [code for code, *_ in found(text, {"x": b"1"}, CONTEXT)[0]] == []


def test_history_of_a_clone_is_counted_with_its_folder(found):
    tips, (tip,) = found("FROM debian\nRUN git clone x /app\n", {"x": b"1"}, CONTEXT)
    assert tips == [("ignored-files", 70_003, 2)]
    assert tip.explanation.startswith("/app/.git (70.0 kB): git's history of a clone")
    assert tip.change is None


def test_history_of_a_clone_that_a_later_layer_reads_is_kept(found):
    text = "FROM debian\nRUN git clone x /app\nRUN cd /app && git describe > v\n"
    assert found(text, {"x": b"1"}, CONTEXT, {"y": b""})[0] == []


def test_names_similar_to_secrets_are_kept(found):
    layer = {
        "app/.gitignore": noise("a", 5_000),
        "app/src/tests/x": noise("b", 5_000),
        "app/latest": noise("c", 5_000),
        "app/docs": noise("d", 5_000),
    }
    assert found("FROM debian\nCOPY . /app\n", {"x": b"1"}, layer)[0] == []


# --- dev-dependencies ----------------------------------------------------------------------------------------------


def node_project(lock_name, lock, scripts=None):
    packages = ("left", "typescript", "typescript/node_modules/deep", "@types/node")
    files = {}
    for number, name in enumerate(packages, 1):
        folder = f"app/node_modules/{name}"
        files[f"{folder}/package.json"] = json.dumps(
            {"name": name.rpartition("node_modules/")[2], "version": "1"}
        ).encode()
        files[f"{folder}/lib/index.js"] = noise(name, 1_000 * number)
    files[f"app/{lock_name}"] = json.dumps(lock).encode()
    files["app/package.json"] = json.dumps({"scripts": scripts or {}}).encode()
    return files


LOCK_3 = {
    "lockfileVersion": 3,
    "packages": {
        "": {"devDependencies": {"typescript": "5"}},
        "node_modules/left": {"version": "1"},
        "node_modules/typescript": {"dev": True, "bin": {"tsc": "bin/tsc"}},
        "node_modules/typescript/node_modules/deep": {"dev": True},
        "node_modules/@types/node": {"devOptional": True},
    },
}
LOCK_1 = {
    "lockfileVersion": 1,
    "dependencies": {
        "left": {"version": "1"},
        "typescript": {"dev": True, "dependencies": {"deep": {"dev": True}}},
        "@types/node": {"version": "1"},
        "odd": 3,
    },
}


@pytest.mark.parametrize(
    ("name", "lock"),
    [("package-lock.json", LOCK_3), ("node_modules/.package-lock.json", LOCK_3), ("package-lock.json", LOCK_1)],
)
def test_dev_packages_of_lock_file_are_counted_by_folder(found, name, lock):
    files = node_project(name, lock)
    expected = sum(len(content) for path, content in files.items() if "/typescript/" in path)
    tips, (tip,) = found("FROM node\nRUN npm ci\n", {"x": b"1"}, files, cmd=("node", "server.js"))
    assert tips == [("dev-dependencies", expected, 2)]
    assert tip.explanation.startswith("2 development packages according to the lock file: /app/node_modules/typescript")
    assert "npm ci --omit=dev" in tip.explanation


def test_dev_packages_beside_package_json_of_another_shape_are_found(found):
    files = node_project("package-lock.json", LOCK_3) | {"app/package.json": b'{"scripts": []}'}
    tips, _ = found("FROM node\nRUN npm ci\n", {"x": b"1"}, files, cmd=("npm", "start"))
    assert [code for code, _, _ in tips] == ["dev-dependencies"]


@pytest.mark.parametrize(
    ("command", "scripts"),
    [
        (("npx", "tsc", "--watch"), {}),
        (("sh", "-c", "exec node node_modules/typescript/bin/tsc"), {}),
        (("npm", "start"), {"start": "tsc --build && node ."}),
        (("npm", "run", "dev"), {"dev": "NODE_ENV=x tsc"}),
    ],
)
def test_dev_package_started_by_container_is_skipped(found, command, scripts):
    files = node_project("package-lock.json", LOCK_3, scripts)
    assert found("FROM node\nRUN npm ci\n", {"x": b"1"}, files, cmd=command)[0] == []


def test_dev_dependencies_without_lock_file_gives_no_tip(found):
    files = node_project("x.json", LOCK_3)
    assert found("FROM node\nRUN npm ci\n", {"x": b"1"}, files)[0] == []


def test_composer_record_marks_dev_packages(found):
    record = {"packages": [], "dev": True, "dev-package-names": ["phpunit/phpunit", "../../etc"]}
    files = {
        "app/vendor/composer/installed.json": json.dumps(record).encode(),
        "app/vendor/phpunit/phpunit/src/x.php": noise("x", 7_000),
        "app/vendor/acme/lib/src/y.php": noise("y", 6_000),
    }
    assert found("FROM php\nRUN composer install\n", {"x": b"1"}, files)[0] == [("dev-dependencies", 7_000, 2)]


# --- use-multi-stage -----------------------------------------------------------------------------------------------

DPKG = b"".join(
    b"Package: %s\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n" % name
    for name in (b"gcc-12", b"libpq-dev", b"gcc-12-base", b"libgcc-s1", b"python3")
)
TOOLS = {
    "var/lib/dpkg/status": DPKG,
    "var/lib/dpkg/info/gcc-12.list": b"/usr/bin/gcc-12\n",
    "var/lib/dpkg/info/libpq-dev:amd64.list": b"/usr/include/pq.h\n/usr/lib/libpq.a\n",
    "var/lib/dpkg/info/libgcc-s1:amd64.list": b"/usr/lib/libgcc_s.so.1\n",
    "usr/bin/gcc-12": noise("gcc", 200_000),
    "usr/include/pq.h": noise("h", 1_000),
    "usr/lib/libpq.a": noise("a", 50_000),
    "usr/lib/libgcc_s.so.1": noise("s", 40_000),
}


def test_toolchain_saving_is_upper_bound(found):
    layer = {**TOOLS, "app/fast.c": noise("c", 5_000), "app/app.py": noise("py", 5_000)}
    tips, (tip,) = found(
        "FROM debian\nRUN apt-get install -y --no-install-recommends gcc libpq-dev\n",
        {"x": b"1"},
        layer,
        cmd=("python3", "/app/app.py"),
    )
    assert tips == [("use-multi-stage", sum(map(len, layer.values())) - 5_000, 2)]
    assert tip.basis is Basis.UPPER_BOUND
    assert (
        "gcc-12, libpq-dev: 251.0 kB in 3 files; 1 source file (5.0 kB); 40.5 kB of packages installed"
        in tip.explanation
    )


def test_compiler_of_base_image_is_skipped(found):
    assert found("FROM gcc\nCOPY app.py /\n", TOOLS, {"app.py": b"1"}, cmd=("python3", "/app.py"))[0] == []


def test_tool_installed_as_dependency_is_not_toolchain(found):
    """Debian's git recommends ``patch``; that does not make the image a build image."""
    status = b"".join(
        b"Package: %s\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n" % name
        for name in (b"git", b"patch")
    )
    layer = {
        "var/lib/dpkg/status": status,
        "var/lib/dpkg/info/git.list": b"/usr/bin/git\n",
        "var/lib/dpkg/info/patch.list": b"/usr/bin/patch\n",
        "usr/bin/git": noise("git", 900_000),
        "usr/bin/patch": noise("patch", 200_000),
    }
    dockerfile = "FROM debian\nRUN apt-get install --no-install-recommends git patch\n"
    assert found(dockerfile, {"x": b"1"}, layer, cmd=("git", "daemon"))[0] == []


def test_packages_next_to_small_compiler_do_not_count(found):
    layer = {
        **TOOLS,
        "var/lib/dpkg/info/python3.list": b"/usr/bin/python3\n",
        "usr/bin/python3": noise("python", 900_000),
    }
    dockerfile = "FROM debian\nRUN apt-get install --no-install-recommends gcc libpq-dev python3\n"
    tips, (tip,) = found(dockerfile, {"x": b"1"}, layer, cmd=("python3", "-m", "app"))
    assert tips == [("use-multi-stage", 251_000, 2)]
    assert "installed together" not in tip.explanation


@pytest.mark.parametrize("command", [("make", "all"), ("bash",)])
def test_use_multi_stage_build_image_is_skipped(found, command):
    assert (
        found("FROM debian\nRUN apt-get install --no-install-recommends gcc\n", {"x": b"1"}, TOOLS, cmd=command)[0]
        == []
    )


# --- locale-doc-man ------------------------------------------------------------------------------------------------


def test_locale_doc_man_is_off_by_default_and_keeps_licences(found):
    layer = {
        "usr/share/doc/x/changelog.gz": noise("a", 3_000),
        "usr/share/doc/x/copyright": noise("b", 2_000),
        "usr/share/man/man1/x.1.gz": noise("c", 1_500),
        "usr/share/locale/de/LC_MESSAGES/x.mo": noise("d", 1_200),
        "app/__pycache__/x.cpython-312.pyc": noise("e", 1_100),
    }
    args = ("FROM debian\nRUN apt-get install --no-install-recommends x\n", {"x": b"1"}, layer)
    assert found(*args)[0] == []
    tips, (tip,) = found(*args, include=("locale-doc-man",))
    assert tips == [("locale-doc-man", 6_800, 2)]
    assert tip.explanation.startswith(
        "documentation (3.0 kB), manual pages (1.5 kB), locales (1.2 kB), compiled Python files (1.1 kB): 4 files."
    )


# --- together ------------------------------------------------------------------------------------------------------


def test_no_file_is_counted_by_two_tips(found):
    """A repository's history that is there twice is something to ignore; only one of the copies is a double of it."""
    git = noise("git", 70_000)
    layer = {"app/.git/pack": git, "app/sub/.git/pack": git, "root/.cache/pip/x": git, "srv/y": git}
    tips, _ = found("FROM debian\nCOPY . /\n", {"x": b"1"}, layer)
    assert tips == [("ignored-files", 140_000, 2), ("package-cache", 70_000, 2)]


def test_tip_below_minimum_leaves_files_to_later_families(weighed):
    one = noise("one", 9_000)
    image, source = weighed("FROM debian\nCOPY . /\n", {"x": b"1"}, {"root/.cache/pip/x": one, "a": one, "b": one})
    (tip,) = find_tips(image, source, minimum_saving_bytes=10_000)
    assert (tip.code, tip.saved_bytes) == ("duplicate-files", 18_000)
