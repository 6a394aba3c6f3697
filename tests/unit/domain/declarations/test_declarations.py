# ruff: noqa: E501 - the files stand in one line each, so that a table shows them
"""Manifests, lock files and commands: which package each line names."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from linear_time import assert_linear

from weighbridge.domain.declarations import declared_by_commands, read_declarations
from weighbridge.domain.dockerfile import parse_dockerfile

Found = tuple[str, str, str, int | None, bool]


def read(files: dict[str, str]) -> list[Found]:
    content = {path: text.encode() for path, text in files.items()}
    found = read_declarations(content, content.get).found
    return [(one.ecosystem.value, one.name, one.path, one.line, one.is_pinned_only) for one in found]


def names(path: str, text: str) -> list[tuple[str, int | None]]:
    return [(name, line) for _, name, _, line, _ in read({path: text})]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (
            "requirements.txt",
            "# tools\nDjango==5.0 \\\n    --hash=sha256:0\n\nzope.interface>=1 ; python_version > '3'\n-e .\n--index-url https://x\n",
            [("django", 2), ("zope-interface", 5)],
        ),
        ("app/requirements/base.in", "celery[redis]~=5.0\ngit+https://x/y.git#egg=Thing\n", [("celery", 1), ("thing", 2)]),
        (
            "pyproject.toml",
            '[project]\nname = "a"\ndependencies = [\n  "httpx>=0.2",\n  "rich",\n]\n[project.optional-dependencies]\n'
            'db = ["psycopg[binary]"]\n[dependency-groups]\ndev = ["pytest"]\n',
            [("httpx", 4), ("rich", 5), ("psycopg", 8), ("pytest", 10)],
        ),
        ("pyproject.toml", '[project]\ndependencies = ["./local", "six"]\n[tool.poetry.dev-dependencies]\nruff = "1"\n', [("six", 2), ("ruff", 4)]),
        (
            "pyproject.toml",
            '[tool.poetry.dependencies]\npython = "^3.11"\nnumpy = "^2"\n[tool.poetry.group.dev.dependencies]\nruff = {version = "*"}\n',
            [("numpy", 3), ("ruff", 5)],
        ),
        ("Pipfile", '[packages]\nflask = "*"\n[dev-packages]\nblack = "*"\n', [("flask", 2), ("black", 4)]),
        ("uv.lock", 'version = 1\n\n[[package]]\nname = "idna"\nversion = "3.7"\n', [("idna", 4)]),
        ("Pipfile.lock", '{\n    "default": {\n        "idna": {\n            "hashes": [\n            ],\n            "version": "==3.7"\n        }\n    }\n}', [("idna", 3)]),
        ("setup.cfg", "[options]\ninstall_requires =\n  attrs\n  six>=1\n[flake8]\nmax = 1\n", [("attrs", 3), ("six", 4)]),
        ("setup.cfg", "[options]\ninstall_requires =\n  -e .\n  file:./x\n  six\n", [("six", 5)]),
        ("setup.py", "setup(\n  install_requires=[\n    'attrs',\n  ],\n)\n", [("attrs", 3)]),
        ("setup.py", "a = dict(**{'install_requires': ['celery[redis]>=5', './x', \"six\"], 'x': ['no']})\n", [("celery", 1), ("six", 1)]),
        ("setup.py", "setup(install_requires=open('r.txt').readlines(), classifiers=['Topic :: Text'])\n", []),
        ("setup.py", "setup(name='x')\n", []),
        (
            "environment.yml",
            "name: x\ndependencies:\n  - python=3.12\n  - conda-forge::numpy\n  - pip:\n    - flask==3\n",
            [("python", 3), ("numpy", 4), ("flask", 6)],
        ),
        ("environment.yml", "dependencies:\n  - pip:\n    - -r more.txt\n    - flask\n", [("flask", 4)]),
        ("environment.yml", "name: x\n- numpy\n", []),
        (
            "web/package.json",
            '{\n  "name": "react",\n  "dependencies": {\n    "react": "^18",\n    "@scope/a": "1"\n  },\n  "devDependencies": {"vite": "5"}\n}',
            [("react", 4), ("@scope/a", 5), ("vite", 7)],
        ),
        (
            "package-lock.json",
            '{\n "packages": {\n  "node_modules/a": {\n   "version": "1.0.0"\n  },\n  "node_modules/a/node_modules/@s/b": {\n   "version": "2.0.0"\n  }\n }\n}',
            [("a", 3), ("@s/b", 6)],
        ),
        ("yarn.lock", '# yarn lockfile v1\n\n"@s/a@^1.0.0":\n  version "1.2.0"\n\nb@~2, b@^2:\n  version "2.1.0"\n', [("@s/a", 3), ("b", 6)]),
        ("yarn.lock", '"left-pad@npm:^1.0.0":\n  version: 1.3.0\n', [("left-pad", 1)]),
        ("pnpm-lock.yaml", "packages:\n\n  '@s/a@1.0.0':\n    resolution: {}\n  b@2.0.0(react@18):\n    resolution: {}\n", [("@s/a", 3), ("b", 5)]),
        (
            "pnpm-workspace.yaml",
            "packages:\n  - apps/*\ncatalog:\n  react: ^18.3.1\n  '@s/a': \"1\"  # why\ncatalogs:\n  old:\n    react: ^17.0.2\nonlyBuilt:\n  x: y\n",
            [("react", 4), ("@s/a", 5), ("react", 8)],
        ),
        (".yarnrc.yml", "nodeLinker: node-modules\ncatalog:\n  lodash: ^4.17.0\n", [("lodash", 3)]),
        (
            "package.json",
            '{\n "workspaces": {\n  "packages": ["a"],\n  "catalog": {\n   "react": "18"\n  },\n  "catalogs": {\n   "old": {\n    "vue": "2"\n   }\n  }\n }\n}',
            [("vue", 9), ("react", 5)],
        ),
        ("bun.lock", '{\n  "packages": {\n    "a": ["a@1.0.0", "", {}, ""],\n    "b/@s/c": ["@s/c@2.0.0", "", {}, ""]\n  }\n}', [("a", 3), ("@s/c", 4)]),
        (
            "go.mod",
            "module x.org/a\n\ngo 1.22\n\nrequire (\n\tgolang.org/x/text v0.3.0\n\tx.org/b v1.0.0 // indirect\n)\nrequire x.org/c/v2 v2.0.0\nexclude (\n\tx.org/d v1.0.0\n)\nreplace x.org/c/v2 => ./c\n",
            [("stdlib", 3), ("golang.org/x/text", 6), ("x.org/b", 7), ("x.org/c/v2", 9), ("x.org/c/v2", 13)],
        ),
        ("go.mod", "module a\nrequire x.org/y v1.0.0\n", [("x.org/y", 2)]),
        (
            "Cargo.toml",
            '[package]\nname = "a"\n[dependencies]\nserde = { version = "1", features = ["derive"] }\n[target."cfg(unix)".dependencies]\nnix = "0.1"\n',
            [("serde", 4), ("nix", 6)],
        ),
        ("Gemfile", "source 'https://x'\ngem 'rails', '~> 7'\n  gem \"pg\"\n", [("rails", 2), ("pg", 3)]),
        ("Gemfile.lock", "GEM\n  specs:\n    rails (7.0.1)\n      rack (>= 1)\n    rack (2.0)\n", [("rails", 3), ("rack", 5)]),
        ("composer.json", '{"require": {\n "php": ">=8",\n "monolog/monolog": "^3"}}', [("monolog/monolog", 3)]),
        ("composer.lock", '{"packages": [{\n "name": "a/b",\n "version": "1.0"}]}', [("a/b", 2)]),
        (
            "pom.xml",
            "<project><properties><v>1.2</v></properties>\n<!-- <dependency><artifactId>no</artifactId></dependency> -->\n<dependency>\n <groupId>g</groupId>\n <artifactId>guava</artifactId>\n <version>${v}</version>\n</dependency></project>",
            [("guava", 5)],
        ),
        ("build.gradle.kts", 'dependencies {\n  implementation("com.google.guava:guava:33.0")\n  api \'a.b:c:1\'\n}\n', [("guava", 2), ("c", 3)]),
        ("gradle/libs.versions.toml", '[versions]\nk = "1"\n[libraries]\nkafka = { module = "org.apache:kafka", version.ref = "k" }\n', [("kafka", 4)]),
        (
            "gradle/libs.versions.toml",
            '[libraries]\na = "g:a:1"\nb = { group = "g", name = "b", version = "2" }\nc = 3\nd = "no-group"\n',
            [("a", 2), ("b", 3)],
        ),
        ("pom.xml", "<dependency><groupId>g</groupId></dependency>\n<dependency><artifactId>b</artifactId></dependency>\n", [("b", 2)]),
        ("requirements.txt", "C:\\wheels\\a.whl\ndist/a.whl\nhost:8080\nsix\n", [("six", 4)]),
        ("src/a.csproj", '<Project>\n<ItemGroup>\n<PackageReference Include="Newtonsoft.Json" Version="13.0.1" />\n', [("newtonsoft.json", 3)]),
    ],
)  # fmt: skip
def test_manifest_names_packages_with_lines(path: str, text: str, expected: list[tuple[str, int | None]]) -> None:
    assert names(path, text) == expected


def test_requirements_include_reads_included_files() -> None:
    found = read(
        {"requirements.txt": "-r deps/prod.list\n-c limits.txt\nflask\n", "deps/prod.list": "numpy\n", "limits.txt": ""}
    )
    # Only what the caller lists or an included line names is read.
    assert [(name, path, line) for _, name, path, line, _ in found] == [
        ("flask", "requirements.txt", 3),
        ("numpy", "deps/prod.list", 1),
    ]


def test_requirements_include_outside_of_repository_is_not_read() -> None:
    asked: list[str] = []

    def content(path: str) -> bytes | None:
        asked.append(path)
        return b"-r ../../etc/passwd\n-r /etc/passwd\n-r requirements.txt\n"

    read_declarations(["requirements.txt"], content)
    assert asked == ["requirements.txt"]


def test_compiled_requirements_pin_dependencies() -> None:
    text = "# This file is autogenerated by pip-compile\nflask==3.0\n    # via -r requirements.in\nwerkzeug==3.0\n    # via flask\n"
    assert [(name, pinned) for _, name, _, _, pinned in read({"requirements.txt": text})] == [
        ("flask", False),
        ("werkzeug", True),
    ]


def test_damaged_manifest_gives_note() -> None:
    result = read_declarations(["pyproject.toml", "package.json"], {"pyproject.toml": b"[[", "package.json": b"{"}.get)
    assert result.found == ()
    assert [note.partition(":")[0] for note in result.notes] == ["pyproject.toml", "package.json"]


def test_binary_lock_of_bun_gives_note_with_command() -> None:
    result = read_declarations(["bun.lockb"], {"bun.lockb": b"#!/usr/bin/env bun\nbun-lockfile-format-v0\n\x00"}.get)
    assert result.found == ()
    assert result.notes == (
        "bun.lockb: not read: it is binary. Write bun.lock with `bun install --save-text-lockfile`",
    )


def test_nested_toml_gives_note() -> None:
    result = read_declarations(["Pipfile"], {"Pipfile": b"a = " + b"[" * 100_000}.get)
    assert result.notes == ("Pipfile: not read: nested too deeply",)


def test_lock_file_of_sixty_thousand_lines_is_read_in_linear_time() -> None:
    entry = '  "node_modules/package-{n}": {{\n   "version": "1.0.{n}",\n   "resolved": "https://x/{n}.tgz",\n   "integrity": "sha512-{n}",\n   "license": "MIT"\n  }},\n'

    def read(packages: int) -> None:
        text = ("{\n" + "".join(entry.format(n=n) for n in range(packages)) + "}\n").encode()
        found = read_declarations(["package-lock.json"], {"package-lock.json": text}.get).found
        assert (found[-1].name, found[-1].line) == (f"package-{packages - 1}", 6 * packages - 4)

    assert_linear(read, largest=10_000)


def test_declarations_over_limit_give_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.domain.declarations.read.MAX_DECLARATIONS", 3)
    result = read_declarations(["requirements.txt"], {"requirements.txt": b"a\nb\nc\nd\n"}.get)
    assert len(result.found) == 3
    assert result.notes == ("requirements.txt: more than 3 declarations: the rest is not read",)


def commands(text: str) -> list[tuple[str, str, int | None]]:
    found = declared_by_commands(text, parse_dockerfile(text, path="Dockerfile"))
    return [(one.ecosystem.value, one.name, one.line) for one in found]


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("apt-get update && apt-get install -y --no-install-recommends \\\n  curl \\\n  git=1:2.* libc6:amd64", [("deb", "curl", 3), ("deb", "git", 4), ("deb", "libc6", 4)]),
        ("apt-get -t stable -y install vim/bookworm", [("deb", "vim", 2)]),
        ("apk add --no-cache --virtual .deps gcc 'musl-dev>1'", [("apk", "gcc", 2), ("apk", "musl-dev", 2)]),
        ("microdnf install -y java-17-openjdk-headless", [("rpm", "java-17-openjdk-headless", 2)]),
        ("pip install --no-cache-dir 'flask[async]>=2' -r requirements.txt ./local", [("pip", "flask", 2)]),
        ("python3 -m pip install numpy==2.0", [("pip", "numpy", 2)]),
        ("uv pip install --system rich", [("pip", "rich", 2)]),
        ("npm install -g typescript@5 @vue/cli", [("npm", "typescript", 2), ("npm", "@vue/cli", 2)]),
        ("yarn global add serve", [("npm", "serve", 2)]),
        ("gem install rails -v 7.0", [("gem", "rails", 2)]),
        ("go install golang.org/x/tools/gopls@latest", [("go", "golang.org/x/tools/gopls", 2)]),
        ("conda install -y -c conda-forge numpy=1.26", [("conda", "numpy", 2)]),
        ("npm ci && pip download x && apt-get update", []),
        ("apt-get install ./x.deb /y.deb https://example.org/z.deb git", [("deb", "git", 2)]),
    ],
)  # fmt: skip
def test_command_names_packages_with_lines(run: str, expected: list[tuple[str, str, int | None]]) -> None:
    assert commands(f"FROM debian\nRUN {run}\n") == expected


def test_command_with_variable_of_arg_names_package() -> None:
    text = "FROM debian\nARG VERSION=2.0\nENV TOOL=flask\nRUN pip install $TOOL==${VERSION} numpy==$UNKNOWN\n"
    found = declared_by_commands(text, parse_dockerfile(text, path="Dockerfile"))
    assert [(one.name, one.text) for one in found] == [("flask", "flask==2.0 (command)"), ("numpy", "numpy (command)")]


def test_command_with_variable_of_argument_without_default_keeps_earlier_value() -> None:
    text = "ARG TOOL=flask\nFROM debian\nARG TOOL\nRUN pip install $TOOL\n"
    assert commands(text) == [("pip", "flask", 4)]


def test_words_of_commands_over_limit_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.domain.declarations.commands.MAX_WORDS", 2)
    assert commands("FROM debian\nRUN apt-get install a b c\n") == [("deb", "a", 2), ("deb", "b", 2)]


def test_manifests_over_limit_give_note_and_missing_one_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.domain.declarations.read.MAX_FILES", 2)
    result = read_declarations(["gone.txt", "a.txt", "a.txt", "b.txt"], {"a.txt": b"six\n", "b.txt": b"no\n"}.get)
    assert [one.name for one in result.found] == ["six"]
    assert result.notes == ("more than 2 manifests: the rest is not read",)


def test_command_of_unused_stage_declares_nothing() -> None:
    assert commands("FROM debian AS unused\nRUN apt-get install git\nFROM debian\nRUN apt-get install vim\n") == [
        ("deb", "vim", 4)
    ]


@pytest.mark.parametrize(
    ("path", "text", "largest"),
    [
        ("package.json", lambda size: _members('{"dependencies": {', '"p%d": "1"', size), 10_000),
        ("package.json", lambda size: _members('{"dependencies": {', '"\\u0070%d": "1"', size), 10_000),
        ("package.json", lambda size: _members('{"catalogs": {', '"c%d": {"p": "1"}', size), 10_000),
        ("Cargo.toml", lambda size: "[dependencies]\n" + "".join(f'p{n} = "1"\n' for n in range(size)), 8_000),
        ("pom.xml", lambda size: "<!--" * size, 200_000),
        ("pom.xml", lambda size: "<dependency>" * size, 80_000),
        ("go.mod", lambda size: "require (\n" + "\tx.org/a v1.0.0\n" * size, 20_000),
        ("requirements.txt", lambda size: "a\\\n" * size, 100_000),
        ("yarn.lock", lambda size: '"a@1, ' * size, 300_000),
        ("Pipfile.lock", lambda size: '        "a": {' * size, 300_000),
    ],
    ids=[
        "dependencies",
        "escaped",
        "catalogs",
        "crates",
        "comments",
        "unclosed",
        "modules",
        "continued",
        "yarn",
        "pipenv",
    ],
)
def test_hostile_manifest_is_read_in_linear_time(path: str, text: Callable[[int], str], largest: int) -> None:
    assert_linear(lambda size: read_declarations([path], {path: text(size).encode()}.get), largest=largest)


def _members(start: str, member: str, size: int) -> str:
    return start + ", ".join(member % n for n in range(size)) + "}}"


def test_manifest_over_limit_gives_note() -> None:
    result = read_declarations(["pom.xml"], {"pom.xml": b" " * 5_000_000}.get)
    assert result.notes == ("pom.xml: not read: it exceeds the limit of 4194304 bytes for such a file",)
