"""The hooks of servers that fork by C code or end without a word: used when loaded, never imported."""

from __future__ import annotations

import os
import sys
import types

import pytest

from mcptelemetry.system._hosts import join_host, may_start_thread


@pytest.fixture
def uwsgi(monkeypatch):
    """Stand in for the module that exists only inside of the server."""
    module = types.ModuleType("uwsgi")
    module.worker_id = lambda: 0
    module.masterpid = os.getpid
    monkeypatch.setitem(sys.modules, "uwsgi", module)
    return module


def test_host_none_is_imported():
    """Without a server nothing is loaded, and threads may start."""
    before = set(sys.modules)
    join_host()
    assert may_start_thread()
    assert set(sys.modules) - before <= {"_xxsubinterpreters"}  # the interpreter's own


@pytest.mark.parametrize(
    ("worker", "master", "may"),
    [
        (0, os.getpid(), False),  # the master, which loads the application and then forks
        (0, 0, False),  # a server without a master, before it serves
        (1, os.getpid() + 1, True),
        (1, 0, True),
        (0, os.getpid() + 1, True),  # a mule or a spooler
    ],
)
def test_host_threads_start_where_uwsgi_does_not_fork(uwsgi, worker, master, may):
    """Only where C code will still fork, no thread is started."""
    uwsgi.worker_id, uwsgi.masterpid = (lambda: worker), (lambda: master)
    assert may_start_thread() is may


def test_host_something_else_called_uwsgi_changes_nothing(uwsgi):
    """A module of that name without its functions is none of our business."""
    del uwsgi.worker_id
    join_host()
    assert may_start_thread()
    assert not hasattr(uwsgi, "post_fork_hook")


def test_host_post_fork_hook_is_chained_once(uwsgi):
    """Whatever hook was there is called in each worker, once, however often the server is joined."""
    calls = []
    uwsgi.post_fork_hook = lambda: calls.append("host's")
    for _ in range(5):
        join_host()
    uwsgi.post_fork_hook()
    assert calls == ["host's"]


def test_host_post_fork_hook_that_was_replaced_is_chained_again(uwsgi):
    """A host that sets a hook of its own later, without looking, takes ours away only until the next time."""
    join_host()
    ours = type(uwsgi.post_fork_hook)
    uwsgi.post_fork_hook = lambda: None
    join_host()
    assert type(uwsgi.post_fork_hook) is ours


def test_host_celery_signals_are_connected_once(monkeypatch):
    """Both signals of a child's life get one receiver each."""

    class Signal:
        def __init__(self):
            self.receivers = {}

        def connect(self, receiver, *, weak, dispatch_uid):
            assert not weak
            self.receivers[dispatch_uid] = receiver

    module = types.ModuleType("celery.signals")
    module.worker_process_init, module.worker_process_shutdown = Signal(), Signal()
    monkeypatch.setitem(sys.modules, "celery.signals", module)
    join_host()
    join_host()
    for signal in (module.worker_process_init, module.worker_process_shutdown):
        assert len(signal.receivers) == 1
