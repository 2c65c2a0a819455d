#!/bin/sh
# Install koalign from the folder of wheels that this file lies in, and from nothing else.
#
#   sh wheelhouse/install_offline.sh [VENV]      VENV: a new virtual environment; .venv if left out
#
# PYTHON=python3.12 names the Python. The folder is checked against SHA256SUMS before anything is installed.
set -eu
wheels=$(cd "$(dirname "$0")" && pwd)
venv=${1:-.venv}
python=${PYTHON:-python3}
fail() { echo "install_offline: $1" >&2; exit 2; }

[ -f "$wheels/SHA256SUMS" ] || fail "$wheels has no SHA256SUMS; make it with scripts/wheelhouse.py"
(cd "$wheels" && sha256sum --check --quiet --strict SHA256SUMS >&2) ||
    fail "$wheels is not what was collected (the files are named above); copy it again"
for wheel in "$wheels"/*.whl; do
    grep -q "  $(basename "$wheel")\$" "$wheels/SHA256SUMS" ||
        fail "$(basename "$wheel") is not in SHA256SUMS; remove it, or collect again"
done
[ ! -e "$venv" ] || fail "$venv is there already; remove it, or name another"

"$python" -m venv "$venv"
"$venv/bin/python" -m pip --isolated --disable-pip-version-check install --quiet \
    --no-index --find-links "$wheels" --requirement "$wheels/requirements.txt" || {
    rm -rf "$venv"
    fail "pip found no wheel for $("$python" --version); collect for that version: wheelhouse.py --python"
}
echo "installed into $venv: $venv/bin/koalign doctor"
