"""The catalogue of image checks: every code once, with its severities, its summary and the modules that find it.

A finding's code comes from here (`CheckCode`), so mypy rejects an unregistered code. To add a check: its rule in the
module of its subject (in ``checks/``, with its name in the module's `RULES`), one row here, one page
``docs/checks/CODE.md``, and one row of ``docs/checks/README.md``. Tests compare them.
"""

from __future__ import annotations

import enum

from weighbridge.domain.checks.finding import Severity

_ERROR, _WARNING, _INFO = (Severity.ERROR,), (Severity.WARNING,), (Severity.INFO,)
_ERROR_OR_WARNING = (Severity.ERROR, Severity.WARNING)


class CheckCode(enum.StrEnum):
    """Every code that `check` can return; stable. The order is that of ``docs/checks/README.md``.

    `severities` are the possible severities of the code, worst first. `summary` is its row in the index. `found_by`
    names the modules of ``weighbridge.domain`` that return such findings.
    """

    severities: tuple[Severity, ...]
    summary: str
    found_by: tuple[str, ...]

    def __new__(cls, code: str, severities: tuple[Severity, ...], summary: str, *found_by: str) -> CheckCode:
        """A member is its code as text; the other columns are attributes."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.severities = severities
        member.summary = summary
        member.found_by = found_by
        return member

    @property
    def page(self) -> str:
        """The page of the code, relative to the root of the repository."""
        return f"docs/checks/{self.value}.md"

    SHELL_MISSING = ("shell-missing", _ERROR, "a shell-form command, and no shell in the image", "start.predict")
    SHELL_WORD_MISSING = (
        "shell-word-missing",
        _WARNING,
        "the shell does not find a command",
        "start.shells",
    )
    SCRIPT_FAILS = (
        "script-fails",
        _ERROR_OR_WARNING,
        "a line of the start script fails and ends it",
        "start.interpreters.node_syntax",
        "start.interpreters.python_syntax",
        "start.scripts.builtin_base",
        "start.scripts.endings",
    )
    ENTRYPOINT_MISSING = (
        "entrypoint-missing",
        _ERROR,
        "the program is not in the image, or outside of the search path",
        "start.busybox",
        "start.follow",
        "start.interpreters.bundler",
        "start.shell_call",
        "start.kernel",
        "start.predict",
    )
    ENTRYPOINT_NOT_EXECUTABLE = (
        "entrypoint-not-executable",
        _ERROR,
        "the user of the container may not execute the program",
        "start.exec_findings",
        "start.kernel",
        "start.predict",
        "start.shells",
    )
    SHEBANG_INTERPRETER_MISSING = (
        "shebang-interpreter-missing",
        _ERROR,
        "the script's `#!` line names a missing program",
        "start.follow",
        "start.exec_findings",
        "start.kernel",
        "start.shells",
    )
    SHEBANG_CRLF = (
        "shebang-crlf",
        _ERROR_OR_WARNING,
        "the script has Windows line ends",
        "start.exec_findings",
        "start.shells",
    )
    ENTRYPOINT_BAD_FORMAT = (
        "entrypoint-bad-format",
        _ERROR,
        "neither a program nor a script with a `#!` line",
        "start.exec_findings",
        "start.kernel",
    )
    ARGUMENTS_SWALLOWED = (
        "arguments-swallowed",
        _WARNING,
        "`CMD` does not reach the program, or reaches it as something else",
        "checks.shell",
    )
    HEALTHCHECK_COMMAND_MISSING = (
        "healthcheck-command-missing",
        _ERROR,
        "the health check runs a command that is not in the image",
        "start.predict",
    )
    COPY_ONTO_MISSING_DIRECTORY = (
        "copy-onto-missing-directory",
        _ERROR_OR_WARNING,
        "`COPY` made a file where a directory was meant",
        "checks.shell",
    )
    NO_DEBUG_TOOLS = (
        "no-debug-tools",
        _INFO,
        "no shell and no busybox: nothing for `docker exec` to start",
        "checks.shell",
    )
    LIBC_LOADER_MISSING = (
        "libc-loader-missing",
        _ERROR,
        "the dynamic loader that the program names is not in the image",
        "start.kernel",
    )
    LIBC_NEEDED_MISSING = (
        "libc-needed-missing",
        _ERROR_OR_WARNING,
        "a shared library is not where the loader looks",
        "start.loader.glibc",
        "start.loader.musl",
    )
    LIBC_VERSION_MISSING = (
        "libc-version-missing",
        _ERROR_OR_WARNING,
        "the library is older than the one the program was built with",
        "start.loader.glibc_binding",
    )
    LIBC_SYMBOL_MISSING = (
        "libc-symbol-missing",
        _ERROR_OR_WARNING,
        "the program uses a function that no library of it defines",
        "start.loader.glibc_binding",
        "start.loader.musl",
    )
    ARCHITECTURE_MISMATCH = (
        "architecture-mismatch",
        _ERROR,
        "the program is for another processor than the image",
        "start.follow",
        "start.kernel",
    )
    NATIVE_ADDON_MISMATCH = (
        "native-addon-mismatch",
        _WARNING,
        "a Node or Python add-on is built for another C library or processor",
        "checks.libc",
    )
    COPIED_VENV_BROKEN = (
        "copied-venv-broken",
        _ERROR_OR_WARNING,
        "a Python virtual environment was moved, or has lost its Python",
        "start.venv",
    )
    JAVA_CLASS_VERSION = (
        "java-class-version",
        _ERROR,
        "the jar is compiled for a newer Java than the image has",
        "start.java",
    )
    STATIC_GLIBC_NSS = ("static-glibc-nss", _INFO, "a static glibc program that looks up hosts or users", "checks.libc")
    INTERPRETER_FILE_MISSING = (
        "interpreter-file-missing",
        _ERROR,
        "the script, jar or configuration file of a program is not in the image",
        "start.handing_over",
        "start.interpreters.node",
        "start.interpreters.node_imports",
        "start.interpreters.perl",
        "start.interpreters.php",
        "start.interpreters.ruby",
        "start.interpreters.view",
    )
    INTERPRETER_MODULE_MISSING = (
        "interpreter-module-missing",
        _ERROR,
        "a module, package or class is not in the search path of its interpreter",
        "start.interpreters.bundler",
        "start.interpreters.java",
        "start.interpreters.lua",
        "start.interpreters.node",
        "start.interpreters.node_imports",
        "start.interpreters.perl",
        "start.interpreters.php",
        "start.interpreters.python",
        "start.interpreters.python_gunicorn",
        "start.interpreters.python_imports",
        "start.interpreters.python_tool",
        "start.interpreters.python_tools",
        "start.interpreters.ruby",
    )
    INTERPRETER_LIBRARY_MISSING = (
        "interpreter-library-missing",
        _ERROR,
        "an interpreter or runtime lacks its own standard library",
        "start.interpreters.java_machine",
        "start.interpreters.python",
    )
    PACKAGE_SCRIPT_MISSING = (
        "package-script-missing",
        _ERROR,
        "npm, yarn or pnpm runs a script that package.json does not have",
        "start.interpreters.packages",
    )
    PROGRAM_OPTION_REFUSED = (
        "program-option-refused",
        _ERROR,
        "the program refuses an option or a value of its command line",
        "start.interpreters.view",
    )
    CONFIGURATION_REFUSED = (
        "configuration-refused",
        _ERROR,
        "nginx, supervisord, sshd or apache refuses its configuration",
        "start.interpreters.view",
    )
    RUNTIME_CA_MISSING = (
        "runtime-ca-missing",
        _WARNING,
        "a TLS client, and no certificates to trust",
        "checks.runtime",
    )
    RUNTIME_TZDATA_MISSING = (
        "runtime-tzdata-missing",
        _WARNING,
        "`TZ` names a time zone that is not in the image",
        "checks.runtime",
    )
    RUNTIME_USER_MISSING = (
        "runtime-user-missing",
        _ERROR,
        "`USER` names an account that the image does not have",
        "start.handing_over",
        "start.predict",
    )
    PRIVILEGE_MISSING = (
        "privilege-missing",
        _ERROR,
        "the user of the container lacks a permission that the start needs",
        "start.handing_over",
        "start.interpreters.services",
        "start.exec_findings",
    )
    RUNTIME_VARIABLE_MISSING = (
        "runtime-variable-missing",
        _WARNING,
        "a start script or program needs a variable that is not set",
        "start.interpreters.python_environment",
        "start.scripts.endings",
    )
    RUNTIME_WORKDIR_UNUSABLE = (
        "runtime-workdir-unusable",
        _ERROR_OR_WARNING,
        "`WORKDIR` is no directory, or the user may not enter it",
        "start.handing_over",
        "start.predict",
    )
    RUNTIME_DANGLING_SYMLINK = (
        "runtime-dangling-symlink",
        _INFO,
        "the Dockerfile added a symbolic link that leads nowhere",
        "checks.runtime",
    )
    SECRET_IN_IMAGE = (
        "secret-in-image",
        _WARNING,
        "a private key, a login, or settings with values are in the image",
        "checks.secrets",
    )
