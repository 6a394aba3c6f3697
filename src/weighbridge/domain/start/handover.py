"""What a small program that executes another one does: the command, and its changes before."""

from __future__ import annotations

from dataclasses import dataclass, field

from weighbridge.domain.start.wrapper_rules import ErrorText, UserText


@dataclass(frozen=True, kw_only=True, slots=True)
class Stay:
    """The program executes no other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Handover:
    """`tool` executes `command`, as `user` if it switches users.

    `text` makes its error message, `user_text` that of a failed switch of users. `clears` removes all variables except
    `assigns`, `unsets` names removed ones, and `directory` is the working directory of the command. With `user_shell`,
    the command's first word is replaced by the user's shell in passwd; with `env_shell`, by that of ``SHELL``.
    `lock_file` is opened first. `start_up_files` means that the shell reads them before the command. `fails_with` is
    the message of a tool that executes nothing and fails; `lacks_command` means that it got no command. `names_only`
    tools accept no number as a user. The files of `env_folder` are variables; `folder_text` is the message without it.
    """

    tool: str
    command: tuple[str, ...] = ()
    text: ErrorText = field(default=lambda _name, _message, _there: None)
    assigns: tuple[tuple[str, str], ...] = ()
    clears: bool = False
    unsets: frozenset[str] = frozenset()
    directory: str | None = None
    user: str | None = None
    user_shell: bool = False
    env_shell: bool = False
    lock_file: str | None = None
    start_up_files: bool = False
    from_shebang: bool = False
    unsure: str | None = None
    user_text: UserText = field(default=lambda _user, _problem: None)
    finds_executables: bool = False
    uses_execvp: bool = True
    sets_home: bool = False
    names_only: bool = False
    env_folder: str | None = None
    folder_text: str = ""
    fails_with: str | None = None
    explains: str = ""
    fix: str | None = None
    lacks_command: bool = False
