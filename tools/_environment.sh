# Sourced by the scripts beside it: a virtual environment of the checkout's own.
#
# use_environment EXTRA ... makes .venv when it is missing, installs this checkout with the
# extras named, once for each state of setup.cfg, and sets $python to its interpreter.
# PYTHON=... chooses the interpreter it is made with.

use_environment() {
    python=.venv/bin/python
    if [ ! -x "$python" ]; then
        echo "making .venv" >&2
        "${PYTHON:-python3}" -m venv .venv
        "$python" -m pip install --quiet --disable-pip-version-check --upgrade pip >&2  # the oldest ones take minutes to resolve
    fi
    wanted="$* $(cksum setup.cfg)"
    if ! grep -qxF "$wanted" .venv/installed-extras 2>/dev/null; then
        echo "installing ($*)" >&2
        extras=$(printf '%s,' "$@")
        "$python" -m pip install --quiet --disable-pip-version-check --editable ".[${extras%,}]" >&2
        echo "$wanted" >> .venv/installed-extras
    fi
}
