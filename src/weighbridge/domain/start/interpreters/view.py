"""An interpreter's view of the image: looks files up as the container's user, and reads them within limits."""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.image.rootfs import LookupFailure, LookupReason, Node
from weighbridge.domain.paths import is_at_or_below
from weighbridge.domain.start.attempt import Process, Program
from weighbridge.domain.start.interpreters.options import CommandLine
from weighbridge.domain.start.interpreters.reading import Reading

MAX_TEXT_BYTES = 256 * 1024
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """The image as seen by one started program."""

    process: Process
    program: Program

    @property
    def words(self) -> tuple[str, ...]:
        """The arguments, without the program's own name."""
        return self.program.argv[1:]

    @property
    def name(self) -> str:
        """The name that the program was called by (``argv[0]``)."""
        return self.program.argv[0] if self.program.argv else self.program.path

    @property
    def called(self) -> str:
        """The last component of the program's name."""
        return posixpath.basename(self.name) or self.program.path

    @property
    def shown(self) -> str:
        """The command for evidence, shortened."""
        return " ".join(self.program.argv)[:_SHOWN_CHARACTERS]

    def has_env(self, *names: str) -> bool:
        """True if one of the variables is set and not empty."""
        return any(self.process.env.get(name) for name in names)

    def absolute(self, path: str, cwd: str | None = None) -> str:
        """`path` from the working directory, without ``.`` and ``..``."""
        return posixpath.normpath(posixpath.join(cwd or self.program.cwd, path))

    def find(self, path: str, cwd: str | None = None) -> Node | LookupFailure:
        """The file at `path`, for the user of the process."""
        return self.process.rootfs.lookup(
            path, cwd=cwd or self.program.cwd, may_search=self.process.credentials.may_search
        )

    def file(self, path: str, cwd: str | None = None) -> Node | None:
        """The regular file at `path`, or None."""
        node = self.find(path, cwd)
        return node if isinstance(node, Node) and node.is_file else None

    def directory(self, path: str, cwd: str | None = None) -> Node | None:
        """The directory at `path`, or None."""
        node = self.find(path, cwd)
        return node if isinstance(node, Node) and node.is_directory else None

    def text(self, node: Node, limit_bytes: int = MAX_TEXT_BYTES) -> str | None:
        """A file's text; None if it is too large, the user may not read it, or a command before may have changed it."""
        if (
            self._is_touched(node.path)
            or node.size_bytes > limit_bytes
            or not self.process.credentials.may_read(node.entry)
        ):
            return None
        return self.process.rootfs.read(node, limit_bytes=limit_bytes).decode("utf-8", "replace")

    def _is_touched(self, path: str) -> bool:
        """True if commands before name the path, or a folder above it, as one that they change."""
        return any(each != "/" and is_at_or_below(path, each) for each in self.process.touched)

    def configuration(self, node: Node) -> str | None:
        """A file's text like `text`; None also if commands before may have changed any file."""
        return None if "/" in self.process.touched or not node.is_file else self.text(node)

    def json(self, node: Node) -> object:
        """A JSON file; None if it is unreadable or not JSON."""
        text = self.text(node)
        try:
            return None if text is None else json.loads(text.removeprefix("\ufeff"))
        except (ValueError, RecursionError):
            return None

    # Results.

    def looked(self, what: str) -> Reading:
        """The program continues; `what` says how far the image was checked."""
        return Reading(up_to=f"{self.called}: {what}")

    def unsure(self, why: str) -> Reading:
        """The image alone does not decide."""
        return Reading(not_checked=f"{self.called}: {why}")

    def unknown_option(self, line: CommandLine) -> Reading:
        """The command line has an unknown option, so the rest is not read."""
        return self.unsure(f"the option {(line.unknown or '')[:60]} is unsupported")

    def fails(
        self, code: CheckCode, *, path: str, predicts: str | None, evidence: tuple[str, ...], fix: str
    ) -> Reading:
        """The start ends with an error of `code`. It is a warning if a variable of the deployment may prevent it."""
        finding = Finding(
            code=code,
            severity=Severity.WARNING if code is CheckCode.RUNTIME_VARIABLE_MISSING else Severity.ERROR,
            subject=Subject.ENTRYPOINT,
            path=path,
            predicts=predicts,
            evidence=(f"runs: {self.shown}", *evidence),
            fix=fix,
        )
        return Reading(failure=finding)

    def refuses(self, option: str, predicts: str, *, program: str = "", variable: str = "", fix: str = "") -> Reading:
        """The program ends, because it does not have `option`, or does not accept its value.

        `program` is its name, if an interpreter runs it; `variable` is where the option comes from, if not the command.
        """
        origin = f", which comes from {variable}" if variable else ""
        return self.fails(
            CheckCode.PROGRAM_OPTION_REFUSED,
            path=self.program.script or self.program.path,
            predicts=predicts,
            evidence=(f"the {program or self.called} of the image does not accept {option[:80]}{origin}",),
            fix=fix or "Correct or remove it. If a variable is meant, let a shell expand it: the exec form does not.",
        )

    def misconfigured(self, predicts: str, where: str, why: str) -> Reading:
        """The program refuses its configuration. `where` is a file, or a file and a line."""
        return self.fails(
            CheckCode.CONFIGURATION_REFUSED,
            path=where.partition(":")[0],
            predicts=predicts,
            evidence=(f"{where}: {why}",),
            fix="Correct the configuration."
            + (" Let the build check it: RUN nginx -t." if self.called == "nginx" else ""),
        )

    def named_file(self, path: str, predicts: str, *, cwd: str | None = None) -> Node | Reading:
        """The file that the command names; if it is missing, the program ends with `predicts`."""
        node = self.find(path, cwd)
        if isinstance(node, LookupFailure):
            return self.absent(node) or self.file_missing(path, predicts, cwd=cwd)
        if not node.is_file:
            return self.unsure(f"{path} is a {node.kind}, not a file")
        if not self.process.credentials.may_read(node.entry):
            return self.unsure(f"the user may not read {path}")
        return node

    def absent(self, failure: LookupFailure) -> Reading | None:
        """Why an unresolved path decides nothing; None if the file is certainly missing."""
        if self.process.has_more_files or self._is_touched(failure.at):
            return self.unsure(f"a command before may have made {failure.at}")
        if failure.at_run_time:
            return self.unsure(f"the content of {failure.at} depends on the running container")
        if failure.reason not in {LookupReason.NOT_FOUND, LookupReason.NOT_A_DIRECTORY}:
            return self.unsure(f"{failure.path}: {failure.reason} ({failure.at})")
        return None

    def file_missing(self, path: str, predicts: str, *, cwd: str | None = None) -> Reading:
        """The start ends, because a file that the command names is missing."""
        where = self.absolute(path, cwd)
        evidence = [f"{where}: not in the image"]
        link = self.process.rootfs.lookup(where, follow=False)
        if isinstance(link, Node) and link.entry.link_target is not None:
            evidence = [f"{where} is a symlink to {link.entry.link_target}, which is not in the image"]
        other = self._same_name_elsewhere(where)
        if other is not None:
            evidence.append(f"the image has {other}")
        name = posixpath.basename(where)
        return self.fails(
            CheckCode.INTERPRETER_FILE_MISSING,
            path=where,
            predicts=predicts,
            evidence=tuple(evidence),
            fix=f"COPY {name} to {where}, or correct the path in the command (relative paths start at WORKDIR).",
        )

    def _same_name_elsewhere(self, path: str) -> str | None:
        """A file with that name where a misplaced COPY often puts it."""
        name = posixpath.basename(path)
        folders = ("/", "/app", "/src", "/usr/src/app", self.program.cwd, posixpath.dirname(self.program.cwd))
        candidates = (posixpath.join(folder, name) for folder in folders)
        return next((one for one in candidates if one != path and name and self.file(one) is not None), None)
