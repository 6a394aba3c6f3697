"""Tools that execute other programs. The texts are those that the real programs of Debian 12 printed."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.predict import Starts, predict_start

PASSWD = (
    b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    b"app:x:1000:1000::/home/app:/bin/sh\n"
)


@pytest.fixture
def run(images, make_elf, glibc, musl):
    """Predicts a command in an image with a shell, passwd and one tool, which `libc` says how it is linked."""

    def run(*command, files=(), libc="glibc", **config):
        loader = {"glibc": "/lib64/ld-linux-x86-64.so.2", "musl": "/lib/ld-musl-x86_64.so.1", "": None}[libc]
        program = make_elf(interpreter=loader) if loader else make_elf(type=2, dynamic=False)
        static = make_elf(type=2, dynamic=False)
        shells = {"/bin/dash": static, "/bin/sh": "dash", "/bin/bash": static, "/bin/true": static}
        rootfs = {
            **glibc,
            **musl,
            **shells,
            "/etc/passwd": PASSWD,
            "/usr/sbin/nologin": static,
            f"/usr/bin/{command[0]}": program,
            "/t/true": static,
            "/t/noexec": images.File(content=b"#!/bin/sh\n", mode=0o644),
            "/t/text": b'exec "$@"\n',
            **dict(files),
        }
        return predict_start(images.config(*command, **config), images.rootfs(rootfs))

    return run


WRAPPERS = {
    "tini --": "exec {} failed: ",
    "dumb-init": "[dumb-init] {}: ",
    "catatonit --": "failed to exec pid1: ",
    "su-exec nobody": "su-exec: {}: ",
    "s6-setuidgid nobody": "s6-applyuidgid: fatal: unable to exec {}: ",
    "setpriv --reuid=nobody --clear-groups": "setpriv: failed to execute {}: ",
    "runuser -u nobody --": "runuser: failed to execute {}: ",
    "env FOO=1": "env: '{}': ",
    "env -i": "env: '{}': ",
    "env -S": "env: '{}': ",
    "stdbuf -oL": "stdbuf: failed to run command '{}': ",
    "nice -n 5": "nice: '{}': ",
    "nohup": "nohup: failed to run command '{}': ",
    "timeout 5": "timeout: failed to run command '{}': ",
    "setsid -w": "setsid: failed to execute {}: ",
    "ionice -c 3": "ionice: failed to execute {}: ",
    "taskset 1": "taskset: failed to execute {}: ",
    "chrt -b 0": "chrt: failed to execute {}: ",
    "flock /t/lock": "flock: failed to execute {}: ",
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrapper_without_program_prints_exact_text(run, wrapper):
    words = wrapper.split()
    assert run(*words, "/t/true").starts is Starts.YES
    for name, message in (("nosuch", "No such file or directory"), ("/t/noexec", "Permission denied")):
        prediction = run(*words, name)
        assert prediction.starts is Starts.NO
        assert prediction.findings[-1].predicts == WRAPPERS[wrapper].format(name) + message


@pytest.mark.parametrize(
    ("command", "predicts"),
    [
        ("gosu nobody nosuch", 'error: exec: "nosuch": executable file not found in $PATH'),
        ("gosu nobody /t/nosuch", 'error: exec: "/t/nosuch": stat /t/nosuch: no such file or directory'),
        ("gosu nobody /t/text", "error: exec failed: exec format error"),
        ("gosu ghost true", 'error: failed switching to "ghost": unable to find user ghost: '),
        ("chpst -u nobody nosuch", "chpst: fatal: unable to run: nosuch: file does not exist"),
        ("chpst -u nobody /t/noexec", "chpst: fatal: unable to run: /t/noexec: access denied"),
        ("chpst -u nobody /t/text", "chpst: fatal: unable to run: /t/text: exec format error"),
        ("chpst -u ghost true", "chpst: fatal: unknown user/group: ghost"),
        ("setuidgid nobody nosuch", "setuidgid: fatal: unable to run nosuch: file does not exist"),
        ("s6-setuidgid ghost true", "s6-envuidgid: fatal: unknown user: ghost"),
        ("s6-setuidgid 1234 true", "s6-envuidgid: fatal: unknown user: 1234"),
        ("s6-setuidgid nobody /t/text", "s6-applyuidgid: fatal: unable to exec /t/text: Exec format error"),
        ("su-exec ghost true", "su-exec: getpwnam(ghost): "),
        ("setpriv --reuid=ghost true", "setpriv: failed to parse reuid: 'ghost'"),
        ("runuser -u ghost -- true", "runuser: user ghost does not exist"),
        ("su ghost -c true", "su: user ghost does not exist"),
        ("su nobody -c true", "This account is currently not available."),
        ("su nobody -s /bin/sh -c nosuch", "sh: 1: nosuch: not found"),
        ("sudo nosuch", "sudo: nosuch: command not found"),
        ("sudo -u ghost true", "sudo: unknown user"),
        ("capsh --drop=cap_net_raw -- -c nosuch", "/bin/bash: line 1: nosuch: command not found"),
        ("env -C /nosuch true", "env: cannot change directory to '/nosuch': No such file or directory"),
        ("chroot / nosuch", "chroot: failed to run command 'nosuch': No such file or directory"),
        ("chroot --userspec=ghost / true", "chroot: invalid user"),
        ("xargs -n 1 nosuch", "xargs: nosuch: No such file or directory"),
        ("softlimit -m 1000 nosuch", "softlimit: fatal: unable to run nosuch: file does not exist"),
        ("doas true", "doas: doas is not enabled, /etc/doas.conf: No such file or directory"),
        ("doas -u ghost true", "doas: unknown user"),
        ("env -i true2", "env: 'true2': No such file or directory"),
    ],
)
def test_failing_wrapper_prints_exact_text(run, command, predicts):
    prediction = run(*command.split())
    assert (prediction.starts, prediction.findings[-1].predicts) == (Starts.NO, predicts)


@pytest.mark.parametrize(
    ("command", "predicts"),
    [
        ("gosu nobody true", 'error: failed switching to "nobody": operation not permitted'),
        ("su-exec nobody true", "su-exec: setgroups"),
        ("su-exec 1000:1000 true", "su-exec: setgroups(1000): Operation not permitted"),
        ("chpst -u nobody true", "chpst: fatal: unable to setgroups: permission denied"),
        ("setpriv --reuid=nobody true", "setpriv: setresuid failed: Operation not permitted"),
        ("setpriv --reuid=1 --clear-groups true", "setpriv: setgroups failed: Operation not permitted"),
        ("setpriv --reuid=1 --regid=1 true", "setpriv: setresgid failed: Operation not permitted"),
        ("chroot / true", "chroot: cannot change root directory to '/': Operation not permitted"),
        ("runuser -u nobody -- true", "runuser: may not be used by non-root users"),
        ("sudo true", "sudo: you do not exist in the passwd database"),
    ],
)
def test_wrapper_without_permission_prints_its_message(run, command, predicts):
    prediction = run(*command.split(), user="4711")
    assert (prediction.starts, prediction.findings[-1].code) == (Starts.NO, "privilege-missing")
    assert prediction.findings[-1].predicts == predicts


@pytest.mark.parametrize(
    ("command", "predicts"),
    [
        ("tini --", "[OPTIONS] PROGRAM -- [ARGS] | --version"),
        ("dumb-init --", "dumb-init [option] program [args]"),
        ("catatonit", "missing program name"),
        ("gosu nobody", "gosu user-spec command [args]"),
        ("su-exec nobody", "su-exec user-spec command [args]"),
        ("setpriv --no-new-privs", "setpriv: No program specified"),
        ("setsid", "setsid: no command specified"),
    ],
)
def test_wrapper_without_command_fails_with_its_usage(run, command, predicts):
    prediction = run(*command.split())
    assert (prediction.starts, prediction.findings[-1].predicts) == (Starts.NO, predicts)
    assert prediction.lacks_command == command.split()[0]


@pytest.mark.parametrize(
    "command",
    [
        "chpst -vu nobody true",
        "chpst -u nobody -P true",
        "sudo FOO=1 true",
        "sudo -nHu nobody true",
        "nice -n10 true",
        "nice -10 true",
        "tini -vvg -- true",
        "timeout -k5 10 true",
        "ionice -c2 -n0 true",
        "gosu nobody:0 true",
    ],
)
def test_options_in_one_word_are_split(run, command):
    assert run(*command.split()).starts is Starts.YES


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("tini -z true", "tini: invalid option -- 'z'"),
        ("dumb-init --nosuch true", "dumb-init: unrecognized option '--nosuch'"),
        ("chpst -e /gone true", "chpst: fatal: unable to switch to directory: /gone: file does not exist"),
        ("s6-envdir /gone true", "s6-envdir: fatal: unable to envdir /gone: No such file or directory"),
        ("s6-envdir /v /gone", "s6-envdir: fatal: unable to exec /gone: No such file or directory"),
        ("chpst -e /v nosuch", "chpst: fatal: unable to run: nosuch: file does not exist"),
        ("s6-envdir /v", "s6-envdir: usage: s6-envdir"),
        ("s6-softlimit -o 64 nosuch", "s6-softlimit: fatal: unable to exec nosuch: No such file or directory"),
        ("s6-softlimit -o 64", "s6-softlimit: usage: s6-softlimit"),
        ("flock /t/lock -c nosuch", "/bin/sh: 1: nosuch: not found"),
        ("flock /t/lock -c", "flock: -c requires exactly one command argument"),
        ("flock /gone/lock true", "flock: cannot open lock file /gone/lock: No such file or directory"),
        ("su - nosuch -c true", "su: user nosuch does not exist"),
        ("su -l app -s /bin/gone", "su: failed to execute /bin/gone: No such file or directory"),
    ],
)
def test_wrapper_that_cannot_go_on_dies_with_its_text(run, command, text):
    prediction = run(*command.split(), files={"/v/A": b"1\n"})
    assert prediction.starts is Starts.NO
    assert text in (prediction.findings[-1].predicts or "")


@pytest.mark.parametrize(
    "command",
    [
        *("chpst -e /v -u 0 true", "s6-envdir /v true", "s6-envdir -f -c x /v true", "tini -g -p TERM -- true"),
        *("s6-softlimit -a 9 true", "flock -n /t/lock -c true", "flock /t/lock true"),
    ],
)
def test_wrapper_with_folder_of_variables_starts(run, command):
    assert run(*command.split(), files={"/v/A": b"1\n"}).starts is Starts.YES


def test_variables_of_folder_reach_command(run):
    files = {"/v/PATH": b"/other  \n", "/v/EMPTY": b""}
    prediction = run("chpst", "-e", "/v", "true", files=files)
    assert prediction.findings[-1].predicts == "chpst: fatal: unable to run: true: file does not exist"


@pytest.mark.parametrize(
    ("text", "starts"),
    [("sh -c 'echo $A'", Starts.YES), ("true\\_x", Starts.YES), ("${HOME}/x", Starts.NOT_CHECKED)],
)
def test_text_of_env_is_split(run, text, starts):
    assert run("env", "-S", text).starts is starts


@pytest.mark.parametrize("command", ["flock -u /t/lock", "chpst -/ /t true", "chpst -v/ /t true"])
def test_unsupported_option_is_not_checked(run, command):
    assert run(*command.split()).starts is Starts.NOT_CHECKED


@pytest.mark.parametrize("command", ["nice", "env", "tini --version"])
def test_wrapper_without_need_of_command_runs(run, command):
    assert run(*command.split()).starts is Starts.YES


def test_shell_of_flock_is_that_of_variable(run):
    assert run("flock", "/t/lock", "-c", "true", env={"SHELL": "/bin/gone"}).starts is Starts.NO


def test_login_shell_that_exists_is_not_checked(run):
    prediction = run("su", "-", "app", "-c", "true")
    assert prediction.not_checked == ("su -: the shell reads the user's start-up files first",)


def test_script_without_shebang_is_run_by_shell_of_execvp(run):
    assert run("tini", "--", "/t/text", "true").starts is Starts.YES
    failing = run("tini", "--", "/t/text", "nosuch")
    assert failing.findings[-1].predicts == "/t/text: 1: exec: nosuch: not found"
    under_musl = run("tini", "--", "/t/text", "true", libc="musl")
    assert under_musl.findings[-1].predicts == "exec /t/text failed: Exec format error"
    assert run("tini", "--", "/t/text", "true", libc="").starts is Starts.NOT_CHECKED


def test_sudo_looks_in_secure_path_of_sudoers(run, images, make_elf):
    files = {"/opt/tool": make_elf(type=2, dynamic=False)}
    env = {"PATH": "/usr/bin:/bin:/opt"}
    assert run("sudo", "tool", files=files, env=env).starts is Starts.YES
    files["/etc/sudoers"] = b'Defaults env_reset\nDefaults secure_path="/usr/bin:/bin"\n'
    prediction = run("sudo", "tool", files=files, env=env)
    assert prediction.findings[-1].predicts == "sudo: tool: command not found"


def test_env_clearing_environment_keeps_its_assignments(run, make_elf):
    files = {"/opt/tool": make_elf(type=2, dynamic=False)}
    assert run("env", "-i", "PATH=/opt", "tool", files=files).starts is Starts.YES
    assert run("env", "-i", "tool", files=files, env={"PATH": "/usr/bin:/opt"}).starts is Starts.NO


def test_user_shell_of_login_is_not_checked(run):
    prediction = run("su", "-", "app", "-c", "true")
    assert prediction.not_checked == ("su -: the shell reads the user's start-up files first",)


def test_loader_as_program_is_not_checked(run):
    assert run("ld-linux-x86-64.so.2", "/t/true").starts is Starts.NOT_CHECKED


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("setsid true", "setsid without --wait ends at once, and the container ends with it"),
        ("ionice -c1 true", "ionice -c1: the kernel decides whether it may"),
        ("ionice -c 1 true", "ionice -c1: the kernel decides whether it may"),
        ("flock 9", "flock 9: the caller decides whether the file descriptor is open"),
        ("chroot /t true", "chroot /t: not followed"),
        ("su -x root", "su -x: not followed"),
        ("capsh --odd=1 -- -c true", "capsh --odd: not followed"),
    ],
)
def test_wrapper_whose_outcome_the_container_decides_is_not_checked(run, command, reason):
    prediction = run(*command.split())
    assert (prediction.starts, prediction.not_checked) == (Starts.NOT_CHECKED, (reason,))


@pytest.mark.parametrize(
    ("command", "predicts"),
    [
        ("timeout abc true", "timeout: invalid time interval"),
        ("nice -n x true", "nice: invalid adjustment"),
        ("nice -n 5", "nice: a command must be given with an adjustment"),
        ("stdbuf true", "stdbuf: you must specify a buffering mode option"),
        ("stdbuf -ox true", "stdbuf: invalid mode"),
        ("flock /t/lock", "flock: bad file descriptor"),
        ("flock", "flock: not enough arguments"),
    ],
)
def test_wrapper_that_refuses_its_arguments_prints_its_text(run, command, predicts):
    prediction = run(*command.split())
    assert (prediction.starts, prediction.findings[-1].predicts) == (Starts.NO, predicts)


@pytest.mark.parametrize(
    "command",
    ["su -- root", "su -g root -c true root", "su --shell=/bin/bash -c true app", "capsh --user=app -- -c true",
     "capsh --print"],
)  # fmt: skip
def test_shell_of_an_account_starts(run, command):
    assert run(*command.split()).starts is Starts.YES
