"""The directories and files that nginx makes when it starts, and why its user cannot make them."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from weighbridge.domain.image.rootfs import LookupFailure, LookupReason, Node
from weighbridge.domain.start.interpreters.view import View

_TEMPORARY = (
    *(("http-client-body-temp-path", "client_body_temp_path"), ("http-proxy-temp-path", "proxy_temp_path")),
    *(("http-fastcgi-temp-path", "fastcgi_temp_path"), ("http-uwsgi-temp-path", "uwsgi_temp_path")),
    ("http-scgi-temp-path", "scgi_temp_path"),
)
"""Directories that nginx makes when it starts, in order: the option of its build, and the directive that moves it."""

Problem = tuple[str, str, str]
"""The message, its place, and the reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StartFiles:
    """What nginx writes. `built` has the paths of its build, `seen` the names of all directives."""

    view: View
    built: Mapping[str, str]
    folder: str
    prefix: str
    seen: Collection[str]

    def directories(self) -> Problem | None:
        """The directories of ``http`` for temporary files, which nginx makes."""
        if "http" not in self.seen:
            return None
        for option, directive in _TEMPORARY:
            path = self.built.get(option)
            if path is None or directive in self.seen:
                continue
            problem = self.makes(posixpath.join(self.prefix, path))
            if problem:
                return (f'mkdir() "{path}" failed ({problem})', path, "nginx makes this directory")
        return None

    def makes(self, path: str) -> str:
        """Why the user cannot make `path`, as in nginx's message; empty if it is there or can be made."""
        found = self.view.find(path)
        if isinstance(found, Node) or found.at_run_time:
            return ""
        if found.reason is LookupReason.PERMISSION_DENIED:
            return "13: Permission denied"
        return self.refused_in(posixpath.dirname(path))

    def refused_in(self, folder: str) -> str:
        """Why the user cannot make a file in `folder`; empty if that is possible or not known."""
        found = self.view.find(folder)
        if isinstance(found, LookupFailure):
            is_missing = self.view.absent(found) is None
            return "2: No such file or directory" if is_missing else ""
        credentials = self.view.process.credentials
        return "" if credentials.may_write(found.entry) else "13: Permission denied"

    def log_files(self, named: Mapping[str, str]) -> Problem | None:
        """Files that nginx opens to write: logs, then its process ID."""
        logs = dict(named)
        if "access_log" not in self.seen and "server" in self.seen and "http-log-path" in self.built:
            logs.setdefault(self.built["http-log-path"], self.folder)
        if "pid" not in self.seen and "pid-path" in self.built:
            logs.setdefault(self.built["pid-path"], self.folder)
        for path, where in logs.items():
            found = self.view.find(path)
            if isinstance(found, Node):
                may = not found.is_file or self.view.process.credentials.may_write(found.entry)
                problem = "" if may else "13: Permission denied"
            else:
                problem = self.makes(path)
            if problem:
                return (f'open() "{path}" failed ({problem})', where, "nginx opens this file to write")
        return None
