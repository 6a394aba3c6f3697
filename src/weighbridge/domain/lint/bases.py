"""Rules about base images that carry more than running needs: full language images, JDKs, CUDA for development."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Instruction
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.context import LintContext, installs_compiler
from weighbridge.domain.lint.model import LintFinding
from weighbridge.domain.lint.official import is_toolchain, official_name
from weighbridge.domain.lint.packages import packages_of
from weighbridge.domain.lint.purpose import Purpose
from weighbridge.domain.lint.stages import builds_in_final_stage

_FULL_IMAGES = {"node": 900_000_000, "perl": 800_000_000, "python": 850_000_000, "ruby": 800_000_000}
"""Official images whose full variant stands on buildpack-deps, and about how much larger it is than ``-slim``."""

_RELEASE = late_pattern(r"(?:-(?:bookworm|bullseye|buster|trixie|stretch))?")
_FULL_TAG = late_pattern(
    r"(?P<version>latest|lts|current|[0-9][0-9.]*(?:rc[0-9]+)?|)(?P<release>-(?:bookworm|bullseye|buster|trixie|stretch))?"
)
_MISSING_IN_SLIM = frozenset(
    [
        "autoconf",
        "automake",
        "bzip2",
        "cc",
        "curl",
        "file",
        "g++",
        "gcc",
        "git",
        "hg",
        "make",
        "patch",
        "pkg-config",
        "svn",
        "unzip",
        "wget",
        "xz",
        "convert",
        "imagemagick",
        "mysql_config",
        "pg_config",
        "npm-rebuild",
    ]
)
_JDK = late_pattern(
    r"(?:eclipse-temurin|openjdk|amazoncorretto|adoptopenjdk|sapmachine|bellsoft/liberica-openjdk\S*"
    r"|azul/zulu-openjdk\S*|ibm-semeru-runtimes|maven|gradle)"
)
_TEMURIN = frozenset(["8", "11", "17", "21", "25"])
"""The long-term releases with images of eclipse-temurin."""

_JDK_ONLY_TAG = late_pattern(r"jre")
_CUDA_DEVEL = late_pattern(r"(?:nvcr\.io/)?nvidia/cuda:\S*-devel\S*|pytorch/pytorch:\S*-devel\S*")
_NEEDS_CUDA_COMPILER = late_pattern(
    r"nvcc|CUDA_HOME|TORCH_CUDA_ARCH_LIST|flash[-_]attn|deepspeed|apex|cmake|\bmake\b|setup\.py|build_ext|--no-build-isolation"
    r"|triton|xformers|llama[-_]cpp|vllm|colcon|g\+\+|gcc|cupy|pip3? install (?:-\S+ )*\.|git\+https"
)
_TORCH = late_pattern(r"(?:torch|torchvision|torchaudio)(?:(?:==|>=|~=|<|<=)[\w.*]+)?")
_BRINGS_TORCH = late_pattern(
    r"(?:sentence[-_]transformers|openai-whisper|easyocr|ultralytics|pytorch-lightning|fastai|timm)(?:[=<>~\[].*)?"
)
_ABOUT_CUDA_BYTES = 3_000_000_000
_GPU = late_pattern(r"cuda|nvidia|gpu|rocm|\+cpu|/whl/|jetson|l4t|hpu|habana|neuron|tpu", re.IGNORECASE)


def large_base(context: LintContext) -> Iterator[LintFinding]:
    """``large-base``: the base image has compilers or tools that running the program does not need."""
    if context.purpose is not Purpose.RUN or not context.chain[0].base or builds_in_final_stage(context):
        return
    for rule in (_full_language_image, _jdk_for_a_jar, _cuda_development_image, _toolchain_that_builds_nothing):
        found = rule(context)
        if found is not None:
            yield found
            return


def _finding(
    context: LintContext, message: str, fix: str, about_bytes: int, edits: tuple[Edit, ...] = ()
) -> LintFinding:
    instruction = context.chain[0].from_instruction
    return context.finding(
        LintCode.LARGE_BASE,
        Severity.WARNING,
        instruction,
        message,
        fix,
        edits=edits,
        is_safe=False,
        evidence=instruction.args[0],
        about_bytes=about_bytes,
    )


def _full_language_image(context: LintContext) -> LintFinding | None:
    root = context.chain[0]
    name = official_name(root.base)
    tag = root.base.partition("@")[0].rpartition("/")[2].partition(":")[2]
    found = _FULL_TAG.fullmatch(tag)
    if (
        name not in _FULL_IMAGES
        or found is None
        or _compiles(context)
        or "@" in root.base
        or "playwright" in context.text
        or re.match(r"(?:\S*/)?uwsgi\b", context.start_command)  # pip compiles it
    ):
        return None
    if name in {"ruby", "perl"} and re.search(r"bundle |bundler|gem install|cpanm? ", context.text):
        return None  # Gems and modules are compiled when they are installed.
    release = found["release"] or ""
    version = "" if found["version"] == "latest" else found["version"]
    parts = [
        part for part in ((version, release[1:], "slim") if name == "node" else (version, "slim", release[1:])) if part
    ]
    slim = "-".join(parts)
    written = root.from_instruction.args[0]
    edits: tuple[Edit, ...] = ()
    if "$" not in written and "@" not in written:
        image = written.partition(":")[0] if ":" in written.rpartition("/")[2] else written
        edits = _replaced(context, root.from_instruction, written, f"{image}:{slim}")
    return _finding(
        context,
        f"{root.base} brings compilers, headers and tools; {name}:{slim} runs the same program",
        f"Use {name}:{slim}, and install by name what the program needs",
        _FULL_IMAGES[name],
        edits,
    )


def _compiles(context: LintContext) -> bool:
    """True if a ``RUN`` uses what only the full image has, as far as it shows."""
    brought: set[str] = set()
    for _, script, command in context.final_commands:
        brought |= {name.partition("=")[0] for name in packages_of(context, script, command)}
        if installs_compiler(context, script, command):
            return False  # Its author thinks of a small image, and brings the compiler himself.
        if command.name in _MISSING_IN_SLIM and command.name not in brought:
            return True
    return False


def _jdk_for_a_jar(context: LintContext) -> LintFinding | None:
    base = context.chain[0].base.partition("@")[0]
    name, _, tag = base.partition(":")
    if not _JDK.fullmatch(name.removeprefix("docker.io/").removeprefix("library/")) or _JDK_ONLY_TAG.search(tag):
        return None
    if not re.match(r"(?:\S*/)?java\b", context.start_command) or "--add-modules" in context.start_command:
        return None
    if any(
        command.name in {"javac", "jlink", "jpackage", "mvn", "gradle", "mvnw", "gradlew", "jar"}
        for _, _, command in context.final_commands
    ):
        return None
    if name.endswith("amazoncorretto"):
        return None  # It has no image with a run-time environment only.
    digits = re.match(r"(?:[a-z]+-?)*(\d+)", tag)
    version = digits[1] if digits and digits[1] in _TEMURIN else "21"
    return _finding(
        context,
        f"{base} is a Java development kit; running a jar needs the run-time environment only",
        f"Use eclipse-temurin:{version}-jre, or make a run-time environment of the modules in use with jlink",
        200_000_000,
    )


def _cuda_development_image(context: LintContext) -> LintFinding | None:
    base = context.chain[0].base
    if not _CUDA_DEVEL.match(base) or _NEEDS_CUDA_COMPILER.search(" ".join(_sources(context))):
        return None
    written = context.chain[0].from_instruction.args[0]
    edits = (
        _replaced(context, context.chain[0].from_instruction, written, written.replace("-devel", "-runtime"))
        if "-devel" in written
        else ()
    )
    return _finding(
        context,
        f"{base} brings CUDA's compiler, headers and static libraries, and nothing here compiles for CUDA",
        f"Use {base.replace('-devel', '-runtime')}",
        _ABOUT_CUDA_BYTES,
        edits,
    )


def _toolchain_that_builds_nothing(context: LintContext) -> LintFinding | None:
    """A compiler image that a finished program is only copied into."""
    root = context.chain[0]
    if not is_toolchain(root.base) or any(one.name == "RUN" for one in context.final_instructions):
        return None
    copied = [one for one in context.final.instructions if one.flag("from") is not None]
    if not copied or not context.start_command:
        return None
    return _finding(
        context,
        f"{root.base} is an image to compile with, and the final stage only runs what is copied into it",
        "Let the final stage stand on scratch, a static distroless image or a slim distribution image",
        700_000_000,
    )


def cuda_on_cpu(context: LintContext) -> Iterator[LintFinding]:
    """``cuda-on-cpu``: pip takes PyTorch with CUDA, and nothing says that a GPU is there."""
    if context.purpose is not Purpose.RUN or _GPU.search(context.text) or _GPU.search(context.dockerfile.path):
        return
    if re.search(r"pytorch|tensorflow|cuda|nvidia|rocm", context.chain[0].base):
        return
    for instruction, script in context.final_runs:
        for command in script.commands:
            if not re.fullmatch(r"pip[0-9.]*|uv|python[0-9.]*", command.name) or "install" not in command.values:
                continue
            package = next(
                (value for value in command.values if _TORCH.fullmatch(value) or _BRINGS_TORCH.fullmatch(value)), None
            )
            if package is None:
                continue
            yield context.finding(
                LintCode.CUDA_ON_CPU,
                Severity.WARNING,
                instruction,
                f"{package} brings PyTorch with CUDA's libraries on amd64, and nothing here mentions a GPU",
                "Without a GPU: pip install torch --index-url https://download.pytorch.org/whl/cpu, before "
                "the other packages",
                command=command,
                cause="cuda-on-cpu",
                about_bytes=_ABOUT_CUDA_BYTES,
            )
            return


def _sources(context: LintContext) -> Iterator[str]:
    for one in context.final_instructions:
        yield context.source(one)


def _replaced(context: LintContext, instruction: Instruction, written: str, wanted: str) -> tuple[Edit, ...]:
    begin, _ = context.span(instruction.line, instruction.end_line)
    at = context.source(instruction).find(written)
    return (Edit(start=begin + at, end=begin + at + len(written), replacement=wanted),) if at >= 0 else ()
