"""The kernel's part: ``#!`` lines, permissions, formats, machines."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.domain.start.predict import Starts, predict_start
from weighbridge.domain.start.shebang import parse_shebang


@pytest.mark.parametrize(
    ("head", "interpreter", "argument"),
    [
        (b"#!/bin/sh\n", "/bin/sh", None),
        (b"#! \t/bin/sh  -e  -x \n", "/bin/sh", "-e  -x"),
        (b"#!/bin/sh", "/bin/sh", None),
        (b"#!/bin/sh\r\necho", "/bin/sh\r", None),
        (b"#!/usr/bin/env python3\nimport", "/usr/bin/env", "python3"),
        (b"#!/" + b"x" * 252 + b" y", "/" + "x" * 252, None),
        (b"#!/bin/a\0b\n", "/bin/a", None),
    ],
)
def test_shebang_line_is_split_as_by_kernel(head, interpreter, argument):
    shebang = parse_shebang(head)
    assert shebang is not None
    assert (shebang.interpreter, shebang.argument) == (interpreter, argument)


@pytest.mark.parametrize("head", [b"", b"#", b"#!", b"#!\n", b"#!   \n", b" #!/bin/sh\n", b"\xef\xbb\xbf#!/bin/sh\n"])
def test_line_without_interpreter_is_not_shebang(head):
    assert parse_shebang(head) is None


def test_interpreter_over_256_bytes_is_refused():
    assert parse_shebang(b"#!/" + b"x" * 300) is None


@settings(max_examples=60)
@given(st.text(alphabet=" \t-abc", max_size=12))
def test_arguments_equal_those_of_real_kernel(tmp_path_factory, tail):
    # printf shows what it is given: its format is the one argument, the script's path comes behind it.
    printf = shutil.which("printf")
    assert printf is not None
    script = tmp_path_factory.mktemp("shebang") / "s"
    script.write_bytes(f"#!{printf} [%s]{tail}\nbody\n".encode())
    script.chmod(0o755)
    shebang = parse_shebang(script.read_bytes())
    assert shebang is not None
    real = subprocess.run([str(script)], capture_output=True, check=False).stdout
    argv = [shebang.interpreter, *([shebang.argument] if shebang.argument else []), str(script)]
    assert subprocess.run(argv, capture_output=True, check=False).stdout == real


@pytest.fixture
def run(images, make_elf, musl):
    """Predicts the start of a command in an image with a static program at ``/bin/true`` and musl."""

    def run(files, *command, **config):
        program = make_elf(type=2, dynamic=False)
        rootfs = images.rootfs({"/bin/true": program, **musl, **files})
        return predict_start(images.config(*command, **config), rootfs)

    return run


def _dies(prediction, code, predicts):
    assert prediction.starts is Starts.NO, prediction
    assert (prediction.findings[-1].code, prediction.findings[-1].predicts) == (code, predicts)


def test_script_with_interpreter_runs(run):
    assert run({"/s": b"#!/bin/true\n"}, "/s").starts is Starts.YES


def test_script_with_missing_interpreter_fails_as_missing_script(run):
    _dies(run({"/s": b"#!/bin/bash\n"}, "/s"), "shebang-interpreter-missing", "exec /s: no such file or directory")


def test_carriage_return_is_part_of_interpreter_name(run):
    _dies(run({"/s": b"#!/bin/true\r\n"}, "/s"), "shebang-crlf", "exec /s: no such file or directory")
    assert run({"/s": b"#!/bin/true\r\n", "/bin/true\r": "/bin/true"}, "/s").starts is Starts.YES


@pytest.mark.parametrize("content", [b"", b"echo hi\n", b"\xef\xbb\xbf#!/bin/true\n", b"#!\n"])
def test_file_of_other_kind_is_exec_format_error(run, content):
    _dies(run({"/s": content}, "/s"), "entrypoint-bad-format", "exec /s: exec format error")


def test_chain_of_scripts_stops_at_sixth(run):
    chain = {f"/s{n}": f"#!/s{n + 1}\n".encode() for n in range(8)} | {"/s8": b"#!/bin/true\n"}
    assert run(chain, "/s4").starts is Starts.YES
    _dies(run(chain, "/s3"), "shebang-interpreter-missing", "exec /s3: too many levels of symbolic links")
    _dies(
        run({"/self": b"#!/self\n"}, "/self"),
        "shebang-interpreter-missing",
        "exec /self: too many levels of symbolic links",
    )


def test_library_without_entry_address_is_not_checked(run, make_elf):
    library = bytearray(make_elf())
    assert run({"/lib.so": bytes(library)}, "/lib.so").starts is Starts.YES
    library[24:32] = bytes(8)
    prediction = run({"/lib.so": bytes(library)}, "/lib.so")
    assert prediction.starts is Starts.NOT_CHECKED
    assert "is a shared library" in prediction.not_checked[0]


def test_interpreter_behind_dangling_link_names_the_link(run):
    finding = run({"/s": b"#!/bin/i\n", "/bin/i": "/opt/i\r"}, "/s").findings[-1]
    assert any("/bin/i is a symlink to /opt/i" in line and "\r" not in line for line in finding.evidence)


def test_root_without_execute_bit_is_denied(run, images, make_elf):
    program = make_elf(type=2, dynamic=False)
    _dies(
        run({"/p": images.File(content=program, mode=0o644)}, "/p"),
        "entrypoint-not-executable",
        'exec: "/p": permission denied',
    )
    assert run({"/p": images.File(content=program, mode=0o001)}, "/p").starts is Starts.YES


def test_program_of_other_user_is_denied_after_runtime_check(run, images, make_elf):
    program = images.File(content=make_elf(type=2, dynamic=False), mode=0o700)
    _dies(run({"/p": program}, "/p", user="1000"), "entrypoint-not-executable", "exec /p: permission denied")
    assert run({"/p": program}, "/p").starts is Starts.YES


def test_directory_without_search_permission(run, images, make_elf):
    files = {"/d/": images.File(mode=0o700), "/d/p": make_elf(type=2, dynamic=False)}
    _dies(run(files, "/d/p", user="1000"), "entrypoint-not-executable", 'exec: "/d/p": stat /d/p: permission denied')
    assert run(files, "/d/p").starts is Starts.YES


def test_directory_as_program_is_refused(run):
    _dies(run({"/d/x": b""}, "/d"), "entrypoint-not-executable", 'exec: "/d": permission denied')


def test_interpreter_without_execute_bit_is_denied(run, images):
    files = {"/i": images.File(content=b"x", mode=0o644), "/s": b"#!/i\n"}
    _dies(run(files, "/s"), "entrypoint-not-executable", "exec /s: permission denied")


def test_program_for_another_machine_is_exec_format_error(run, make_elf):
    _dies(
        run({"/p": make_elf(type=2, machine=183, dynamic=False)}, "/p"),
        "architecture-mismatch",
        "exec /p: exec format error",
    )
    arm64 = run({"/p": make_elf(type=2, machine=183, dynamic=False)}, "/p", architecture="arm64")
    assert arm64.starts is Starts.YES


def test_i386_runs_on_amd64_and_arm_on_arm64_is_uncertain(run, make_elf):
    assert run({"/p": make_elf(type=2, machine=3, bits=32, dynamic=False)}, "/p").starts is Starts.YES
    arm = run({"/p": make_elf(type=2, machine=40, bits=32, dynamic=False)}, "/p", architecture="arm64")
    assert arm.starts is Starts.NOT_CHECKED


def test_missing_loader_is_reported_for_program(run, make_elf):
    prediction = run({"/p": make_elf(interpreter="/lib64/ld-linux-x86-64.so.2")}, "/p")
    _dies(prediction, "libc-loader-missing", "exec /p: no such file or directory")
    assert prediction.findings[0].evidence == (
        "/p: PT_INTERP /lib64/ld-linux-x86-64.so.2",
        "/lib64: not in the image",
        "the image has /lib/ld-musl-x86_64.so.1 (musl)",
    )
    assert run({"/p": make_elf(interpreter="/lib/ld-musl-x86_64.so.1")}, "/p").starts is Starts.YES


def test_loader_without_execute_bit(run, images, make_elf):
    files = {"/l": images.File(content=make_elf(), mode=0o644), "/p": make_elf(interpreter="/l")}
    _dies(run(files, "/p"), "libc-loader-missing", "exec /p: permission denied")


def test_loader_not_elf(run, make_elf):
    files = {"/l": b"#!/bin/true\n", "/p": make_elf(interpreter="/l")}
    _dies(run(files, "/p"), "libc-loader-missing", "exec /p: accessing a corrupted shared library")


def test_real_program_without_loader_does_not_start(images):
    python = Path(sys.executable).resolve().read_bytes()
    prediction = predict_start(images.config("/python"), images.rootfs({"/python": python}))
    _dies(prediction, "libc-loader-missing", "exec /python: no such file or directory")


def test_object_file_is_no_program(run, make_elf):
    prediction = run({"/app": make_elf(type=1, dynamic=False)}, "/app")
    _dies(prediction, "entrypoint-bad-format", "exec /app: exec format error")
    assert "an ELF file of type 1, no program" in prediction.findings[-1].evidence[0]


def test_script_below_unreadable_folder_is_not_checked(run):
    prediction = run({"/s": b"#!/proc/self/exe\n"}, "/s")
    assert prediction.starts is Starts.NOT_CHECKED


def test_shebang_argument_begins_after_first_space(run, make_elf):
    assert run({"/s": b"#!/bin/true -a -b\n"}, "/s").starts is Starts.YES
    assert run({"/s": b"#! \t/bin/true\t\n"}, "/s").starts is Starts.YES


@pytest.mark.parametrize(
    ("content", "evidence"),
    [
        pytest.param(b"\x7fELF", "/p: a broken ELF file: e_ident lies outside the file", id="only-the-mark"),
        pytest.param({56: b"\0\0"}, "/p: an ELF file without program headers", id="no-program-headers"),
        pytest.param({54: b"\1\0"}, "/p: a broken ELF file: program headers of 1 bytes", id="wrong-program-headers"),
    ],
)
def test_broken_elf_file_is_exec_format_error(run, make_elf, content, evidence):
    if isinstance(content, dict):
        patched = bytearray(make_elf(type=2, dynamic=False))
        for at, value in content.items():
            patched[at : at + len(value)] = value
        content = bytes(patched)
    prediction = run({"/p": content}, "/p")
    _dies(prediction, "entrypoint-bad-format", "exec /p: exec format error")
    assert prediction.findings[-1].evidence[0] == evidence


def test_script_of_a_broken_program_has_both_as_evidence(run):
    prediction = run({"/s": b"#!/p -a\n", "/p": b"\x7fELF"}, "/s")
    _dies(prediction, "entrypoint-bad-format", "exec /s: exec format error")
    assert prediction.findings[-1].evidence[:2] == (
        "/s: #!/p -a",
        "/p: a broken ELF file: e_ident lies outside the file",
    )


@pytest.mark.parametrize(
    ("architecture", "machine", "bits", "starts"),
    [
        ("386", 3, 32, Starts.YES),
        ("386", 62, 64, Starts.NO),
        ("amd64", 62, 32, Starts.NO),
        ("arm", 40, 32, Starts.YES),
        ("arm", 183, 64, Starts.NO),
        ("ppc64le", 21, 64, Starts.YES),
        ("s390x", 22, 64, Starts.YES),
        ("riscv64", 243, 64, Starts.YES),
        ("riscv64", 243, 32, Starts.NO),
        ("loong64", 258, 64, Starts.YES),
    ],
)
def test_architecture_runs_its_own_machines_only(run, make_elf, architecture, machine, bits, starts):
    program = make_elf(type=2, machine=machine, bits=bits, dynamic=False)
    prediction = run({"/p": program}, "/p", architecture=architecture)
    assert prediction.starts is starts
    if starts is Starts.NO:
        assert prediction.findings[-1].code == "architecture-mismatch"


@pytest.mark.parametrize(
    ("files", "path", "predicts"),
    [
        pytest.param({"/a": "/b", "/b": "/a"}, "/a", "too many levels of symbolic links", id="loop"),
        pytest.param({"/a": b""}, "/a/b", "not a directory", id="file-as-folder"),
        pytest.param({}, "/" + "x" * 256, "file name too long", id="long-name"),
        pytest.param({}, "/gone", "no such file or directory", id="missing"),
    ],
)
def test_path_that_leads_to_no_file_has_the_error_of_the_kernel(run, files, path, predicts):
    _dies(run(files, path), "entrypoint-missing", f'exec: "{path}": stat {path}: {predicts}')


@pytest.mark.parametrize(
    ("loader", "predicts", "evidence"),
    [
        ({"/l/": b""}, "permission denied", "/l: mode 0755, not executable"),
        ({"/l": {"machine": 183}}, "accessing a corrupted shared library", "/l is no ELF file for x86-64"),
        ({"/l": {"bits": 32}}, "accessing a corrupted shared library", "/l is no ELF file for x86-64"),
        ({"/l": "/l"}, "too many levels of symbolic links", "/l is a symlink to /l"),
    ],
)
def test_unusable_loader_has_the_error_of_the_kernel(run, make_elf, loader, predicts, evidence):
    files = {path: make_elf(**value) if isinstance(value, dict) else value for path, value in loader.items()}
    prediction = run({**files, "/p": make_elf(interpreter="/l")}, "/p")
    _dies(prediction, "libc-loader-missing", f"exec /p: {predicts}")
    assert prediction.findings[-1].evidence[:2] == ("/p: PT_INTERP /l", evidence)


def test_loader_below_proc_is_not_checked(run, make_elf):
    prediction = run({"/p": make_elf(interpreter="/proc/self/exe")}, "/p")
    assert prediction.starts is Starts.NOT_CHECKED
    assert "depends on the running container" in prediction.not_checked[0]


def test_program_without_loader_and_with_broken_dynamic_section_is_not_checked(run, make_elf):
    program = make_elf(needed=("liba.so",)).replace(b"liba.so\0", b"liba.soX")
    prediction = run({"/p": program}, "/p")
    assert prediction.starts is Starts.NOT_CHECKED
    assert "/p has no PT_INTERP, and its dynamic section is broken" in prediction.not_checked[0]


def test_program_with_malformed_capabilities_is_not_checked(run, images, make_elf):
    program = images.File(content=make_elf(type=2, dynamic=False), capabilities=b"\0")
    prediction = run({"/p": program}, "/p")
    assert (prediction.starts, prediction.not_checked) == (
        Starts.NOT_CHECKED,
        ("/p: its file capabilities are malformed",),
    )


def test_directory_as_interpreter_is_denied(run):
    _dies(run({"/s": b"#!/d\n", "/d/": b""}, "/s"), "entrypoint-not-executable", "exec /s: permission denied")
