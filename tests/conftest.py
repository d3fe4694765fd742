"""
Guards for the whole suite.

A test sees no network but this machine's, no home but its own and nothing of the
surroundings that speaks about telemetry; and it leaves no thread, no child and nothing at the root of the system behind.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import runpy
import signal
import sys
import threading
import time

from pathlib import Path

import hypothesis
import pytest

LEFTOVERS_MAY_TAKE_SECS = 5.0

# Nothing here is judged by how long it takes, the making of examples neither; and whoever runs the suite
# runs the same one: `NEW_EXAMPLES=1` draws others, to find what nobody has thought of.
hypothesis.settings.register_profile(
    "suite",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=os.environ.get("NEW_EXAMPLES") != "1",
)
hypothesis.settings.load_profile("suite")

# `RECORD_UNDER_LOCK=1`: with the locks of a build of Python without the global one.
runpy.run_path(str(Path(__file__).parent / "data" / "scripts" / "locked_build.py"))

# The fixture `postgres`: a server of Debian's, for the heavy tests that ask for it.
postgres = runpy.run_path(str(Path(__file__).parent / "data" / "collector" / "postgres_server.py"))["postgres"]

# Variables that would change what is tested, wherever the tests run.
SPOKEN_WORDS = frozenset(
    {
        "CI",
        "DO_NOT_TRACK",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "NETRC",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        "XDG_CACHE_HOME",
    }
)
SPOKEN_ENDINGS = ("_TELEMETRY", "_EVENTS_ENDPOINT", "_LAUNCHED_BY", "_PROXY")


@pytest.fixture(autouse=True)
def own_surroundings(monkeypatch, tmp_path_factory):
    """Give each test a home of its own and an environment that says nothing."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.upper() in SPOKEN_WORDS or name.upper().endswith(SPOKEN_ENDINGS):
            monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    return home


# -- signals are as a process finds them ------------------------------------------------

# Whoever started the tests may have had signals ignored (nohup, a shell's background job);
# that is inherited, also by the processes that the tests start.
for name, usual in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL), ("SIGQUIT", signal.SIG_DFL)):
    number = getattr(signal, name, None)
    if number is not None and signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)


# -- logging is as a test found it -----------------------------------------------------


def loggers() -> dict[str, logging.Logger]:
    """Return every logger that there is."""
    known = logging.Logger.manager.loggerDict
    return {name: one for name, one in list(known.items()) if isinstance(one, logging.Logger)}


@pytest.fixture(autouse=True)
def loggers_as_found():
    """Undo what a test does to loggers, and what a package does that is imported in it: some quieten others' for good."""
    before = {name: (one.level, one.disabled, one.propagate) for name, one in loggers().items()}
    yield
    for name, one in loggers().items():
        found = before.get(name, (logging.NOTSET, False, True))
        if (one.level, one.disabled, one.propagate) != found:
            one.setLevel(found[0])
            one.disabled, one.propagate = found[1:]


# -- the network ends at this machine --------------------------------------------------


def is_of_this_machine(host) -> bool:
    """Return whether *host* can only be this machine."""
    if isinstance(host, (bytes, bytearray)):
        host = bytes(host).decode("ascii", "replace")
    if host is None or host in ("", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def refuse_other_machines(event, args) -> None:
    """Raise when the process is about to speak to another machine: an audit hook."""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = args[1]
        host = address[0] if isinstance(address, tuple) and address else None
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    if not is_of_this_machine(host):
        msg = f"a test may speak to this machine only, not to {host!r}"
        raise ConnectionError(msg)


# A hook cannot be taken away again, which is what a guard should be like.
sys.addaudithook(refuse_other_machines)


# -- other people's packages -----------------------------------------------------------

REAL_PACKAGES = runpy.run_path(str(Path(__file__).parent / "data" / "scripts" / "real_packages.py"))
ENVIRONMENT_AS_FOUND = dict(os.environ)


@pytest.fixture(scope="session")
def environment_as_found():
    """Return the environment that the tests were started in: installers may need a proxy, which no test sees."""
    return dict(ENVIRONMENT_AS_FOUND)


@pytest.fixture(scope="session")
def python_with(tmp_path_factory):
    """Return a function from requirements to the interpreter of an environment that has them, made once a session."""
    return REAL_PACKAGES["RealPackages"](tmp_path_factory.mktemp("packages"), dict(ENVIRONMENT_AS_FOUND)).python_with


# -- nothing is left behind ------------------------------------------------------------


def children() -> set[int]:
    """Return the ids of this process's children, where the system tells them."""
    found = set()
    try:
        for task in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{task}/children", encoding="ascii") as file:
                found.update(int(word) for word in file.read().split())
    except OSError:
        pass
    return found


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """Fail a test that leaves a thread or a child process, or a file in the root of the system, where root may write."""
    top_before = set(os.listdir(os.sep))
    threads_before = set(threading.enumerate())
    children_before = children()
    yield
    deadline = time.monotonic() + LEFTOVERS_MAY_TAKE_SECS
    pause = threading.Event()
    while True:
        threads = set(threading.enumerate()) - threads_before
        left = children() - children_before
        if not (threads or left) or time.monotonic() > deadline:
            break
        pause.wait(0.01)
    names = sorted(thread.name for thread in threads)
    assert not names, f"the test left threads behind: {', '.join(names)}"
    assert not left, f"the test left child processes behind: {sorted(left)}"
    made = sorted(set(os.listdir(os.sep)) - top_before)
    assert not made, f"the test made, where no test has anything to write: {made}"
