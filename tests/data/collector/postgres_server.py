"""
A PostgreSQL server of the tests' own, from Debian's packages: a socket in a folder, no port.

PostgreSQL does not run as root; where the tests do, it runs as another user, in a folder that
this one can reach.
"""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import subprocess
import tempfile

import pytest

COMMANDS = max(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[-2]), default=None)
COMMAND_TIMEOUT_SECS = 60
# One role needs its password; everybody else is believed.
ACCESS = "local all locked scram-sha-256\nlocal all all trust\n"


class PostgresServer:
    """
    A running server: `make_database()` gives the URL of a new one, `stop()` and `start()` are what they say.

    Without *fsync* it may lose what it has when the machine fails, and not when it is killed.
    """

    def __init__(self, *, fsync="off"):
        self.folder = tempfile.mkdtemp(prefix="mcptelemetry-postgres-", dir="/tmp")
        self._databases = {}
        self._user = {}
        if os.geteuid() == 0:
            entry = next(pwd.getpwnam(name) for name in ("postgres", "nobody") if name in {user.pw_name for user in pwd.getpwall()})
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
            self._user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        os.chmod(self.folder, 0o711)
        self._data = os.path.join(self.folder, "data")
        self._run("initdb", "-D", self._data, "-U", "owner", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        settings = {
            "listen_addresses": "''",
            "unix_socket_directories": f"'{self.folder}'",
            "fsync": fsync,
            "shared_buffers": "64MB",
            "max_connections": "50",
        }
        self._write("postgresql.conf", "".join(f"{name} = {value}\n" for name, value in settings.items()), "a")
        self._write("pg_hba.conf", ACCESS, "w")
        self.start()

    def start(self):
        """Start it, and wait until it answers."""
        self._run("pg_ctl", "-D", self._data, "-w", "-l", os.path.join(self.folder, "log"), "start")

    def stop(self, how="immediate"):
        """Stop it: at once, as after a loss of power, unless told otherwise."""
        self._run("pg_ctl", "-D", self._data, "-m", how, "-w", "stop")

    def make_database(self, key=None, *options):
        """Return the URL of an empty database, or of the one that was made for *key*."""
        name = self._databases.get(key)
        if name is None:
            name = self._databases[key or object()] = f"collector_{len(self._databases)}"
            self._run("createdb", "-h", self.folder, "-U", "owner", *options, name)
        return self.url(name)

    def url(self, database, user="owner"):
        """Return the URL of a database, with what stands before the host."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def ask(self, database_url, statement):
        """Return what psql prints for *statement*."""
        return self._run("psql", "-AtqX", "-v", "ON_ERROR_STOP=1", "-d", database_url, "-c", statement)

    def remove(self):
        """Stop it and take its folder away."""
        subprocess.run(
            [os.path.join(COMMANDS, "pg_ctl"), "-D", self._data, "-m", "immediate", "-w", "stop"],
            capture_output=True, timeout=COMMAND_TIMEOUT_SECS, cwd=self.folder, **self._user,
        )  # fmt: skip
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, command, *arguments):
        done = subprocess.run(
            [os.path.join(COMMANDS, command), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=COMMAND_TIMEOUT_SECS, cwd=self.folder, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, **self._user,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout}"
        return done.stdout.strip()

    def _write(self, name, text, mode):
        with open(os.path.join(self._data, name), mode, encoding="utf-8") as file:
            file.write(text)


@pytest.fixture(scope="session")
def postgres():
    """Return a PostgreSQL server, started once for all tests."""
    if COMMANDS is None:
        pytest.skip("PostgreSQL is not installed: no /usr/lib/postgresql/*/bin (Debian's package postgresql)")
    pytest.importorskip("psycopg", reason="psycopg is not installed: the extra stores")
    server = PostgresServer()
    yield server
    server.remove()
