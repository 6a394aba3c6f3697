"""What an image is for: to run a program, to develop, test or build with, as far as its Dockerfile shows."""

from __future__ import annotations

import enum
import json
import posixpath
import re
from collections.abc import Iterable, Iterator

from weighbridge.domain.dockerfile import Dockerfile, Instruction, Stage
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.model import Surroundings
from weighbridge.domain.lint.official import is_toolchain

_DEVELOPING_WORDS = frozenset(
    [
        "bench",
        "benchmark",
        "benchmarks",
        "ci",
        "cypress",
        "debug",
        "dev",
        "devbox",
        "devctr",
        "editable",
        "tilt",
        "devcontainer",
        "devel",
        "develop",
        "developer",
        "development",
        "e2e",
        "fuzz",
        "fuzzer",
        "gitpod",
        "ide",
        "integration",
        "lint",
        "linter",
        "playwright",
        "sandbox",
        "test",
        "tester",
        "testing",
        "tests",
        "unittest",
        "unittests",
    ]
)
_TESTING_WORDS = frozenset(["e2e", "integration", "test", "tester", "testing", "tests", "unittest", "unittests"])
_BUILDING_WORDS = frozenset(
    ["build", "builder", "buildenv", "buildbox", "compile", "compiler", "cross", "crossbuild", "sdk", "toolchain"]
)
_DEVELOPING_FOLDERS = frozenset(
    [
        ".ci",
        ".circleci",
        ".devcontainer",
        ".gitpod",
        "ci",
        "dev",
        "devcontainer",
        "devcontainers",
        "e2e",
        "fuzz",
        "test",
        "testdata",
        "testing",
        "tests",
    ]
)
_DEVELOPING_BASES = late_pattern(
    r"(?:^|/)(?:devcontainers?|vscode/devcontainers|cimg|circleci|cypress|gitpod|jenkins|playwright|selenium"
    r"|oss-fuzz-base|base-builder|pytorch/manylinux|pypa|dockcross|dotnet-buildtools|catthehacker|actions-runner|codespaces)"
    r"(?:[/:-]|$)|(?:^|/)(?:eclipse/[\w-]+|che-stacks/[\w-]+)(?:[:@]|$)|(?:^|/)(?:buildpack-deps|manylinux|musllinux)|actions/runner|-ci(?:[/:]|$)"
)
_WRAPPERS = frozenset(["dumb-init", "docker-entrypoint.sh", "entrypoint.sh", "exec", "tini", "tini-static", "env"])
_SHELL_ALONE = late_pattern(
    r"(?:ba|da|a|z|fi)?sh(?: (?:-[il]+|--login))*"
    r"|(?:irb|pry|ghci|jshell|iex|erl|lua|julia|R|scala|clj|utop|psysh|i?python[\d.]*|node|ruby)"
)
_TOOL_ALONE = late_pattern(
    r"(?:npm|npx|yarn|pnpm|bun|mvn|gradle|sbt|lein|cargo|rustc|go|gcc|g\+\+|clang|javac|ghc|stack|cabal|esy|opam|dune"
    r"|mix|rebar3|composer|bundle|rake|gem|pip|poetry|conda|dart|swift|zig|dotnet)(?: (?:--?help|help|--?version))?"
)
"""A build tool without arguments: whoever starts the container says what it builds."""
_NO_PROGRAM = late_pattern(
    r"(?:sleep [0-9]+\w?|(?:cp|cat|tar) [^&|;]+|(?:perl |python3? |bash |sh )?(?:-\w+ )?\S*run[_-]?tests?(?:\.\w+)?)"
)
"""A whole start command that only hands results out, or lets ``docker cp`` take them."""
_WAITS_FOR_JOBS = late_pattern(
    r"dockerd-entrypoint\.sh|jenkins-(?:agent|slave)|buildkite-agent|gitlab-runner|run-agent\.sh"
)
SCRIPT_RUNNER = late_pattern(r"(?:npm|yarn|pnpm|bun)(?: -\S+| --\S+)* (?:run |run-script )?([\w:.-]+)")
_DEVELOPING_SCRIPT = late_pattern(
    r"(?:dev|develop|development|test|tests|watch|lint|e2e|debug|storybook|start[:.-]dev|serve[:.-]dev)(?:[:.-].*)?"
)
_DEVELOPS = late_pattern(
    r"""(?:
      go\ (?:run|test|tool|vet) | air | reflex | gow
    | cargo\ (?:[+]\S+\ )?(?:run|test|nextest|watch|bench|clippy|check|build|fmt) | bacon
    | make | cmake | ctest | ninja | bazel | meson
    | (?:mvnw?|gradlew?)
    | dotnet\ (?:run|watch|test|build)
    | mix\ (?:test|phx\.server) | iex | rails\ (?:test|console) | rspec | rake\ (?:test|spec)
    | next\ dev | nuxi?\ dev | vite(?!\ preview) | astro\ dev | remix\ dev | gatsby\ develop | ng\ (?:serve|test)
    | vue-cli-service\ (?:serve|test) | react-scripts\ (?:start|test) | react-native | expo\ start
    | webpack(?:-dev-server|\ serve|.*--watch) | parcel\ (?:serve|watch) | gulp | grunt | nodemon | ts-node-dev
    | tsx\ watch | nest\ start\ --(?:watch|debug) | tsc\ .*(?:-w\b|--watch) | start-storybook | storybook\ dev
    | jest | mocha | vitest | karma | ava | cypress | playwright | eslint | prettier | turbo(?:\ run)?\ (?:dev|test)
    | nx\ (?:serve|test) | pytest | py\.test | tox | nox | unittest | flake8 | pylint | mypy | ruff | black | pre-commit
    | (?:python[0-9.]*\ -m\ )(?:pytest|unittest|tox|nox) | (?:coverage|poetry|pipenv|uv|hatch)\ run\ (?:pytest|tox|test)
    | phpunit | pest | behat | composer\ (?:test|dev) | php\ artisan\ (?:test|serve) | hugo\ server | jekyll\ serve
    | (?:(?:ba|da|a)?sh\ )?(?:\S*/)?(?:build|compile|package|release|(?:create|make)[_-](?:packages?|rpms?|debs?|dist))
      (?:[_-][\w-]*)?\.(?:sh|bash|py)
    | rpmbuild | dpkg-buildpackage | debuild | debian/rules | gbp | abuild | makepkg | mock
    | mkdocs\ serve | sphinx-autobuild | code-server | sleep\ (?:infinity|inf|[0-9]{4,}\w?) | tail\ -[fF]\ /dev/null
    )(?![\w-])""",
    re.VERBOSE,
)


class Purpose(enum.Enum):
    """What an image is for. Rules give no advice to drop what an image exists for."""

    RUN = "run"
    """It runs a program, or nothing says otherwise."""
    DEVELOP = "develop"
    """People or tests work in it: a development server, a test run, a shell, a continuous-integration image."""
    BUILD = "build"
    """Other images or projects are built with it: it has a toolchain and starts nothing of its own."""


def purpose_of(dockerfile: Dockerfile, final: Stage, surroundings: Surroundings, *, has_compiler: bool) -> Purpose:
    """The purpose of the image that `final` makes; `has_compiler` says that its instructions install one."""
    words = set(_words_of_path(dockerfile.path)) | set(_words(final.name or ""))
    base = dockerfile.chain(final)[0].base
    if words & _DEVELOPING_WORDS or _DEVELOPING_BASES.search(base):
        return Purpose.DEVELOP
    if words & _BUILDING_WORDS:
        return Purpose.BUILD
    started = start_command(dockerfile, final, surroundings)
    if _WAITS_FOR_JOBS.match(posixpath.basename(started.partition(" ")[0])):
        return Purpose.DEVELOP
    if not started:
        return Purpose.BUILD if is_toolchain(base) or has_compiler else Purpose.RUN
    return Purpose.DEVELOP if develops(started) else Purpose.RUN


def is_named_for_tests(path: str) -> bool:
    """True if the Dockerfile's name or its nearest folder says that it is for tests."""
    return not _TESTING_WORDS.isdisjoint(_words_of_path(path))


def develops(command: str) -> bool:
    """True if a command is a development server, a test run, a build tool or a shell for a person."""
    if _NO_PROGRAM.fullmatch(command):
        return True
    for one in re.split(r"&&|\|\||;", command[:4000])[:20]:
        text = " ".join(posixpath.basename(word) if index == 0 else word for index, word in enumerate(one.split()))
        text = re.sub(r"^(?:npx|pnpx|bunx|(?:pnpm|yarn|npm)(?: dlx| exec)) (?:--?\S+ )*", "", text)
        if re.fullmatch(r"[\w-]+ dev(?: .*)?", text):
            return True
        script = SCRIPT_RUNNER.match(text)
        if script and _DEVELOPING_SCRIPT.fullmatch(script[1]):
            return True
        if _DEVELOPS.match(text) or _SHELL_ALONE.fullmatch(text) or _TOOL_ALONE.fullmatch(text):
            return True
    return False


def start_command(dockerfile: Dockerfile, final: Stage, surroundings: Surroundings) -> str:
    """What the container starts, in one line; a package script that ``package.json`` defines is followed once."""
    words = list(_start_words(dockerfile, final))
    while words and (posixpath.basename(words[0]) in _WRAPPERS or words[0] == "--"):
        words.pop(0)
    if len(words) > 2 and posixpath.basename(words[0]) in {"sh", "bash", "ash"} and re.fullmatch(r"-\w*c", words[1]):
        text = words[2] if len(words) == 3 else " ".join(words[2:]).strip("'\"")
        words = text.split()
        if words[:1] == ["exec"]:
            words.pop(0)
    text = " ".join(words)
    followed = _script_of(text, surroundings)
    return f"{text} && {followed}" if followed else text


def _script_of(command: str, surroundings: Surroundings) -> str:
    found = SCRIPT_RUNNER.match(command)
    if found is None or surroundings.package_json is None:
        return ""
    scripts = package_section(surroundings.package_json, "scripts")
    return str(scripts.get(found[1], ""))[:2000]


def package_section(package_json: str, name: str) -> dict[str, object]:
    """One object of a ``package.json``; empty if the file is not readable or has none."""
    try:
        whole = json.loads(package_json)
    except (ValueError, RecursionError):
        return {}
    section = whole.get(name) if isinstance(whole, dict) else None
    return section if isinstance(section, dict) else {}


def _start_words(dockerfile: Dockerfile, final: Stage) -> Iterator[str]:
    """The words of the last ``ENTRYPOINT`` and of the ``CMD`` that counts with it."""
    instructions = [one for stage in dockerfile.chain(final) for one in stage.instructions]
    entrypoint: Instruction | None = None
    command: Instruction | None = None
    for one in instructions:
        if one.name == "ENTRYPOINT":
            entrypoint = one
        elif one.name == "CMD":
            command = one
    for found in (entrypoint, command):
        if found is not None:
            yield from found.args if found.is_exec_form else " ".join(found.args).split()


def _words(text: str) -> Iterable[str]:
    return re.split(r"[^a-z0-9]+", text.lower())


def _words_of_path(path: str) -> Iterator[str]:
    """The words of the file's name behind and before ``Dockerfile``, and the nearest folders that mean development."""
    *folders, name = path.replace("\\", "/").split("/")
    for word in _words(re.sub(r"(?:docker|container)file", "", name, flags=re.IGNORECASE)):
        yield "builder" if word == "base" else word  # Dockerfile.base: other images stand on it, or copy from it.
    for folder in folders[-3:]:
        if folder.lower() in _DEVELOPING_FOLDERS or folder.lower().endswith(("-dev", "-ci", "-test", "-tests")):
            yield "dev"
        if (
            folder.lower().endswith(("-builder", "_builder", "-build-env", "-build-image", "-toolchain"))
            or folder == "build-image"
        ):
            yield "builder"
    for word in _words(folders[-1] if folders else ""):
        if word in {"e2e", "ci", "dev"}:
            yield "dev"
