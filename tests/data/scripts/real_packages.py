"""
Environments in which real packages are installed, each made once for a whole run of tests.

Loaded by `tests/conftest.py`. uv makes one in a second where pip needs fifteen, so pip fetches
uv first; where that cannot be had, or does not get on with the machine's settings, pip does it all.
"""

from __future__ import annotations

import ast
import os
import subprocess
import venv
from pathlib import Path

INSTALL_MAY_TAKE_SECS = 600
# What our package itself needs: its checkout is put on PYTHONPATH, it is not installed.
OUR_NEEDS = ("requests", "tomli-w", 'tomli; python_version < "3.11"')
# pip's settings, by the name of uv's variable for the same.
UV_VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "constraint": "UV_CONSTRAINT",
    "cert": "SSL_CERT_FILE",
}


def make_environment(place: Path, *, with_pip: bool) -> Path:
    """Make an empty environment; return its interpreter."""
    venv.create(place, with_pip=with_pip, symlinks=os.name == "posix")
    return place / ("Scripts" if os.name == "nt" else "bin") / "python"


class RealPackages:
    """
    Environments below *place*, one for each set of requirements.

    *environ* is the environment as the tests found it: pip may need a proxy, which no test sees.
    """

    def __init__(self, place: Path, environ: dict[str, str]) -> None:
        self._place = place
        self._environ = environ
        self._pythons: dict[tuple[str, ...], Path] = {}
        self._uv: list[str] | None = None  # None: not looked for yet; empty: there is none

    def python_with(self, *requirements: str) -> str:
        """
        Return the interpreter of an environment with *requirements*, beside which their commands are.

        Fails the test that asked when they cannot be installed.
        """
        if requirements not in self._pythons:
            place = self._place / str(len(self._pythons))
            wanted = [*requirements, *OUR_NEEDS]
            self._pythons[requirements] = self._install_with_uv(place, wanted) or self._install_with_pip(place, wanted)
        return str(self._pythons[requirements])

    def _install_with_pip(self, place: Path, wanted: list[str]) -> Path:
        python = make_environment(place.with_name(f"{place.name}-pip"), with_pip=True)
        done = self._run([str(python), "-m", "pip", "install", "--quiet", *wanted])
        assert done.returncode == 0, f"{wanted} could not be installed: {done.stderr}"
        return python

    def _install_with_uv(self, place: Path, wanted: list[str]) -> Path | None:
        if self._uv is None:
            self._uv = self._fetch_uv()
        if not self._uv:
            return None
        python = make_environment(place, with_pip=False)
        done = self._run([*self._uv, "pip", "install", "--quiet", "--python", str(python), *wanted])
        return python if done.returncode == 0 else None

    def _fetch_uv(self) -> list[str]:
        python = make_environment(self._place / "uv", with_pip=True)
        pip = [str(python), "-m", "pip"]
        if self._run([*pip, "install", "--quiet", "uv"]).returncode != 0:
            return []
        settings = self._run([*pip, "config", "list"]).stdout.splitlines()
        for name, _, value in (line.partition("=") for line in settings):
            variable = UV_VARIABLES.get(name.rpartition(".")[2])
            if variable is not None:
                self._environ.setdefault(variable, str(ast.literal_eval(value)))
        # As pip chooses: the best release of any index, not the first index that knows the name.
        self._environ.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
        return [str(python), "-m", "uv"]

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=self._environ, capture_output=True, text=True, timeout=INSTALL_MAY_TAKE_SECS, check=False
        )
