"""What an image is for: to run a program, to develop, test or build with, as far as its Dockerfile shows."""

from __future__ import annotations

import enum
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence

from weighbridge.domain.dockerfile import Dockerfile, Instruction, Stage
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.model import Surroundings
from weighbridge.domain.lint.official import is_toolchain


def _names(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


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
_SHELLS = _names("sh ash bash dash fish zsh")
_LOGIN_OPTION = late_pattern(r"-[il]+|--login")
_REPLS = _names("R clj erl ghci iex irb jshell julia lua node pry psysh ruby scala utop")
_PYTHON = late_pattern(r"i?python[\d.]*")
_BUILD_TOOLS = _names(
    "bun bundle cabal cargo clang composer conda dart dotnet dune esy g++ gcc gem ghc go gradle javac lein mix mvn npm",
    "npx opam pip pnpm poetry rake rebar3 rustc sbt stack swift yarn zig",
)
"""A build tool without arguments: whoever starts the container says what it builds."""
_HELP_WORDS = _names("-help --help help -version --version")
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
_DEVELOPING_TOOLS = _names(
    "bazel cmake gradle gradlew make meson mvn mvnw ninja",
    "abuild debuild dpkg-buildpackage gbp makepkg mock rpmbuild",
    "air bacon code-server gow grunt gulp iex nodemon react-native reflex sphinx-autobuild start-storybook ts-node-dev",
    "ava behat ctest cypress jest karma mocha nox pest phpunit playwright pytest rspec tox unittest vitest",
    "black eslint flake8 mypy pre-commit prettier pylint ruff",
)
"""Programs that develop, test or build, whatever their arguments."""
_DEVELOPING_TASKS = {
    program: late_pattern(rf"(?:{rest})(?![\w-])")
    for programs, rest in {
        "go": r" (?:run|test|tool|vet)",
        "cargo": r" (?:[+]\S+ )?(?:run|test|nextest|watch|bench|clippy|check|build|fmt)",
        "dotnet": r" (?:run|watch|test|build)",
        "mix": r" (?:test|phx\.server)",
        "rails": r" (?:test|console)",
        "rake": r" (?:test|spec)",
        "vite": r"(?! preview)",
        "gatsby": r" develop",
        "ng": r" (?:serve|test)",
        "vue-cli-service nx": r" (?:serve|test)",
        "react-scripts": r" (?:start|test)",
        "expo": r" start",
        "parcel": r" (?:serve|watch)",
        "tsx": r" watch",
        "nest": r" start --(?:watch|debug)",
        "tsc": r" .*(?:-w\b|--watch)",
        "turbo": r" (?:test|run (?:dev|test))",
        "py": r"\.test",
        "coverage poetry pipenv uv hatch": r" run (?:pytest|tox|test)",
        "composer": r" test",
        "php": r" artisan (?:test|serve)",
        "hugo": r" server",
        "jekyll mkdocs": r" serve",
        "sleep": r" (?:infinity|inf|[0-9]{4,}\w?)",
        "tail": r" -[fF] /dev/null",
    }.items()
    for program in programs.split()
}
"""What follows the name of a program that develops, tests or waits only with these arguments."""
_NOT_IN_NAME = late_pattern(r"[^\w-]")
_WEBPACK = late_pattern(r"webpack(?:-dev-server|\ serve|.*--watch)(?![\w-])")
_PYTHON_TEST = late_pattern(r"python[0-9.]* -m (?:pytest|unittest|tox|nox)(?![\w-])")
_BUILD_SCRIPT = late_pattern(
    r"(?:(?:ba|da|a)?sh )?(?:\S*/)?(?:build|compile|package|release|(?:create|make)[_-](?:packages?|rpms?|debs?|dist))"
    r"(?:[_-][\w-]*)?\.(?:sh|bash|py)(?![\w-])"
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
        if _is_developing_task(text) or _is_tool_alone(text.split()):
            return True
    return False


def _is_developing_task(command: str) -> bool:
    """True if a command runs a development server or tests, builds, or waits for a person."""
    head = _NOT_IN_NAME.split(command, maxsplit=1)[0]
    if head in _DEVELOPING_TOOLS:
        return True
    rest = _DEVELOPING_TASKS.get(head)
    if rest is not None and rest.match(command, len(head)):
        return True
    if head.startswith("webpack") and _WEBPACK.match(command):
        return True
    if head.startswith("python") and _PYTHON_TEST.match(command):
        return True
    return (".sh" in command or ".bash" in command or ".py" in command) and _BUILD_SCRIPT.match(command) is not None


def _is_tool_alone(words: Sequence[str]) -> bool:
    """True for a shell, an interpreter or a build tool that starts without a program to run."""
    if not words:
        return False
    program, *arguments = words
    if program in _SHELLS:
        return all(_LOGIN_OPTION.fullmatch(one) for one in arguments)
    if not arguments and (program in _REPLS or _PYTHON.fullmatch(program)):
        return True
    return program in _BUILD_TOOLS and (not arguments or (len(arguments) == 1 and arguments[0] in _HELP_WORDS))


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
