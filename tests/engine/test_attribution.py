"""Why an image changed, end to end: each change is built for real and explained in one row."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import tarfile
import tempfile
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from engine_protocol import Engine
from git_commands import commit, git
from weigh_command import assert_nothing_left, command_line, environment, weighbridge

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/report-schema.json").read_text())


Run = Callable[..., subprocess.CompletedProcess[str]]


def report_of(out: str, err: str) -> dict[str, Any]:
    assert out, err
    report: dict[str, Any] = json.loads(out)
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    return report


def image_of(out: str, err: str) -> dict[str, Any]:
    (image,) = report_of(out, err)["images"]
    assert not image["failures"], image["failures"]
    found: dict[str, Any] = image
    return found


def compared(
    engine: Engine, tmp_path: Path, repo: Path, base: Mapping[str, str], head: Mapping[str, str], *options: str
) -> dict[str, Any]:
    """The report's one image, for a commit on main and one after it."""
    commit(repo, base)
    git(repo, "switch", "--quiet", "--create", "branch")
    commit(repo, head)
    done = weighbridge(engine, tmp_path, "diff", "--repo", repo, "main", "branch", "--format", "json", *options)
    (tmp_path / "report.json").write_text(done.stdout)
    return image_of(done.stdout, done.stderr)


def assert_one_row(engine: Engine, tmp_path: Path, *parts: str) -> None:
    """The report that `compared` left has, as a table and as Markdown, exactly one row with all of `parts`."""
    for suffix in ("txt", "md"):
        path = tmp_path / f"report.{suffix}"
        done = weighbridge(engine, tmp_path, "render", tmp_path / "report.json", "--output", path)
        assert done.returncode == 0, done.stderr
        lines = [line for line in path.read_text().replace("\u00a0", " ").splitlines() if "<summary>" not in line]
        # A cause names file and line; the rows of the tables have the line in a column of its own.
        rows = [line for line in lines if all(part in line for part in parts) and "Dockerfile:" not in line]
        assert len(rows) == 1, path.read_text()


def changed_rows(image: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [row for row in image["layers"] if row["change"] != "same"]


# --- one row each -------------------------------------------------------------------------------------------------


def package_dockerfile(version: str, size_bytes: int) -> str:
    """An image with a Debian package of our own, made and installed by the real dpkg."""
    control = (
        f"Package: scale\\nVersion: {version}\\nArchitecture: all\\nMaintainer: T <t@example.org>\\nDescription: x\\n"
    )
    return (
        "FROM debian:bookworm AS package\n"
        "RUN mkdir -p /p/DEBIAN /p/opt/scale"
        f" && printf '{control}' > /p/DEBIAN/control"
        f" && head -c {size_bytes} /dev/zero > /p/opt/scale/data && dpkg-deb --build /p /scale.deb\n"
        "FROM debian:bookworm\n"
        "COPY --from=package /scale.deb /tmp/\n"
        "RUN dpkg --install /tmp/scale.deb\n"
    )


def test_package_upgrade_is_one_row_with_both_versions(
    any_engine: Engine, need_images: Run, repo: Path, tmp_path: Path
) -> None:
    need_images(any_engine, "debian:bookworm")
    image = compared(
        any_engine,
        tmp_path,
        repo,
        {"Dockerfile": package_dockerfile("1.0-1", 300_000)},
        {"Dockerfile": package_dockerfile("1.1-1", 800_000)},
    )
    packages = [row for row in image["packages"] if row["ecosystem"] != "other"]
    assert packages == [
        {
            "ecosystem": "deb",
            "name": "scale",
            "base_version": "1.0-1",
            "head_version": "1.1-1",
            "delta_bytes": 500_000,
            "from_sbom": False,
        }
    ]
    assert_one_row(any_engine, tmp_path, "scale", "1.0-1", "1.1-1", "+500.0 kB")
    assert image["folders"][0] == {"path": "/opt/scale", "delta_bytes": 500_000, "files": 1}
    assert image["attribution"]["cause"] == "own-change"
    assert image["attribution"]["base_image_bytes"] == 0


def test_moved_file_is_one_row(any_engine: Engine, need_images: Run, repo: Path, tmp_path: Path) -> None:
    need_images(any_engine, "busybox")
    content = "x" * 100_000 + uuid.uuid4().hex
    base = {"Dockerfile": "FROM busybox\nCOPY data /srv/data/\n", "data/blob": content}
    head = {"Dockerfile": "FROM busybox\nCOPY data /opt/store/\n"}
    image = compared(any_engine, tmp_path, repo, base, head)
    assert image["files"] == [
        {
            "path": "/opt/store/blob",
            "moved_from": "/srv/data/blob",
            "change": "moved",
            "base_bytes": len(content),
            "head_bytes": len(content),
            "layer": len(image["head"]["layers"]) - 1,
        }
    ]
    assert image["delta"]["unpacked_bytes"] == 0
    assert_one_row(any_engine, tmp_path, "/srv/data/blob", "/opt/store/blob")


def test_chmod_of_all_files_gives_one_row_with_copies(
    any_engine: Engine, need_images: Run, repo: Path, tmp_path: Path
) -> None:
    need_images(any_engine, "busybox")
    fill = "for i in 1 2 3; do head -c 50000 /dev/urandom > /srv/$i; done"
    base = f"FROM busybox\nRUN mkdir /srv && {fill} # {uuid.uuid4()}\n"
    image = compared(any_engine, tmp_path, repo, {"Dockerfile": base}, {"Dockerfile": f"{base}RUN chmod -R a+w /srv\n"})
    (row,) = changed_rows(image)
    assert (row["change"], row["instruction"], row["line"]) == ("added", "RUN chmod -R a+w /srv", 3)
    assert row["head_bytes"] == image["delta"]["unpacked_bytes"] == 150_000
    assert row["note"] == "3 files copied only to change mode, owner or time: 150.0 kB"
    assert image["head"]["layers"][-1]["note"] == row["note"]
    assert image["files"] == []
    assert_one_row(any_engine, tmp_path, "RUN chmod -R a+w /srv", "+150.0 kB")
    for form in ("table", "markdown"):
        done = weighbridge(any_engine, tmp_path, "diff", "--repo", repo, "main", "branch", "--format", form)
        assert "3 files copied only to change mode, owner or time: 150.0 kB" in done.stdout.replace("\u00a0", " ")


def test_inserted_run_is_one_row_and_no_cascade(
    any_engine: Engine, need_images: Run, repo: Path, tmp_path: Path
) -> None:
    need_images(any_engine, "busybox")
    first, last = f"FROM busybox\nRUN echo {uuid.uuid4()} > /a\n", "RUN head -c 2000 /dev/zero > /b\nCOPY c /c\n"
    image = compared(
        any_engine,
        tmp_path,
        repo,
        {"Dockerfile": first + last, "c": "cc"},
        {"Dockerfile": f"{first}RUN head -c 7000 /dev/zero > /new\n{last}"},
    )
    sized = [row for row in image["layers"] if (row["head_bytes"] or 0) != (row["base_bytes"] or 0)]
    assert [(row["change"], row["instruction"], row["line"]) for row in sized] == [
        ("added", "RUN head -c 7000 /dev/zero > /new", 3)
    ]
    assert [row["change"] for row in image["layers"] if row["change"] in {"added", "removed"}] == ["added"]
    assert image["delta"]["unpacked_bytes"] == 7000
    assert [row["path"] for row in image["files"]] == ["/new"]
    assert_one_row(any_engine, tmp_path, "RUN head -c 7000 /dev/zero", "+7.0 kB")


# --- the cause ----------------------------------------------------------------------------------------------------


def test_base_image_moved_between_builds_is_separate_cause(
    any_engine: Engine, need_images: Run, repo: Path, tmp_path: Path
) -> None:
    need_images(any_engine, "busybox")
    name = f"weighbridge-test-moving:{uuid.uuid4().hex[:12]}"
    contexts = {}
    for version, size in (("old", 1000), ("new", 41_000)):
        contexts[version] = tmp_path / version
        contexts[version].mkdir()
        (contexts[version] / "Dockerfile").write_text(f"FROM busybox\nRUN head -c {size} /dev/zero > /grown\n")
    dockerfile = f"FROM {name}\nRUN echo as''leep {uuid.uuid4()}; sleep 6; echo x > /x\n"
    commit(repo, {"Dockerfile": dockerfile})
    git(repo, "switch", "--quiet", "--create", "branch")
    commit(repo, {"README.md": "nothing that an image holds"})
    tags = [name, f"{name}-new"]
    try:
        for tag, context in zip(tags, contexts.values(), strict=True):
            done = any_engine.docker("build", "--tag", tag, context)
            assert done.returncode == 0, done.stderr
        run = subprocess.Popen(
            command_line("diff", "--repo", repo, "main", "branch", "--all", "--format", "json", "-v"),
            env=environment(any_engine, tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert run.stderr is not None
        seen = []
        for line in run.stderr:
            seen.append(line)
            if "asleep" in line:
                break
        # Base is being built on the old image; the name now becomes the new one's, as after a push to a registry.
        assert any_engine.docker("tag", tags[1], name).returncode == 0
        out, err = run.communicate(timeout=300)
        image = image_of(out, "".join(seen) + err)
        assert image["attribution"] == {
            "base_image_bytes": 40_000,
            "own_bytes": 0,
            "cause": "base-image-moved",
            "also": [],
        }
    finally:
        any_engine.docker("image", "rm", "--force", *tags)


class _Growing(http.server.BaseHTTPRequestHandler):
    """Answers each request with more bytes than the one before."""

    size_bytes = 1000

    def do_GET(self) -> None:
        type(self).size_bytes += 1000
        self.send_response(200)
        self.send_header("Content-Length", str(self.size_bytes))
        self.end_headers()
        self.wfile.write(os.urandom(self.size_bytes))

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def growing_url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Growing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/data"
        server.shutdown()
        thread.join()


def test_other_content_from_same_instructions_is_drift(
    engine: Engine, need_images: Run, growing_url: str, repo: Path, tmp_path: Path
) -> None:
    need_images(engine, "busybox")
    base = {"Dockerfile": f"FROM busybox\nADD {growing_url} /data\n"}
    image = compared(engine, tmp_path, repo, base, {"README.md": "nothing that an image holds"}, "--all")
    assert image["delta"]["unpacked_bytes"] > 0
    assert (image["attribution"]["cause"], image["attribution"]["also"]) == ("drift", [])
    assert image["attribution"]["base_image_bytes"] == 0


def test_growth_within_noise_passes_only_if_noise_is_measured(
    engine: Engine, need_images: Run, repo: Path, tmp_path: Path
) -> None:
    need_images(engine, "busybox")
    # The file grows with the clock, so that a build that runs it again at least two seconds later differs.
    clock = f"RUN : {uuid.uuid4()}; sleep 2; head -c $(( $(date +%s) % 10000 * 100 )) /dev/zero > /clock\n"
    commit(repo, {"Dockerfile": f"FROM busybox\n{clock}COPY a /a\n", "a": "1"})
    git(repo, "switch", "--quiet", "--create", "branch")
    commit(repo, {"a": "1" * 11})
    limited = ("diff", "--repo", repo, "main", "branch", "--format", "json", "--max-increase", "+5B")
    strict = weighbridge(engine, tmp_path, *limited)
    image = image_of(strict.stdout, strict.stderr)
    assert (strict.returncode, image["delta"]["unpacked_bytes"], image["noise_bytes"]) == (1, 10, None)
    assert image["attribution"]["cause"] == "own-change"
    patient = weighbridge(engine, tmp_path, *limited, "--noise")
    image = image_of(patient.stdout, patient.stderr)
    assert image["delta"]["unpacked_bytes"] == 10
    assert image["noise_bytes"] >= 200
    assert image["attribution"]["cause"] == "noise"
    assert patient.returncode == 0
    assert_nothing_left(engine, tmp_path, strict.stderr + patient.stderr)


# --- packages, counted by others ----------------------------------------------------------------------------------

DPKG_COUNT = (
    "dpkg-query --show --showformat '${db:Status-Status} ${Package} ${Version}\\n' | while read status name version; do"
    ' [ "$status" = installed ] || continue; total=0;'
    ' for size in $(dpkg --listfiles "$name" | while read -r path; do'
    ' [ -f "$path" ] && [ ! -L "$path" ] && stat -c "%d:%i %s" "$path"; done | sort -u | cut -d" " -f2);'
    " do total=$((total + size)); done; echo $name $version $total; done"
)


def inspected_packages(engine: Engine, tmp_path: Path, name: str) -> dict[tuple[str, str], tuple[str | None, int]]:
    done = weighbridge(engine, tmp_path, "inspect", name, "--format", "json")
    rows = image_of(done.stdout, done.stderr)["packages"]
    assert all(row["base_version"] is None for row in rows)
    return {(row["ecosystem"], row["name"]): (row["head_version"], row["delta_bytes"]) for row in rows}


def test_debian_package_sizes_match_dpkg_and_stat(engine: Engine, need_images: Run, tmp_path: Path) -> None:
    need_images(engine, "debian:bookworm")
    counted = engine.run("debian:bookworm", "sh", "-c", DPKG_COUNT)
    assert counted.returncode == 0, counted.stderr
    expected = {}
    for line in counted.stdout.splitlines():
        name, version, size = line.split()
        expected["deb", name] = (version, int(size))
    assert len(expected) > 80
    found = inspected_packages(engine, tmp_path, "debian:bookworm")
    assert {key: value for key, value in found.items() if key[0] == "deb"} == expected


def test_node_package_sizes_match_find(engine: Engine, need_images: Run, tmp_path: Path) -> None:
    need_images(engine, "node:20")
    folder = "/usr/local/lib/node_modules/npm"
    sizes_of_files = f"find {folder} -path {folder}/node_modules -prune -o -type f -printf '%s\\n'"
    count = f"{sizes_of_files}; node -p 'require(\"{folder}/package.json\").version'"
    counted = engine.run("node:20", "sh", "-c", count)
    assert counted.returncode == 0, counted.stderr
    *sizes, version = counted.stdout.split()
    found = inspected_packages(engine, tmp_path, "node:20")
    assert found["npm", "npm"] == (version, sum(map(int, sizes)))


def test_go_program_owns_its_file_and_names_its_toolchain(
    engine: Engine, need_images: Run, build_image: Callable[..., str], tmp_path: Path
) -> None:
    need_images(engine, "golang")
    context = tmp_path / "context"
    context.mkdir()
    (context / "go.mod").write_text("module example.org/scale\n\ngo 1.19\n")
    (context / "main.go").write_text('package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello") }\n')
    (context / "Dockerfile").write_text(
        "FROM golang AS build\nWORKDIR /src\nCOPY . .\nRUN CGO_ENABLED=0 go build -buildvcs=false -o /scale .\n"
        'FROM scratch\nCOPY --from=build /scale /scale\nCMD ["/scale"]\n'
    )
    name = build_image(engine, context)
    release = engine.run("golang", "go", "env", "GOVERSION").stdout.strip().removeprefix("go")
    done = weighbridge(engine, tmp_path, "inspect", name, "--format", "json")
    image = image_of(done.stdout, done.stderr)
    found = {row["name"]: row for row in image["packages"]}
    assert (found["example.org/scale"]["ecosystem"], found["example.org/scale"]["delta_bytes"]) == (
        "go",
        image["head"]["unpacked_bytes"],
    )
    assert (found["stdlib"]["head_version"], found["stdlib"]["delta_bytes"]) == (release, None)


def sizes_in_layers(engine: Engine, image: str, paths: Collection[str]) -> dict[str, int]:
    """The sizes of `paths` in the image, read from ``docker save`` with nothing but tarfile."""
    sizes: dict[str, int] = {}
    with tempfile.TemporaryFile() as saved:
        saved.writelines(engine.client.images.get(image).save())
        saved.seek(0)
        with tarfile.open(fileobj=saved) as archive:
            manifest = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
            for layer in manifest[0]["Layers"]:
                with tarfile.open(fileobj=archive.extractfile(layer)) as content:
                    sizes |= {one.name: one.size for one in content if one.name in paths}
    return sizes


def test_packages_of_image_and_rest_make_up_its_files(engine: Engine, need_images: Run, tmp_path: Path) -> None:
    need_images(engine, "python:3")
    done = weighbridge(engine, tmp_path, "inspect", "python:3", "--format", "json")
    image = image_of(done.stdout, done.stderr)
    # Each file once, without those that the engine mounts over: they are counted from the image's own layers.
    count = (
        "find / -xdev -type f ! -path /etc/hosts ! -path /etc/hostname ! -path /etc/resolv.conf -printf '%i %s\\n'"
        " | sort -u | awk '{ sum += $2 } END { print sum }'"
    )
    visible = int(engine.run("python:3", "sh", "-c", count).stdout)
    visible += sum(sizes_in_layers(engine, "python:3", ["etc/hosts", "etc/hostname", "etc/resolv.conf"]).values())
    assert sum(row["delta_bytes"] or 0 for row in image["packages"]) == visible


ONBUILD = (
    "FROM busybox\n"
    "ONBUILD COPY app /app\n"
    'ONBUILD ENTRYPOINT ["/app/run"]\n'
    "ONBUILD HEALTHCHECK CMD /app/check\n"
    "CMD true\n"
)


def test_files_and_commands_of_onbuild_are_changes_of_repository(
    any_engine: Engine, need_images: Run, build_image: Run, repo: Path, tmp_path: Path
) -> None:
    """The base image has no slash in its name, and is in the engine only: an earlier step built it."""
    need_images(any_engine, "busybox")
    (tmp_path / "base").mkdir()
    (tmp_path / "base/Dockerfile").write_text(ONBUILD)
    base = build_image(any_engine, tmp_path / "base")
    files = {"Dockerfile": f"FROM {base}\n", "app/run": "#!/bin/sh\nsleep 1\n", "app/check": "#!/bin/sh\n"}
    for name in ("app/run", "app/check"):
        (repo / name).parent.mkdir(exist_ok=True)
        (repo / name).touch(mode=0o755)
    change: dict[str, str | None] = {"app/run": "#!/bin/bash\nsleep 1\n", "app/check": None}
    image = compared(any_engine, tmp_path, repo, files, change, "--no-verify-tips")  # type: ignore[arg-type]
    assert image["attribution"] == {"base_image_bytes": 0, "own_bytes": -8, "cause": "own-change", "also": []}
    assert {(one["what"], one["bytes"]) for one in image["causes"]} == {("/app/run", 2), ("/app/check", -10)}
    assert image["head"]["start"]["outcome"] == "no"
    found = [(one["code"], one["predicts"]) for one in image["findings"]]
    assert found == [
        ("shebang-interpreter-missing", "exec /app/run: no such file or directory"),
        ("healthcheck-command-missing", "/bin/sh: /app/check: not found"),
    ]
