"""``os.environ["NAME"]`` at the top level of a Python file, where nothing sets the variable."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.start.interpreters.python_names import dotted, evaluated
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_SETS_ANY = re.compile(
    r"dotenv|putenv|environ\.update|environ\s?\|=|\benviron\s?=|^\s{0,80}(?:from|import) environs?\b"
    r"|decouple|dynaconf|read_env|environ\.copy|environ\[(?!\s*['\"])|honcho",
    re.MULTILINE,
)
_SETS_ONE = re.compile(r"environ(?:\.setdefault\(|\[)\s{0,9}['\"](\w{1,100})['\"]\s{0,9}(?:,|\]\s{0,9}=)")
_BY_RUNTIME = re.compile(
    r"HOSTNAME|HOME|PATH|PWD|OLDPWD|SHLVL|_|TERM|container|LC_CTYPE|(?:PYTHON|KUBERNETES|DOCKER|LC)_?\w{0,100}"
    r"|(?:(?:https?|ftp|all|no)_proxy)|(?:(?:HTTPS?|FTP|ALL|NO)_PROXY)|[A-Z0-9_]{1,60}_(?:SERVICE_HOST|SERVICE_PORT|TCP)"
)
"""Variables that an engine, a shell or Python itself may set."""


@dataclass(slots=True)
class Environment:
    """The variables that the files read so far may set. `is_open`: they may set any."""

    names: set[str] = field(default_factory=set)
    is_open: bool = False

    def read(self, text: str) -> None:
        """Add what a file may set."""
        self.is_open = self.is_open or _SETS_ANY.search(text) is not None
        self.names.update(match[1] for match in _SETS_ONE.finditer(text))


def missing_variable(view: View, environment: Environment, statement: ast.stmt, shown: str) -> Reading | None:
    """How a statement that certainly runs ends the program, because a variable is not set."""
    if environment.is_open or view.process.is_open:
        return None
    for node in evaluated(statement):
        match node:
            case ast.Subscript(value=value, slice=ast.Constant(value=str(name)), ctx=ast.Load()):
                is_read = dotted(value) in {"os.environ", "environ"}
            case _:
                continue
        known = name in view.process.env or name in environment.names or _BY_RUNTIME.fullmatch(name) is not None
        if not is_read or known or not name.isprintable() or len(name) > 100:
            continue
        return view.fails(
            CheckCode.RUNTIME_VARIABLE_MISSING,
            path=name,
            predicts=f"KeyError: '{name}'",
            evidence=(f"{shown}:{statement.lineno}: reads os.environ['{name}']", f"{name} is not set"),
            fix=f"Set the variable: ENV {name}=… in the Dockerfile, or docker run -e {name}=….",
        )
    return None
