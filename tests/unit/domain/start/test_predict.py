"""From the image's config to the verdict: the runtime's own errors, shells, scripts and wrappers."""

from __future__ import annotations

import struct

import pytest

from weighbridge.domain.checks.finding import Severity, Subject
from weighbridge.domain.image.image import Healthcheck
from weighbridge.domain.start.predict import Starts, followed, predict_healthcheck, predict_start

STATIC = {"type": 2, "dynamic": False}


@pytest.fixture
def static(make_elf):
    return make_elf(**STATIC)


@pytest.fixture
def shells(static):
    """Static stand-ins for dash, bash 5.2 and busybox: recognised by path or content, as the real ones are."""
    busybox = static + b"BusyBox v1.36 [\0[[\0" + b"".join(b"app%d\0" % n for n in range(30)) + b"nice\0"
    return {
        "/bin/dash": static,
        "/bin/sh": "dash",
        "/bin/bash": static + b"GNU bash, version 5.2 required file not found",
        "/bin/busybox": busybox,
        "/bin/ash": "busybox",
        "/bin/true": static,
    }


@pytest.fixture
def run(images, shells):
    """Predicts the start of a command in an image with shells and more files."""

    def run(files, *command, **config):
        return predict_start(images.config(*command, **config), images.rootfs({**shells, **files}))

    return run


def _dies(prediction, code, predicts):
    assert prediction.starts is Starts.NO, prediction
    assert (prediction.findings[-1].code, prediction.findings[-1].predicts) == (code, predicts)


# The runtime.


def test_entrypoint_and_cmd_are_one_command(images, static):
    rootfs = images.rootfs({"/bin/app": static})
    config = images.config("--flag", entrypoint=("app",))
    prediction = predict_start(config, rootfs)
    assert (prediction.starts, prediction.argv) == (Starts.YES, ("app", "--flag"))


def test_image_without_command_is_not_checked(images):
    prediction = predict_start(images.config(), images.rootfs({}))
    assert prediction.starts is Starts.NOT_CHECKED
    assert prediction.not_checked[0].startswith("no command")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"os": "windows"}, "images for windows are not checked"),
        ({"architecture": "wasm"}, "WebAssembly images are not checked"),
        ({"architecture": "pdp11"}, "images for pdp11 are not checked"),
    ],
)
def test_unsupported_platform_is_not_checked_with_reason(run, config, reason):
    assert run({}, "/bin/true", **config).not_checked == (reason,)


def test_name_is_looked_up_in_path(run, static):
    assert run({}, "true").starts is Starts.YES
    assert run({"/opt/app": static}, "app", env={"PATH": "/nope:/opt"}).starts is Starts.YES
    _dies(run({"/opt/app": static}, "app"), "entrypoint-missing", 'exec: "app": executable file not found in $PATH')


def test_relative_path_starts_at_working_directory(run, static):
    assert run({"/srv/app": static}, "./app", workdir="/srv").starts is Starts.YES
    _dies(
        run({"/srv/app": static}, "./app"),
        "entrypoint-missing",
        'exec: "./app": stat ./app: no such file or directory',
    )


def test_relative_directory_in_path_is_refused(run, static):
    _dies(
        run({"/srv/app": static}, "app", workdir="/srv", env={"PATH": ".:/bin"}),
        "entrypoint-missing",
        'exec: "app": cannot run executable found relative to current directory',
    )


def test_file_in_path_of_program(run):
    _dies(run({}, "/bin/true/x"), "entrypoint-missing", 'exec: "/bin/true/x": stat /bin/true/x: not a directory')


def test_dangling_link_names_its_target(run):
    prediction = run({"/app": "/opt/app"}, "/app")
    _dies(prediction, "entrypoint-missing", 'exec: "/app": stat /app: no such file or directory')
    assert prediction.findings[0].evidence == ("/app is a symlink to /opt/app", "/opt: not in the image")


def test_user_missing_in_image(run):
    prediction = run({}, "/bin/true", user="app")
    _dies(prediction, "runtime-user-missing", "unable to find user app: no matching entries in passwd file")
    assert run({"/etc/passwd": b"app:x:1:1::/:/\n"}, "/bin/true", user="app").starts is Starts.YES
    assert run({}, "/bin/true", user="12345").starts is Starts.YES


def test_working_directory_is_file(run):
    _dies(
        run({"/w": b""}, "/bin/true", workdir="/w"), "runtime-workdir-unusable", "Cannot mkdir: /w is not a directory"
    )
    assert run({}, "/bin/true", workdir="/made/by/the/engine").starts is Starts.YES


def test_working_directory_without_permission_is_warning(run, images):
    closed = {"/w/": images.File(mode=0o700)}
    prediction = run(closed, "/bin/true", workdir="/w", user="1000")
    assert prediction.starts is Starts.YES
    assert [(found.code, found.severity) for found in prediction.findings] == [
        ("runtime-workdir-unusable", Severity.WARNING)
    ]
    assert run(closed, "/bin/true", workdir="/w").findings == ()


def test_path_in_volume_or_proc_is_not_checked(run):
    assert run({}, "/data/app", volumes=("/data",)).starts is Starts.NOT_CHECKED
    assert run({}, "/data2/app", volumes=("/data",)).starts is Starts.NO
    assert run({}, "/proc/self/exe").starts is Starts.NOT_CHECKED


# Shells.


def test_shell_form_without_shell(images, static):
    prediction = predict_start(images.config("/bin/sh", "-c", "hello"), images.rootfs({"/hello": static}))
    _dies(prediction, "shell-missing", 'exec: "/bin/sh": stat /bin/sh: no such file or directory')


def test_shell_form_with_broken_shell(images, make_elf):
    shell = make_elf(interpreter="/lib64/ld-linux-x86-64.so.2")
    prediction = predict_start(images.config("/bin/sh", "-c", "hello"), images.rootfs({"/bin/sh": shell}))
    _dies(prediction, "libc-loader-missing", "exec /bin/sh: no such file or directory")


@pytest.mark.parametrize(
    ("shell", "line", "text"),
    [
        ("/bin/sh", "nope", "/bin/sh: 1: nope: not found"),
        ("/bin/sh", "exec nope", "/bin/sh: 1: exec: nope: not found"),
        ("/bin/sh", "true\n./nope", "/bin/sh: 2: ./nope: not found"),
        ("/bin/ash", "nope", "/bin/ash: nope: not found"),
        ("/bin/ash", "exec nope", "/bin/ash: exec: line 0: nope: not found"),
        ("/bin/bash", "nope", "/bin/bash: line 1: nope: command not found"),
        ("/bin/bash", "/nope", "/bin/bash: line 1: /nope: No such file or directory"),
        ("/bin/bash", "exec nope", "/bin/bash: line 1: exec: nope: not found"),
        ("/bin/sh", "A=1 nope x", "/bin/sh: 1: nope: not found"),
        ("/bin/sh", "nope && true", "/bin/sh: 1: nope: not found"),
        ("/bin/sh", "set -e; nope; true", "/bin/sh: 1: nope: not found"),
    ],
)
def test_missing_command_gives_exact_text_of_shell(run, shell, line, text):
    prediction = run({}, shell, "-c", line)
    _dies(prediction, "shell-word-missing", text)
    assert prediction.findings[-1].severity is Severity.WARNING


@pytest.mark.parametrize(
    "line",
    ["true", "echo hi", "exec /bin/true", "cd /bin && ./true", "A=1 true", "/bin/true -x", "exec true", ": ; true"],
)
def test_command_existing_or_builtin_gives_no_finding(run, line):
    prediction = run({}, "/bin/sh", "-c", line)
    assert (prediction.starts, prediction.findings) == (Starts.YES, ())


@pytest.mark.parametrize("line", ["$HOSTNAME", '"/opt/$HOSTNAME"', "read app; $app", 'exec "$(head -1 /run/x)"'])
def test_command_defined_at_run_time_is_not_checked(run, static, line):
    prediction = run({"/bin/head": static}, "/bin/sh", "-c", line)
    assert prediction.starts is Starts.NOT_CHECKED
    assert prediction.findings == ()
    assert prediction.not_checked


def test_missing_command_before_others_warns(run):
    prediction = run({}, "/bin/sh", "-c", "nope; true")
    assert prediction.starts is Starts.YES
    assert [found.code for found in prediction.findings] == ["shell-word-missing"]


def test_error_after_endless_program_is_warning(run):
    prediction = run({"/server": b"#!/bin/true\n"}, "/bin/sh", "-c", "/server; nope")
    assert prediction.starts is Starts.NOT_CHECKED
    assert prediction.findings[0].severity is Severity.WARNING


def test_program_started_by_shell_fails_with_text_of_shell(run, make_elf):
    files = {"/hello": make_elf(interpreter="/lib64/ld-linux-x86-64.so.2")}
    for shell, text in (
        ("/bin/sh", "/bin/sh: 1: /hello: not found"),
        ("/bin/ash", "/bin/ash: /hello: not found"),
        ("/bin/bash", "/bin/bash: line 1: /hello: cannot execute: required file not found"),
    ):
        _dies(run(files, shell, "-c", "/hello"), "libc-loader-missing", text)


def test_script_without_shebang_runs_through_shell_only(run):
    files = {"/s": b"true\n"}
    _dies(run(files, "/s"), "entrypoint-bad-format", "exec /s: exec format error")
    assert run(files, "/bin/sh", "-c", "/s").starts is Starts.YES


def test_possible_builtin_applet_of_busybox_is_not_missing(run):
    assert run({}, "/bin/ash", "-c", "nice").starts is Starts.NOT_CHECKED
    assert run({}, "/bin/ash", "-c", "nope").starts is Starts.NO


def test_script_passed_to_shell_is_followed(run):
    assert run({"/s": b"true\n"}, "sh", "/s").starts is Starts.YES
    _dies(run({}, "sh", "/s"), "entrypoint-missing", "sh: 0: cannot open /s: No such file")
    _dies(run({}, "/bin/ash", "/s"), "entrypoint-missing", "/bin/ash: can't open '/s': No such file or directory")


def test_crlf_below_first_line_is_warning(run):
    prediction = run({"/s": b"#!/bin/sh\necho hi\r\n"}, "/s")
    assert [(found.code, found.severity) for found in prediction.findings] == [("shebang-crlf", Severity.WARNING)]


# Scripts as entrypoints.


def test_script_executing_its_arguments_is_followed(run, images):
    script = {"/e.sh": b'#!/bin/sh\nif [ -f x ]; then echo y; fi\nexec "$@"\n'}
    assert run(script, "/e.sh", "true").starts is Starts.YES
    _dies(run(script, "/e.sh", "nope"), "shell-word-missing", "/e.sh: 3: exec: nope: not found")


def test_failing_branch_next_to_starting_one_is_info(run):
    script = {"/e.sh": b'#!/bin/sh\nif [ -f /run/flag ]; then set -- true; fi\nexec "$@"\n'}
    prediction = run(script, "/e.sh", "nope")
    assert prediction.starts is Starts.YES
    assert [(found.severity, found.predicts) for found in prediction.findings] == [
        (Severity.INFO, "/e.sh: 3: exec: nope: not found")
    ]
    script = {"/e.sh": b'#!/bin/sh\nif [ -f /run/flag ]; then set -- none; fi\nexec "$@"\n'}
    assert run(script, "/e.sh", "nope").starts is Starts.NO


def test_shell_idiom_for_arguments_is_followed(run):
    assert run({}, "/bin/sh", "-c", 'exec "$@"', "--", "true").starts is Starts.YES
    _dies(run({}, "/bin/sh", "-c", 'exec "$@"', "x", "nope"), "shell-word-missing", "x: 1: exec: nope: not found")


def test_script_with_exec_of_missing_program(run):
    _dies(
        run({"/e.sh": b"#!/bin/bash\nset -e\nexec node server.js\n"}, "/e.sh"),
        "shell-word-missing",
        "/e.sh: line 3: exec: node: not found",
    )


# Wrappers.


def test_env_looks_in_path(run, static):
    files = {"/usr/bin/env": static, "/s": b"#!/usr/bin/env bash\n", "/p": b"#!/usr/bin/env python3\n"}
    assert run(files, "/s").starts is Starts.YES
    _dies(run(files, "/p"), "shebang-interpreter-missing", "env: 'python3': No such file or directory")


def test_env_of_busybox_prints_its_own_message(run):
    files = {"/usr/bin/env": "/bin/busybox", "/p": b"#!/usr/bin/env python3\n"}
    _dies(run(files, "/p"), "shebang-interpreter-missing", "env: can't execute 'python3': No such file or directory")


def test_env_s_splits_words_except_in_busybox(run, static):
    script = {"/s": b"#!/usr/bin/env -S true -x\n"}
    assert run({**script, "/usr/bin/env": static}, "/s").starts is Starts.YES
    prediction = run({**script, "/usr/bin/env": "/bin/busybox"}, "/s")
    assert (prediction.starts, prediction.findings[0].code) == (Starts.NO, "shebang-interpreter-missing")


@pytest.mark.parametrize(
    "command",
    [
        ("tini", "--", "true"),
        ("tini", "-g", "-p", "SIGTERM", "--", "true"),
        ("dumb-init", "true"),
        ("gosu", "1000", "true"),
        ("su-exec", "nobody", "true"),
        ("nice", "-n", "5", "true"),
        ("timeout", "-s", "KILL", "5", "true"),
        ("nohup", "true"),
    ],
)
def test_wrappers_are_followed_to_program(run, static, command):
    files = {f"/usr/bin/{command[0]}": static, "/etc/passwd": b"nobody:x:65534:65534::/:/\n"}
    good = run(files, *command)
    assert (good.starts, good.programs[-1].path) == (Starts.YES, "/bin/true")
    bad = run(files, *command[:-1], "nope")
    assert (bad.starts, bad.findings[0].code) == (Starts.NO, "entrypoint-missing")


def test_command_of_user_changing_wrapper_is_judged_as_new_user(run, static, images):
    files = {"/usr/bin/gosu": static, "/p": images.File(content=static, mode=0o700)}
    assert run(files, "gosu", "1000", "/p").findings[0].code == "entrypoint-not-executable"
    assert run(files, "gosu", "0", "/p").starts is Starts.YES


# The health check.


def _health(images, files, *test, **config):
    return predict_healthcheck(images.config(healthcheck=Healthcheck(test=test), **config), images.rootfs(files))


def test_health_check_missing_gives_no_prediction(images, shells):
    assert _health(images, shells) is None
    assert _health(images, shells, "NONE") is None


def test_health_check_with_missing_command(images, shells):
    (found,) = _health(images, shells, "CMD-SHELL", "curl -f http://localhost/ || true").findings
    assert (found.code, found.severity) == ("shell-word-missing", Severity.WARNING)
    prediction = _health(images, shells, "CMD-SHELL", "curl -f http://localhost/ || exit 1")
    (found,) = prediction.findings
    assert (found.code, found.severity, found.subject) == (
        "healthcheck-command-missing",
        Severity.ERROR,
        Subject.HEALTHCHECK,
    )
    assert found.predicts == "/bin/sh: 1: curl: not found"
    prediction = _health(images, shells, "CMD", "curl", "-f", "x")
    assert prediction.findings[0].code == "healthcheck-command-missing"
    assert _health(images, shells, "CMD", "true").findings == ()


def test_health_check_in_shell_form_without_shell(images, static):
    prediction = _health(images, {"/hello": static}, "CMD-SHELL", "hello")
    assert (prediction.findings[0].code, prediction.findings[0].subject) == ("shell-missing", Subject.HEALTHCHECK)
    other = _health(images, {"/hello": static, "/busybox/sh": static}, "CMD-SHELL", "x", shell=("/busybox/sh", "-c"))
    assert other.starts is not Starts.NO


def test_program_with_broken_dynamic_section_is_not_checked(run, make_elf):
    data = bytearray(make_elf(needed=("libc.so.6",)))
    header_offset, count = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
    for place in range(header_offset, header_offset + 56 * count, 56):
        if struct.unpack_from("<I", data, place)[0] == 2:  # PT_DYNAMIC
            struct.pack_into("<Q", data, place + 32, 1 << 60)
    prediction = run({"/p": bytes(data)}, "/p")
    assert prediction.starts is Starts.NOT_CHECKED
    assert "its dynamic section is broken" in prediction.not_checked[0]


def test_shared_library_as_program_is_not_checked(run, make_elf):
    data = bytearray(make_elf(soname="libx.so.1"))
    struct.pack_into("<Q", data, 24, 0)  # e_entry
    prediction = run({"/p": bytes(data)}, "/p")
    assert prediction.starts is Starts.NOT_CHECKED
    assert prediction.not_checked == ("/p is a shared library, which is mapped and jumped into",)


@pytest.mark.parametrize(
    ("shell", "predicts"),
    [
        ("busybox", "/bin/sh: illegal option -"),
        ("dash", "/bin/sh: 0: Illegal option -"),
        ("bash", "/bin/sh: -\r: invalid option"),
    ],
)
def test_carriage_return_in_shell_options_is_refused(run, shell, predicts):
    files = {"/bin/sh": shell, "/p": b"#!/bin/sh -e\r\necho\r\n"}
    _dies(run(files, "/p"), "shebang-crlf", predicts)


@pytest.mark.parametrize(
    ("shell", "predicts"),
    [("busybox", "/p: set: line 2: illegal option -"), ("dash", "/p: 2: set: Illegal option -")],
)
def test_set_with_carriage_return_ends_shell_except_bash(run, shell, predicts):
    script = b"#!/bin/sh\nset -e\r\nexec /bin/true\n"
    _dies(run({"/bin/sh": shell, "/p": script}, "/p"), "shebang-crlf", predicts)
    _dies(run({"/bin/sh": "bash", "/p": script}, "/p"), "shebang-crlf", "/p: line 2: set: -\r: invalid option")
    assert run({"/p": script.replace(b"/bin/sh", b"/bin/bash")}, "/p").starts is Starts.YES


def test_two_arguments_in_shebang_line_are_one_word_to_shell(run):
    _dies(run({"/p": b"#!/bin/sh -e -u\n"}, "/p"), "shebang-interpreter-missing", "/bin/sh: 0: Illegal option -")


# Privilege, accounts and how far a start was followed.


@pytest.mark.parametrize(
    ("command", "code", "predicts"),
    [
        (
            ("gosu", "app", "true"),
            "runtime-user-missing",
            'error: failed switching to "app": unable to find user app: ',
        ),
        (
            ("gosu", "nobody", "true"),
            "privilege-missing",
            'error: failed switching to "nobody": operation not permitted',
        ),
        (("setpriv", "--reuid=1", "true"), "privilege-missing", "setpriv: setresuid failed: Operation not permitted"),
        (("su-exec", "1", "true"), "privilege-missing", "su-exec: setgroups(1): Operation not permitted"),
    ],
)
def test_user_changing_tool_without_account_or_root_fails(run, static, command, code, predicts):
    files = {f"/bin/{command[0]}": static, "/etc/passwd": b"nobody:x:65534:65534::/:/bin/sh\n"}
    prediction = run(files, *command, user="1000")
    assert (prediction.starts, prediction.findings[-1].code) == (Starts.NO, code)
    assert prediction.findings[-1].predicts.startswith(predicts)
    if code == "privilege-missing":
        assert run(files, *command).starts is Starts.YES


def test_wrapper_tells_file_without_permission_from_missing_one(run, static, images):
    files = {"/bin/tini": static, "/bin/e.sh": images.File(content=b"#!/bin/sh\n", mode=0o644)}
    _dies(run(files, "tini", "--", "e.sh"), "entrypoint-not-executable", "exec e.sh failed: Permission denied")
    _dies(run(files, "tini", "--", "no.sh"), "entrypoint-missing", "exec no.sh failed: No such file or directory")


def test_script_without_read_permission_is_refused_by_shell(run, images):
    files = {"/s": images.File(content=b"#!/bin/sh\n", mode=0o711)}
    _dies(run(files, "/s", user="1000"), "entrypoint-not-executable", "/bin/sh: 0: cannot open /s: Permission denied")
    assert run(files, "/s").starts is Starts.YES


def test_entrypoint_empty_word_counts_as_none(run):
    assert run({}, "true", entrypoint=("",)).starts is Starts.YES


@pytest.mark.parametrize("root", ["/proc/self/root", "/proc/1/root", "/proc/thread-self/root"])
def test_program_below_proc_root_is_program_of_image(run, root):
    assert run({}, f"{root}/bin/true").starts is Starts.YES
    predicts = f'exec: "{root}/bin/no": stat {root}/bin/no: no such file or directory'
    _dies(run({}, f"{root}/bin/no"), "entrypoint-missing", predicts)
    assert run({}, "/proc/7/root/bin/true").starts is Starts.NOT_CHECKED


def test_passwd_line_with_missing_fields_is_account(run):
    assert run({"/etc/passwd": b"app:x:1000\n"}, "true", user="app").starts is Starts.YES


def test_followed_lists_scripts_and_programs_in_order(run):
    script = {"/e.sh": b'#!/bin/sh\nset -e\n[ -x /hook ] && exec /hook\nexec "$@"\n'}
    assert followed(run(script, "/e.sh", "true")) == "followed /e.sh -> /bin/true"
    assert followed(run({}, "true")) == ""


@pytest.mark.parametrize("count", [1, 40])
def test_scripts_in_cycle_are_not_checked(run, count):
    files = {f"/s{number}": f"/s{(number + 1) % count}\n/s0\n".encode() for number in range(count)}
    assert run(files, "/bin/sh", "/s0").starts is not Starts.NO


def test_health_check_of_missing_file_may_pass_because_the_program_may_make_it(images, shells):
    files = {"/bin/test": shells["/bin/dash"], **shells}
    command = ("/bin/sh", "-c", ". /opt/ready")
    assert predict_start(images.config(*command), images.rootfs(files)).starts is Starts.NO
    check = images.config(healthcheck=Healthcheck(test=("CMD", *command)))
    assert predict_healthcheck(check, images.rootfs(files)).starts is not Starts.NO


def test_program_of_running_container_is_not_checked_for_one_reason(run):
    prediction = run({}, "/proc/self/exe")
    assert prediction.starts is Starts.NOT_CHECKED
    assert prediction.findings == ()
    assert len(prediction.not_checked) == 1


def test_program_in_root_without_slash_is_named(run, static):
    evidence = run({"/app": static}, "app").findings[-1].evidence
    assert "the image has /app: name it with its slash" in evidence
    assert not any("with its slash" in line for line in run({"/app/x": static}, "app").findings[-1].evidence)
    assert not any("with its slash" in line for line in run({}, "app").findings[-1].evidence)


def test_fix_of_missing_shell_names_the_exec_form(images, static):
    rootfs = images.rootfs({"/bin/app": static})
    shell = predict_start(images.config("/bin/sh", "-c", "app"), rootfs).findings[-1]
    program = predict_start(images.config("/bin/tool"), rootfs).findings[-1]
    assert shell.fix.startswith("Use the exec form")
    assert program.fix.startswith("COPY /bin/tool")
