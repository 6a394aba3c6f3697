#!/usr/bin/env bash
# Finds a Python that is new enough and has pip or venv, and lets it install the locked packages.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

candidates=("${WEIGHBRIDGE_PYTHON:-}")
if [ -z "${candidates[0]}" ]; then
  candidates=(python3 python)
  # pipx has an environment of its own with pip in it, also where the system's Python has none.
  if shared="$(pipx environment --value PIPX_SHARED_LIBS 2>/dev/null)"; then
    candidates+=("$shared/bin/python" "$shared/Scripts/python.exe")
  fi
fi

usable='import importlib.util as u, sys
sys.exit(sys.version_info < (3, 11) or not (u.find_spec("ensurepip") or u.find_spec("pip")))'
for python in "${candidates[@]}"; do
  if "$python" -c "$usable" 2>/dev/null; then
    exec "$python" "$here/install.py"
  fi
done
echo "::error::No Python 3.11 or newer with pip or venv among: ${candidates[*]}. Add actions/setup-python before this step." >&2
exit 1
