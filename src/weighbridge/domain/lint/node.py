"""Rule ``dev-dependencies``, and which package manager of Node a Dockerfile uses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile.run_commands import RunCommand, RunWord
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.context import LintContext, commands_of, inserted_after
from weighbridge.domain.lint.model import LintFinding, Surroundings
from weighbridge.domain.lint.official import official_name
from weighbridge.domain.lint.purpose import SCRIPT_RUNNER, Purpose, package_section

_OMITS_DEV = late_pattern(
    r"--omit[= ]?dev|--production(?!=false)|--prod(?:uction)?\b(?!=false)|--only[= ]prod|-P\b|--without[= ]dev|--no-dev"
)
_WANTS_DEV = frozenset(["--include=dev", "--prod=false", "--production=false", "--dev", "-D"])
_MODERN_YARN = late_pattern(
    r"\.yarnrc\.yml|\.pnp\.|(?:^|[\s/\"])\.yarn(?:/|[\s\"]|$)|yarn set version|--immutable|yarn workspaces focus"
    r"|corepack prepare yarn@(?!1)|yarn@(?:berry|stable|[2-9])|yarn (?:dlx|plugin)"
)
_PACKAGE_MANAGER = late_pattern(r'"packageManager"\s*:\s*"yarn@(\d+)')
_BUILDS = late_pattern(
    r"(?:^|\s)(?:build|compile|bundle|generate|prepare|export)(?::\S+|\s|$)|\b(?:tsc|vite|webpack|rollup|esbuild|gulp"
    r"|grunt|next|nuxt|ng|turbo|nx|lerna|parcel|prisma|babel|rspack|astro|gatsby|expo|ember|vue-cli-service)\b"
)
_PREVIEWS = late_pattern(r"\b(?:npm|pnpm|yarn|bun)(?: run)? preview\b|\b(?:vite|astro) preview\b")
"""Starts with a tool of development: without it the container does not start."""
_RUNNERS = frozenset(["npm", "yarn", "pnpm", "bun", "npx", "pnpx", "bunx", "tsc", "vite", "webpack", "turbo", "nx"])
_NAME_OF_TOOL = {
    "ts-node-dev": "ts-node-dev",
    "tsx": "tsx",
    "ts-node": "ts-node",
    "nest": "@nestjs/cli",
    "tsc": "typescript",
}


def uses_modern_yarn(context: LintContext) -> bool:
    """True if Yarn 2 or later is used: there ``yarn cache clean`` empties what the program is loaded from."""
    if _MODERN_YARN.search(context.text):
        return True
    beside = context.surroundings
    if beside is None:
        return False
    version = _PACKAGE_MANAGER.search(beside.package_json or "")
    return (
        ".yarnrc.yml" in beside.names
        or (version is not None and int(version[1]) > 1)
        or "__metadata" in (beside.yarn_lock or "")
    )


def uses_classic_yarn(context: LintContext) -> bool:
    """True if the lock file beside the Dockerfile is Yarn 1's, and nothing mentions a later version."""
    beside = context.surroundings
    return beside is not None and "yarn lockfile v1" in (beside.yarn_lock or "") and not uses_modern_yarn(context)


def dev_dependencies(context: LintContext) -> Iterator[LintFinding]:
    """``dev-dependencies``: ``npm ci`` and kin that also install what only development needs."""
    if context.purpose is not Purpose.RUN:
        return
    is_prompt = not context.start_command and official_name(context.chain[0].base) == "node"
    if context.surroundings is not None and is_prompt:
        return  # Whoever uses the image gives it a program.
    if _omits_by_setting(context) or not _may_have_any(context) or _PREVIEWS.search(context.start_command):
        return
    builds = any(
        command.name in _RUNNERS and _BUILDS.search(" ".join((command.name, *command.values)))
        for _, _, command in context.final_commands
    )
    for instruction, script in context.final_runs:
        if any(map(_drops_dev, script.commands)):
            continue
        for command in commands_of(script, "npm", "yarn", "pnpm"):
            word = _installs_all(command)
            if word is None or _OMITS_DEV.search(" ".join(command.values)) or "NODE_ENV" in command.assigned:
                continue
            has_reason = builds or bool(_WANTS_DEV & set(command.values))
            if _starts_unknown_script(context) or (not has_reason and _is_unknown_project(context)):
                continue  # Nothing shows whether the program starts without them.
            flag = {"npm": "--omit=dev", "yarn": "--production", "pnpm": "--prod"}[command.name]
            has_flag = command.name != "yarn" or not uses_modern_yarn(context)
            production = f"{command.name} {word.value} {flag}" if has_flag else "yarn workspaces focus --production"
            yield context.finding(
                LintCode.DEV_DEPENDENCIES,
                Severity.WARNING,
                instruction,
                f"{command.name} {word.value} in the final stage also installs the dependencies of development",
                f"Build in a stage of its own; the final one needs only the result and {production}"
                if has_reason
                else f"Add {flag}"
                if has_flag
                else f"Run {production} instead (Yarn 3 needs its plugin workspace-tools)",
                edits=()
                if has_reason or not has_flag or _runs_hook(context)
                else inserted_after(script, word.end, flag),
                is_safe=False,
                command=command,
                cause="dev-dependencies",
                about_bytes=100_000_000,
            )


def _drops_dev(command: RunCommand) -> bool:
    """True if a command of the same ``RUN`` removes the dependencies of development, or all of them."""
    if command.name == "rm":
        return any("node_modules" in word.source for word in command.arguments)
    if command.name not in {"npm", "yarn", "pnpm"}:
        return False
    return "prune" in command.values or {"focus", "--production"} <= set(command.values)


def _omits_by_setting(context: LintContext) -> bool:
    if any(_is_production(context.variables.get(name)) for name in ("NODE_ENV", "NPM_CONFIG_PRODUCTION")):
        return True
    return bool(context.variables.keys() & {"NPM_CONFIG_OMIT", "npm_config_omit"})


def _may_have_any(context: LintContext) -> bool:
    """False if ``package.json`` has no such dependencies, or where the container starts with one of them."""
    beside = context.surroundings
    if beside is None or beside.package_json is None:
        return True
    development = package_section(beside.package_json, "devDependencies")
    if not development:
        return False
    started = re.split(r"[\s/]+", context.start_command)
    return not any(word in development or _NAME_OF_TOOL.get(word) in development for word in started)


def _is_unknown_project(context: LintContext) -> bool:
    """True if ``package.json`` is not beside the Dockerfile, and the container starts a script of it."""
    if context.surroundings is None or context.surroundings.package_json is not None:
        return False
    return not re.match(r"(?:\S*/)?(?:node|nginx|pm2-runtime|pm2|forever)\b", context.start_command)


def _starts_unknown_script(context: LintContext) -> bool:
    """True if the container starts a script that the ``package.json`` beside does not define: another one governs."""
    beside = context.surroundings
    match = SCRIPT_RUNNER.match(context.start_command)
    if beside is None or beside.package_json is None or match is None:
        return False
    return match[1] not in {*package_section(beside.package_json, "scripts"), "start", "exec", "node"}


def _runs_hook(context: LintContext) -> bool:
    """True if the installation runs a script of the project that a tool of development may have to be there for."""
    beside = context.surroundings or Surroundings()
    hooks = {"prepare", "postinstall", "preinstall", "install"}
    return bool(hooks & package_section(beside.package_json or "", "scripts").keys())


def _is_production(value: str | None) -> bool:
    return value is not None and value.strip("\"'").lower() in {"production", "true"}


def _installs_all(command: RunCommand) -> RunWord | None:
    """The word ``ci`` or ``install`` of a command that installs what the lock file names, not packages of its own."""
    words = [word for word in command.arguments if not word.source.startswith("-")]
    names = {"npm": {"ci", "install", "i", "clean-install"}, "yarn": {"install"}, "pnpm": {"install", "i"}}
    is_other = {"-g", "--global", "--package-lock-only", "--prefix"} & set(command.values)
    if len(words) != 1 or is_other or words[0].value not in names[command.name]:
        return None
    return words[0]
