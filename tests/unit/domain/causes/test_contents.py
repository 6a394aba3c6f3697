"""Causes of files without a package: what a stage built, what a copy took from the repository, and what it wrote."""

from __future__ import annotations

import pytest
from elf_sections import function_table, go_build_info, program
from linear_time import assert_linear
from size_causes import causes, summary

from weighbridge.domain.causes.repository import RepositoryChanges, RepositorySide, SourceFinder
from weighbridge.domain.causes.repository_paths import RepositoryPaths
from weighbridge.domain.dockerfile import parse_dockerfile

PYTHON = {"usr/bin/python3": b"p" * 100}
STAGES = "FROM golang AS build\nCOPY . /src\nRUN {}\nFROM debian\nCOPY --from=build /out/{} /opt/{}\n"
SOURCES = {"main.go": b"a", "go.mod": b"a", "logo.png": b"a", "docs/x.md": b"a"}


def text(command: str = "go build -o /out/app .", name: str = "app") -> str:
    return STAGES.format(command, name, name)


def elf(size_bytes: int) -> bytes:
    return program({".text": b"t" * size_bytes})


def source_finder(text, paths):
    """A finder, and the last instruction of the Dockerfile."""
    dockerfile = parse_dockerfile(text, path="Dockerfile")
    side = RepositorySide(dockerfile=dockerfile, paths=RepositoryPaths(paths))
    return SourceFinder(RepositoryChanges(head=side), side), dockerfile.final_stage().instructions[-1]


@pytest.mark.parametrize(
    ("changed", "place", "because"),
    [
        ({"main.go": b"bb", "logo.png": b"bbb"}, "main.go", "main.go changed"),
        ({"main.go": b"bb", "b.go": b"bbb"}, "b.go", "b.go and 1 more changed"),
        ({"go.mod": b"bb", "logo.png": b"bbb"}, "go.mod", "go.mod changed"),
        ({"logo.png": b"bb"}, "logo.png", "logo.png changed"),
        ({}, "Dockerfile:3", "the compiler's output changed"),
    ],
)
def test_program_of_another_stage_is_named_with_its_changed_sources(weighed, changed, place, because):
    base, head = (weighed(text(), PYTHON, {"opt/app": elf(size)}) for size in (100, 9_100))
    (found,) = causes(base, head, SOURCES, {**SOURCES, **changed})
    assert summary([found]) == [("program", "/opt/app", place, 9_000)]
    assert (found.because, found.via) == (f"{because}: .text +9.0 kB", ("Dockerfile:5",))


def test_program_of_edited_instruction_is_named_at_its_line(weighed):
    base = weighed(text(), PYTHON, {"opt/app": elf(100)})
    head = weighed(text("go build -race -o /out/app ."), PYTHON, {"opt/app": elf(9_100)})
    (found,) = causes(base, head, SOURCES, SOURCES | {"main.go": b"b"})
    assert summary([found]) == [("program", "/opt/app", "Dockerfile:3", 9_000)]
    assert found.because == "the instruction changed: .text +9.0 kB"


def test_program_with_one_new_library_without_table_is_caused_by_its_declaration(weighed):
    old = {"Cargo.toml": b'[package]\nname = "app"\n[dependencies]\nlibc = "1"\n'}
    new = {"Cargo.toml": old["Cargo.toml"] + b'regex = "1"\n'}
    command = text("cargo build --release")
    base, head = (weighed(command, PYTHON, {"opt/app": elf(size)}) for size in (100, 9_100))
    assert summary(causes(base, head, old, new)) == [("dependency", "regex", "Cargo.toml:5", 9_000)]
    assert summary(causes(head, base, new, old)) == [("dependency", "regex", "Cargo.toml:5", -9_000)]


def test_programs_over_limit_are_reported_without_their_sections(weighed, monkeypatch):
    monkeypatch.setattr("weighbridge.domain.causes.contents._MAX_PROGRAMS", 1)
    before, after = ({f"opt/{name}": elf(size) for name in "ab"} for size in (100, 9_100))
    found = causes(weighed(text(), PYTHON, before), weighed(text(), PYTHON, after), SOURCES, SOURCES)
    assert [one.bytes for one in found if one.kind == "program"] == [9_000]
    assert sum(one.bytes for one in found) == 18_000


GO_MOD = b"module acme\nrequire github.com/x/old v1.0.0\n"


def go(functions: dict[str, int], modules: str) -> bytes:
    listed = f"path\tacme\nmod\tacme\tv1\n{modules}"
    return program({".go.buildinfo": go_build_info(listed), ".gopclntab": function_table(functions)})


def test_go_program_is_split_between_new_module_and_its_own_code(weighed):
    old = {"opt/app": go({"main.main": 1_000}, "")}
    modules = "dep\tgithub.com/x/lib\tv1\ndep\tgithub.com/y/z\tv1\n"
    new = {"opt/app": go({"main.main": 2_000, "github.com/x/lib.A": 6_000, "github.com/y/z.B": 3_000}, modules)}
    declared = b"require github.com/x/lib v1.0.0\nrequire github.com/y/z v1.0.0 // indirect\n"
    trees = {"go.mod": GO_MOD}, {"go.mod": GO_MOD + declared}
    base, head = weighed(text(), PYTHON, old), weighed(text(), PYTHON, new)
    grown = len(new["opt/app"]) - len(old["opt/app"])
    for found in (causes(base, head, *trees), causes(head, base, *trees[::-1])):
        library, rest = found
        assert (library.what, str(library.place), library.via) == ("github.com/x/lib", "go.mod:3", ("/opt/app",))
        assert [one.what for one in library.parts] == ["github.com/y/z"]
        assert abs(abs(library.bytes) - grown * 9 // 10) <= 1
        assert (rest.kind, rest.what) == ("program", "/opt/app")


def test_go_program_without_code_of_new_module_is_one_cause(weighed):
    base, head = (weighed(text(), PYTHON, {"opt/app": go({"main.main": size}, "")}) for size in (1_000, 9_000))
    trees = {"go.mod": GO_MOD}, {"go.mod": GO_MOD + b"require github.com/x/unused v1.0.0\n"}
    head = weighed(text(), PYTHON, {"opt/app": go({"main.main": 9_000, "acme/b.c": 10}, "")})
    assert [one.what for one in causes(base, head, *trees)] == ["/opt/app"]


@pytest.mark.parametrize(
    ("changed", "kind", "because"),
    [
        ({"main.go": b"bb", "docs/x.md": b"bbb"}, "instruction", "made from docs/x.md and 1 more"),
        ({"main.go": b"bb"}, "instruction", "made from main.go"),
        ({}, "drift", "the instruction and what it copies did not change"),
    ],
)
def test_data_of_another_stage_is_named_with_its_changed_sources(weighed, changed, kind, because):
    command = text("make /out/data", "data")
    base, head = (weighed(command, PYTHON, {"opt/data": b"d" * size}) for size in (100, 900))
    (found,) = causes(base, head, SOURCES, {**SOURCES, **changed})
    assert (found.kind, found.because, str(found.place)) == (kind, because, "Dockerfile:3")


@pytest.mark.parametrize(
    ("build", "line"),
    [
        ("RUN make x && cp x /out/data\nRUN make y\nRUN true", 2),
        ("RUN fetch /in/folder\nRUN make y\nRUN true", 2),
        ("RUN true\nRUN make y\nRUN true", 3),
        ("RUN true\nRUN false", 3),
        ("COPY --from=golang /a /b", 2),
        ("ENV A=1", 4),
    ],
)
def test_file_of_another_stage_is_named_at_its_most_likely_maker(weighed, build, line):
    dockerfile = f"FROM debian AS build\n{build}\nFROM debian\nCOPY --from=build /in/folder /opt/\n"
    base, head = weighed(dockerfile, PYTHON, {}), weighed(dockerfile, PYTHON, {"opt/data": b"d" * 900})
    assert summary(causes(base, head)) == [("drift", "/opt/data", f"Dockerfile:{line}", 900)]


def test_file_of_repository_through_stages_is_named_by_its_path(weighed):
    dockerfile = (
        "FROM debian AS a\nCOPY docs /docs\nFROM a AS b\nRUN true\nFROM debian\nCOPY --from=b /docs/ /opt/\n"
        "COPY main.go /opt/renamed\n"
    )
    base = weighed(dockerfile, PYTHON, {}, {})
    head = weighed(dockerfile, PYTHON, {"opt/x.md": b"a" * 700}, {"opt/renamed": b"a" * 300})
    new = SOURCES | {"docs/x.md": b"a" * 700, "main.go": b"a" * 300}
    assert summary(causes(base, head, SOURCES, new)) == [
        ("file", "docs/x.md", "docs/x.md", 700),
        ("file", "main.go", "main.go", 300),
    ]


def test_unchanged_file_that_ignore_patterns_now_let_through_is_named_at_these(weighed):
    dockerfile = "FROM debian\nCOPY . /opt/\n"
    base, head = weighed(dockerfile, PYTHON, {}), weighed(dockerfile, PYTHON, {"opt/docs/x.md": b"a" * 700})
    trees = SOURCES | {".dockerignore": b"docs\n"}, SOURCES | {".dockerignore": b""}
    (found,) = causes(base, head, *trees)
    assert (found.what, str(found.place), found.because) == ("docs/x.md", ".dockerignore", "its patterns changed")
    (found,) = causes(base, head, SOURCES, SOURCES)
    assert (str(found.place), found.because) == ("Dockerfile:2", "the file itself did not change")


def test_small_folders_are_one_cause_beside_a_large_file(weighed):
    dockerfile = "FROM debian\nCOPY . /opt/\n"
    files = {"big": b"b" * 90_000, "a/1": b"a", "a/2": b"a", "b/1": b"b"}
    base = weighed(dockerfile, PYTHON, {f"opt/{path}": b"" for path in files})
    head = weighed(dockerfile, PYTHON, {f"opt/{path}": data for path, data in files.items()})
    found = causes(base, head, dict.fromkeys(files, b""), files)
    assert [(one.what, one.bytes) for one in found] == [("big", 90_000), ("2 small files in .", 2), ("b/1", 1)]


def test_source_of_file_is_found_in_linear_time_for_files_of_one_name():
    def find(files):
        paths = [f"p{number}/__init__.py" for number in range(files)]
        finder, copy = source_finder("FROM debian\nCOPY . /app/\n", paths)
        assert [finder.find(f"/app/{path}", copy)[0] for path in paths] == paths

    assert_linear(find, largest=4_000)


def test_source_of_file_is_found_through_many_copies_between_stages():
    stages = "".join(f"FROM s{n - 1} AS s{n}\n" + f"COPY --from=s{n - 1} /x /y\n" * 20 for n in range(1, 9))
    finder, copy = source_finder(f"FROM debian AS s0\nCOPY x /\n{stages}", ["x"])
    assert finder.find("/y", copy) == (None, copy)
    assert finder.find("/x", copy)[0] == "x"
