"""Lists of packages and shell scripts that a RUN names."""

from __future__ import annotations

import pytest

from weighbridge.domain.declarations.named_files import readers_of_named_files

LISTED = "# tools\nless\n\nfile=1:5.44-3  vim-tiny # editor\nlibc6:amd64\n-x\n"


@pytest.mark.parametrize(
    ("command", "ecosystem"),
    [
        ("apt-get update && apt-get install -y $(cat packages.txt) && rm -rf /x", "deb"),
        ("apt-get update; xargs apt-get install -y < /tmp/packages.txt", "deb"),
        ("xargs -a packages.txt apt-get install -y", "deb"),
        ("cat packages.txt | xargs apk add --no-cache", "apk"),
        ("apk add `grep -v '#' ./packages.txt`", "apk"),
        ("dnf -y install $(<packages.txt)", "rpm"),
    ],
)
def test_list_named_by_command_is_read_as_packages(command: str, ecosystem: str) -> None:
    readers = readers_of_named_files([command], ["deps/packages.txt", "other.txt"])
    assert list(readers) == ["deps/packages.txt"]
    found = list(readers["deps/packages.txt"]("deps/packages.txt", LISTED))
    assert {one.ecosystem.value for one in found} == {ecosystem}
    assert [(one.name, one.line) for one in found] == [("less", 2), ("file", 4), ("vim-tiny", 4), ("libc6", 5)]


@pytest.mark.parametrize(
    "command",
    [
        "apt-get install -y nginx",
        "apt-get install -y ./nginx",
        "echo $(cat nginx)",
        "apt-get install -y curl && echo $(cat nginx)",
        "apt-get install $(ls *.deb) tool.deb",
    ],
)
def test_file_that_is_no_list_has_no_reader(command: str) -> None:
    assert readers_of_named_files([command], ["conf/nginx", "tool.deb"]) == {}


def test_script_named_by_command_is_read_for_its_installers() -> None:
    readers = readers_of_named_files(["chmod +x /tmp/install.sh && /tmp/install.sh --all"], ["ci/install.sh", "b.sh"])
    assert list(readers) == ["ci/install.sh"]
    text = (
        "#!/bin/sh\nset -e\nif true; then\n  apt-get install -y \\\n    less \\\n    file\nfi\npip install 'flask==3'\n"
    )
    found = readers["ci/install.sh"]("ci/install.sh", text)
    assert [(one.name, one.line) for one in found] == [("less", 5), ("file", 6), ("flask", 8)]


def test_number_of_scripts_is_bounded() -> None:
    command = " ".join(f"s{n}.sh" for n in range(100))
    assert len(readers_of_named_files([command], [f"s{n}.sh" for n in range(100)])) == 20


def test_hostile_command_is_searched_once_for_each_name() -> None:
    paths = [f"d{number}/packages.txt" for number in range(2_000)]
    readers = readers_of_named_files(["apt install $(cat " + "packages.txt " * 1_500 + ")"] * 50, paths)
    assert len(readers) == 2_000
