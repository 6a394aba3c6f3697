"""``nginx``: its command line and the errors of its configuration that the image decides.

Sources: nginx(8), src/core/nginx.c, src/core/ngx_conf_file.c, src/core/ngx_cycle.c, src/http/ngx_http.c. The messages
were recorded from nginx 1.22. A directive is known if the program or a module of the image has its name.
"""

from __future__ import annotations

import fnmatch
import itertools
import posixpath
import re
from dataclasses import dataclass, field

from weighbridge.domain.image.rootfs import LookupFailure, Node
from weighbridge.domain.start.accounts import UnknownUser, user_of
from weighbridge.domain.start.attempt import UNKNOWN, Process, Program
from weighbridge.domain.start.interpreters.nginx_directives import directive_rules
from weighbridge.domain.start.interpreters.nginx_files import StartFiles
from weighbridge.domain.start.interpreters.nginx_listen import Listening
from weighbridge.domain.start.interpreters.nginx_syntax import (
    Directive,
    NginxSyntaxError,
    directives,
)
from weighbridge.domain.start.interpreters.nginx_values import (
    is_misplaced,
    is_pattern_location,
    shape_error,
    value_error,
)
from weighbridge.domain.start.interpreters.options import Grammar, read_options
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_GRAMMAR = Grammar(flags="?hvVtTq", values="scpge")
_CONFIGURED = re.compile(rb"--([a-z-]{1,40}-path|prefix)=([!-~]{1,255}?)[ \0]")
_MAX_PROGRAM_BYTES = 8 * 1024 * 1024
_MAX_NAMES = 400
_MAX_FILES = 50
_MAX_DEPTH = 8
_MAX_MODULES = 20
_MAX_PHRASES = 20
_VERSION = re.compile(rb"nginx/([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\0")
_SINCE = {"http2": (1, 25, 1), "http3": (1, 25, 0)}
_THIRD_PARTY = b"--add-module="
_ONCE = frozenset({"daemon", "master_process", "pid", "worker_processes", "user", "http", "events"})
_BLOCKS = frozenset({"http", "events", "server", "location", "if", "upstream", "stream", "mail", "limit_except"})
_FOREIGN_BLOCK = re.compile(r"_by_lua_block|\bperl_set\b|\bjs_")
_TAKES_VARIABLES = frozenset(
    {"return", "rewrite", "proxy_pass", "proxy_set_header", "add_header", "try_files", "root", "alias", "fastcgi_param"}
)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_MADE_VARIABLE = re.compile(
    r"(?:arg|http|sent_http|sent_trailer|cookie|upstream|ssl|jwt|jwt_header|jwt_claim|geoip2?|realip|proxy_protocol|otel)"
    r"_\w+|[0-9]|args|is_args"
)
_TESTED = re.compile(r"\(?\$(\w+)")
_DEFINES = re.compile(r"\$\{?(\w+)\}?")
_LISTEN_PARAMETER = re.compile(
    r"[a-z0-9_]+=.*|default_server|default|ssl|http2|spdy|quic|udp|proxy_protocol|bind|deferred|reuseport"
)
_NUMBER_OR_LOCAL = re.compile(r"(?:[0-9.]+|localhost|\[.*)")


def read_nginx(process: Process, program: Program) -> Reading | None:
    """The configuration that ``nginx`` reads before it serves; None for other programs."""
    if posixpath.basename(program.path) != "nginx":
        return None
    view = View(process=process, program=program)
    line = read_options(view.words, _GRAMMAR)
    bad = line.unknown if line.unknown is not None else next(iter(line.operands), None)
    if bad is not None:
        letters = (each for each in bad[1:] if each not in _GRAMMAR.flags + _GRAMMAR.values)
        shown = next(letters, "") if bad.startswith("-") else bad
        return view.refuses(bad, f'invalid option: "{shown}"')
    if line.has("-?", "-h", "-v", "-V"):
        return view.looked("prints and ends")
    if line.has("-s"):
        return view.unsure("-s signals a running nginx")
    node = view.file(program.path)
    content = process.rootfs.read(node, limit_bytes=_MAX_PROGRAM_BYTES) if node is not None else b""
    built = {name.decode(): value.decode() for name, value in _CONFIGURED.findall(content)}
    given = line.values("-c")[-1:]
    root = (*line.values("-p")[-1:], built.get("prefix", ""))[0]
    path = given[0] if given else built.get("conf-path", "")
    if not path or (not path.startswith("/") and not root):
        return view.unsure("where its configuration file is")
    path = posixpath.join(view.absolute(root or "/"), path)
    found = view.named_file(path, f'open() "{path}" failed (2: No such file or directory)')
    if isinstance(found, Reading):
        return found
    check = _Check(view=view, content=content, built=built, folder=posixpath.dirname(path))
    reading = check.command_line(line.values("-g")) or check.file(found, "main", 0) or check.at_end()
    return reading or view.looked(f"the directives of {path} are read, not all of their values")


@dataclass(slots=True, kw_only=True)
class _Check:
    """The configuration as read so far. `folder` is that of the first file, from which relative names count."""

    view: View
    content: bytes
    built: dict[str, str]
    folder: str
    files: int = 0
    modules: int = 0
    is_partial: bool = False
    known: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    """The names of the directives so far."""
    defined: set[str] = field(default_factory=set)
    upstreams: set[str] = field(default_factory=set)
    named_upstreams: set[tuple[str, str]] = field(default_factory=set)
    used: dict[str, str] = field(default_factory=dict)
    """Variables in use, and where."""
    hosts: dict[str, str] = field(default_factory=dict)
    """Hosts that nginx resolves when it starts, and where."""
    logs: dict[str, str] = field(default_factory=dict)
    servers: int = 0
    """The number of server blocks so far."""
    listening: Listening = field(default_factory=Listening)
    family: str = "http"
    """The kind of servers: of ``http``, ``stream`` or ``mail``."""
    is_pattern: bool = False
    """Whether the directive is in a location of a pattern or a name."""
    locations: set[tuple[int, bool, str]] = field(default_factory=set)
    repeated: tuple[str, str] | None = None
    """The message for a repeated location, and where."""
    tls_listen: str = ""
    """Where a server listens for TLS."""

    def refused(self, text: str, where: str, why: str) -> Reading:
        return self.view.misconfigured(text, where, why)

    def command_line(self, texts: tuple[str, ...]) -> Reading | None:
        """The directives of ``-g``, which nginx reads before the file."""
        for text in texts[-1:]:
            if UNKNOWN in text:
                self.is_partial = True
                continue
            reading = self.text(text, "-g", "main", 0, end="parameter")
            if reading is not None:
                return reading
        return None

    def file(self, node: Node, context: str, depth: int) -> Reading | None:
        self.files += 1
        text = self.view.configuration(node)
        if text is None or self.files > _MAX_FILES or depth > _MAX_DEPTH or _FOREIGN_BLOCK.search(text):
            self.is_partial = True
            return None
        return self.text(text, node.path, context, depth)

    def text(self, text: str, shown: str, context: str, depth: int, *, end: str = "file") -> Reading | None:
        contexts, patterns = [context], [self.is_pattern]
        # Named captures of patterns are variables.
        self.defined.update(re.findall(r"\(\?P?<(\w+)>", text))
        try:
            for each in directives(text, end=end):
                if each.closes:
                    contexts.pop()
                    patterns.pop()
                    continue
                self.is_pattern = patterns[-1]
                if contexts[-1] in _BLOCKS | {"main"}:
                    reading = self.directive(each, contexts[-1], f"{shown}:{each.line}", depth)
                    if reading is not None:
                        return reading
                if each.opens:
                    # A server of a block that is not known, such as rtmp, has other directives.
                    is_known = each.name in _BLOCKS and contexts[-1] != "other"
                    contexts.append(each.name if is_known else "other")
                    self.enter(each, is_known=is_known)
                    is_location = each.name == "location" and each.words[1:2] != ()
                    patterns.append(is_pattern_location(each) if is_location else patterns[-1])
        except NginxSyntaxError as error:
            return self.refused(str(error), f"{shown}:{error.line}", "no syntax of nginx")
        return None

    def enter(self, each: Directive, *, is_known: bool) -> None:
        """A block begins."""
        if is_known and each.name == "server":
            self.servers += 1
        if is_known and each.name in {"http", "stream", "mail"}:
            self.family = each.name

    def directive(self, each: Directive, context: str, where: str, depth: int) -> Reading | None:
        """One directive, in the order of nginx's own checks."""
        name = each.name
        if context == "upstream" and name == "server":
            self.hosts.setdefault(each.words[1].rpartition(":")[0] or each.words[1], where) if each.words[1:] else None
            return None
        if not self.is_known(name):
            return self.refused(f'unknown directive "{name}"', where, "nginx and its modules do not have it")
        place = (
            context if self.family == "http" or context not in {"server", "upstream"} else f"{self.family} {context}"
        )
        if is_misplaced(name, place):
            return self.refused(f'"{name}" directive is not allowed here', where, f"in the context {context}")
        shape = shape_error(each, place)
        if shape is not None:
            return self.refused(shape, where, "a ; or a { may be missing here or before")
        wrong = value_error(each, place, has_pcre2=b"pcre2_compile_8\0" in self.content)
        if wrong is not None:
            return self.refused(wrong, where, "nginx does not take this value")
        if name in _ONCE and context == "main" and name in self.seen:
            return self.refused(f'"{name}" directive is duplicate', where, "the same directive comes before")
        if name == "include" and each.words[1:]:
            return self.include(each.words[1], context, where, depth)
        self.seen.add(name)
        return self.values(each, context, where)

    def is_known(self, name: str) -> bool:
        """Whether nginx or one of its modules has the name. The search is bounded: the rest counts as known."""
        if name not in self.known and len(self.known) < _MAX_NAMES and name.isascii():
            if name.encode() + b"\0" not in self.content or self.is_phrase(name) or self.is_too_new(name):
                return False
            self.known.add(name)
        return True

    def is_too_new(self, name: str) -> bool:
        """True for a directive that came after the version of the program, which has the word for another purpose."""
        version = _VERSION.search(self.content)
        return version is not None and tuple(map(int, version.groups())) < _SINCE.get(name, (0, 0, 0))

    def is_phrase(self, name: str) -> bool:
        """True for a word that only ends phrases of the program, as in "backup servers"."""
        if directive_rules(name) or _THIRD_PARTY in self.content:
            return False
        ends = re.finditer(rb"(.?)" + re.escape(name.encode()) + rb"\0", self.content, re.DOTALL)
        return all(match[1] == b" " for match in itertools.islice(ends, _MAX_PHRASES))

    def values(self, each: Directive, context: str, where: str) -> Reading | None:
        name, values = each.name, each.words[1:]
        if name in {"set", "map", "geo", "split_clients"} or name.endswith("_set"):
            self.defined.update(_DEFINES.findall(" ".join(values[:1] if name == "set" else values)))
            if name == "set":
                self.uses(values[1:], where)
        elif name == "if" and (tested := _TESTED.match(each.words[1])):
            self.used.setdefault(tested[1], where)
        elif name in _TAKES_VARIABLES:
            self.uses(values[1:] if name == "rewrite" else values, where)
        first = values[0] if values else ""
        match name:
            case "load_module":
                return self.module(first, where)
            case "user":
                return self.user(first, where)
            case "upstream":
                if (self.family, first) in self.named_upstreams:
                    return self.refused(f'duplicate upstream "{first}"', where, "the same upstream comes before")
                self.named_upstreams.add((self.family, first))
                self.upstreams.add(first)
            case "location" if context == "server":
                self.location(each, where)
            case "proxy_pass" if self.family == "http" and (wrong := self.proxied(first, context)):
                return self.refused(wrong, where, "proxy_pass does not take this address here")
            case "proxy_pass" | "fastcgi_pass" | "uwsgi_pass" | "grpc_pass" if first and "$" not in first:
                address = re.sub(r"^\w+://", "", first).partition("/")[0]
                if not first.startswith(("unix:", "http://unix:", "https://unix:")):
                    self.hosts.setdefault(address.rpartition(":")[0] or address, where)
            case "listen" if "$" in first and "unix:" not in first:
                text = f'host not found in "{first}" of the "listen" directive'
                return self.refused(text, where, "nginx expands no variable here. Make the file with envsubst")
            case "listen" if any(not _LISTEN_PARAMETER.fullmatch(value) for value in values[1:]):
                wrong = next(value for value in values[1:] if not _LISTEN_PARAMETER.fullmatch(value))
                return self.refused(f'invalid parameter "{wrong}"', where, "listen has no such parameter")
            case "listen" if self.family == "http":
                if "ssl" in values[1:]:
                    self.tls_listen = self.tls_listen or where
                clash = self.listening.clash(self.servers, values)
                return self.refused(clash, where, "two servers or two lines share it") if clash else None
            case "ssl_certificate" | "ssl_certificate_key" if context == "server":
                return self.certificate(name, first, where)
            case "access_log" | "error_log" if first not in {"off", "stderr"} and "$" not in first:
                if ":" not in first.partition("/")[0]:
                    self.logs.setdefault(posixpath.join(self.prefix, first), where)
        return None

    def location(self, each: Directive, where: str) -> None:
        """Remember a location of a server; nginx compares them when it has read all of them."""
        words = each.words[1:]
        if is_pattern_location(each) or not 0 < len(words) < 3:
            return
        key = (self.servers, words[0] == "=", words[-1])
        if key in self.locations and self.repeated is None:
            self.repeated = (f'duplicate location "{words[-1]}"', where)
        if len(self.locations) < _MAX_NAMES:
            self.locations.add(key)

    def proxied(self, address: str, context: str) -> str:
        """The message for an address without a scheme, or with a path where nginx cannot replace one."""
        if "$" in address or not address:
            return ""
        scheme = re.match(r"(?i)https?://", address)
        if scheme is None:
            return "invalid URL prefix"
        rest = address[scheme.end() :]
        has_path = "/" in rest and not rest.startswith("unix:")
        if has_path and (self.is_pattern or context in {"if", "limit_except"}):
            return '"proxy_pass" cannot have URI part in location given by regular expression'
        return ""

    def uses(self, values: tuple[str, ...], where: str) -> None:
        """Remember the variables in values."""
        for value in values:
            for braced, plain in _VARIABLE.findall(value):
                self.used.setdefault(braced or plain, where)

    @property
    def prefix(self) -> str:
        return self.built.get("prefix", self.folder)

    def include(self, target: str, context: str, where: str, depth: int) -> Reading | None:
        # Relative names are relative to the folder of the first file (ngx_conf_full_name).
        full = posixpath.normpath(posixpath.join(self.folder, target))
        if any(mark in full for mark in "*?["):
            folder, mask = posixpath.split(full)
            node = self.view.directory(folder)
            self.is_partial |= any(mark in folder for mark in "*?[")
            children = sorted(self.view.process.rootfs.children(node), key=lambda one: one.path) if node else ()
            names = [child.path for child in children if fnmatch.fnmatchcase(posixpath.basename(child.path), mask)]
        else:
            names = [full]
        for name in names:
            found = self.view.find(name)
            if isinstance(found, LookupFailure):
                text = f'open() "{name}" failed (2: No such file or directory)'
                return self.view.absent(found) or self.refused(
                    text, where, f"includes {name}, which is not in the image"
                )
            reading = self.file(found, context, depth + 1) if found.is_file else None
            if reading is not None:
                return reading
        return None

    def module(self, path: str, where: str) -> Reading | None:
        self.modules += 1
        base = posixpath.dirname(self.built.get("modules-path", "")) if "modules-path" in self.built else self.prefix
        node = self.view.find(posixpath.join(base, path))
        if isinstance(node, LookupFailure) and not path.startswith("/"):
            # Distributions place "modules" in several folders, and nginx joins it to its prefix.
            node = self.view.find(posixpath.join(self.prefix, path))
        if isinstance(node, LookupFailure):
            text = "cannot open shared object file: No such file or directory"
            return self.view.absent(node) or self.refused(text, where, f"the module {path} is not in the image")
        if node.is_file and self.modules <= _MAX_MODULES:
            self.content += self.view.process.rootfs.read(node, limit_bytes=_MAX_PROGRAM_BYTES // 8)
        return None

    def user(self, name: str, where: str) -> Reading | None:
        process = self.view.process
        if not name or process.credentials.uid or process.has_more_accounts or name.isdigit():
            return None
        if isinstance(user_of(process.rootfs, name), UnknownUser):
            return self.refused(f'getpwnam("{name}") failed', where, "the image has no such account")
        return None

    def certificate(self, name: str, path: str, where: str) -> Reading | None:
        if not path or path.startswith(("data:", "engine:", "store:")) or "$" in path:
            return None
        full = posixpath.join(self.folder, path)
        node = self.view.find(full)
        if not isinstance(node, LookupFailure):
            return None
        what = "certificate key" if name.endswith("_key") else "certificate"
        text = f'cannot load {what} "{full}": BIO_new_file() failed'
        return self.view.absent(node) or self.refused(text, where, f"{full} is not in the image")

    def at_end(self) -> Reading | None:
        """What nginx checks after it has read all files."""
        if self.repeated is not None:
            return self.refused(*self.repeated, "the same location of the same server comes before")
        if self.is_partial:
            return self.view.looked("its configuration is read in part")
        for name, where in self.used.items():
            if name not in self.defined and not _MADE_VARIABLE.fullmatch(name) and not self.is_known(name):
                return self.refused(f'unknown "{name}" variable', where, "nothing defines this variable")
        if self.tls_listen and not {"ssl_certificate", "ssl_reject_handshake"} & self.seen:
            text = 'no "ssl_certificate" is defined for the "listen ... ssl" directive'
            return self.refused(text, self.tls_listen, "the configuration names no certificate")
        if "events" not in self.seen:
            return self.refused('no "events" section in configuration', self.folder, "add: events {}")
        return self.start_files() or self.unresolved()

    def start_files(self) -> Reading | None:
        """The directories and files that nginx makes when it starts."""
        files = StartFiles(view=self.view, built=self.built, folder=self.folder, prefix=self.prefix, seen=self.seen)
        problem = files.directories() or files.log_files(self.logs)
        return self.refused(*problem) if problem is not None else None

    def unresolved(self) -> Reading | None:
        for host, where in self.hosts.items():
            if host and host not in self.upstreams and not _NUMBER_OR_LOCAL.fullmatch(host) and "$" not in host:
                return self.view.unsure(f"{where} names {host[:80]}, which the network must resolve when nginx starts")
        return None
