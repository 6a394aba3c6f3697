"""Start scripts of known programs, which are too large to be followed: ``R`` and ``xvfb-run``.

Sources: R's src/scripts/R.sh.in and xvfb-run(1). The messages are those of `Rscript` and of
Debian 12's xvfb-run, which were recorded.
"""

from __future__ import annotations

import posixpath

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.start.attempt import UNKNOWN, Process, Program
from weighbridge.domain.start.handover import Handover
from weighbridge.domain.start.interpreters.options import Grammar, read_options
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.tool_files import read_tool_files
from weighbridge.domain.start.interpreters.view import View
from weighbridge.domain.start.programs import Tool
from weighbridge.domain.start.shells import find_in_path
from weighbridge.domain.start.wrapper_rules import NOT_FOUND

_XVFB_RUN = Grammar(
    flags="ahl",
    values="efnpsw",
    long_flags=("--auto-servernum", "--help", "--listen-tcp"),
    long_values=("--error-file", "--auth-file", "--server-num", "--xauth-protocol", "--server-args", "--wait"),
)


def read_shell_script(process: Process, shell: Tool, script: str, words: tuple[str, ...], text: str) -> Reading | None:
    """The effect of a known script with `words`; None for other scripts, which are followed line by line.

    `text` is the text of the script: the name alone does not identify it.
    """
    name = posixpath.basename(script)
    if name not in {"R", "xvfb-run"} or UNKNOWN in words:
        return None
    view = View(process=process, program=Program(path=script, argv=(script, *words), cwd=process.cwd))
    if name == "xvfb-run" and "xauth command not found" in text and "Xvfb failed to start" in text:
        return _xvfb_run(view, words, shell)
    if name == "R" and "R_HOME_DIR=" in text:
        reading = read_tool_files(view, name, words)
        return reading if reading is not None and reading.failure is not None else None
    return None


def _xvfb_run(view: View, words: tuple[str, ...], shell: Tool) -> Reading:
    line = read_options(words, _XVFB_RUN)
    if line.unknown is not None:
        return view.unknown_option(line)
    if line.has("-h", "--help"):
        return view.looked("prints and ends")
    if not any(line.operands):
        usage = Handover(
            tool="xvfb-run",
            fails_with="xvfb-run: usage error: need a command to run",
            explains="xvfb-run is given no command to execute",
            fix="Give the command: CMD in the Dockerfile, or words after xvfb-run in ENTRYPOINT.",
            lacks_command=True,
        )
        return Reading(executes=usage)
    for program, text in (("xauth", "xauth command not found"), ("Xvfb", "Xvfb failed to start")):
        if find_in_path(view.process, program) is not None:
            continue
        if program == "Xvfb" and line.has("-a", "--auto-servernum"):
            # It tries ten server numbers, then runs the command without a server.
            return view.unsure("Xvfb is in no directory of PATH")
        return view.fails(
            CheckCode.ENTRYPOINT_MISSING,
            path=program,
            predicts=f"xvfb-run: error: {text}",
            evidence=(f"{program}: in no directory of PATH",),
            fix=f"Install {program} in the final stage (Debian: apt-get install xvfb xauth).",
        )
    lacking = next((each for each in ("getopt", "mcookie", "mktemp") if find_in_path(view.process, each) is None), None)
    if lacking is not None:
        return view.unsure(f"{lacking} is in no directory of PATH")

    def speak(name: str, message: str, there: bool) -> str:
        missing = "command not found" if shell is Tool.BASH else "not found"
        return f"{name}: {missing if message == NOT_FOUND and not there else message}"

    server = (("DISPLAY", UNKNOWN), ("XAUTHORITY", UNKNOWN))
    return Reading(executes=Handover(tool="xvfb-run", command=line.operands, text=speak, assigns=server))
