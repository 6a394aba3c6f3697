"""The smallest programs of each machine. Those of this machine run."""

from __future__ import annotations

import platform
import subprocess

import pytest

from weighbridge.domain.start.elf import Machine, read_elf
from weighbridge.domain.start.elf.tiny import tiny_program

MACHINES = {"x86_64": ["amd64", "386"], "aarch64": ["arm64"], "riscv64": ["riscv64"], "s390x": ["s390x"]}


@pytest.mark.parametrize("architecture", MACHINES.get(platform.machine(), []))
def test_tiny_program_ends_with_success_on_its_machine(tmp_path, architecture):
    program = tmp_path / "program"
    program.write_bytes(tiny_program(architecture) or b"")
    program.chmod(0o755)
    assert subprocess.run([program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("architecture", "machine", "bits"),
    [
        ("386", Machine.I386, 32),
        ("amd64", Machine.X86_64, 64),
        ("arm", Machine.ARM, 32),
        ("arm64", Machine.AARCH64, 64),
        ("ppc64le", Machine.PPC64, 64),
        ("riscv64", Machine.RISCV, 64),
        ("s390x", Machine.S390X, 64),
    ],
)
def test_tiny_program_is_static_executable_of_its_machine(architecture, machine, bits):
    program = tiny_program(architecture) or b""
    elf = read_elf(lambda offset, length: program[offset : offset + length], len(program))
    assert (elf.machine, elf.bits, elf.interpreter) == (machine, bits, None)


def test_unknown_machine_has_no_program():
    assert tiny_program("mips64le") is None
