#!/bin/sh
# Makes .venv and installs a lock file into it; does nothing when that is already done.
# Usage: local/install.sh requirements.lock | requirements-dev.lock
#        local/install.sh LOCK FOLDER    into an environment of its own, for what does not fit into ours
set -eu
cd "$(dirname "$0")/.."
lock=$1
venv=${2:-.venv}
python=${PYTHON:-python3}

fail() { printf 'bahi: %s\n' "$1" >&2; exit 1; }

fingerprint() { cksum < "$1"; "$venv/bin/python" -c 'import sys; print(sys.version, sys.prefix)'; }

installed() {
    [ -x "$venv/bin/python" ] && [ -f "$venv/installed" ] &&
        [ "$(cat "$venv/installed")" = "$(fingerprint "$1" 2> /dev/null)" ]
}

# The command stands beside the interpreter that it runs with.
link() { [ "$venv" != .venv ] || ln -sf ../../filing/bahi "$venv/bin/bahi"; }

# What tests need includes what running needs.
if installed "$lock" || { [ "$venv" = .venv ] && installed requirements-dev.lock; }; then link; exit 0; fi

command -v "$python" > /dev/null || fail "no $python found; on Debian or Ubuntu: sudo apt-get install python3 python3-venv"
python=$(command -v "$python")
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed, $python is $("$python" -V); name another with: make PYTHON=python3.12 ..."

if ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
    printf 'Making %s with %s\n' "$venv" "$("$python" -V)"
    rm -rf "$venv"
    if "$python" -c 'import ensurepip' 2> /dev/null; then
        "$python" -m venv "$venv"
    elif "$python" -m pip --python "$python" --version > /dev/null 2>&1 || command -v uv > /dev/null; then
        "$python" -m venv --without-pip "$venv" # another installer can fill it from outside
    else
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        fail "this Python cannot make environments with pip; install one package: sudo apt-get install $package"
    fi
fi

printf 'Installing %s packages from %s; the first time this takes a minute\n' "$(grep -c '==' "$lock")" "$lock"
rm -f "$venv/installed"
set -- --quiet --disable-pip-version-check --no-input --use-pep517 --require-hashes -r "$lock"
if command -v uv > /dev/null; then
    uv pip install --quiet --python "$venv/bin/python" --require-hashes -r "$lock"
elif "$venv/bin/python" -c 'import pip' 2> /dev/null; then
    "$venv/bin/python" -m pip install "$@"
else
    "$python" -m pip --python "$venv/bin/python" install "$@"
fi
link
fingerprint "$lock" > "$venv/installed"
