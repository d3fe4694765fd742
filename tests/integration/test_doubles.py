"""The doubles that listen: what they receive, what they remember, and that they end."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading

import pytest
import requests

from mcptelemetry.events import TelemetryBatch, TelemetryEvent
from mcptelemetry.testing import (
    HOSTILE_BEHAVIOURS,
    HostileServer,
    InProcessCollector,
    ScriptedServer,
    SocketServer,
    never_resolve_names,
    refusing_url,
)


def event(number: int) -> TelemetryEvent:
    return TelemetryEvent("get_issues", "local_only", latency_ms=number, timestamp_secs=1, id=f"p-{number}")


def body(*numbers: int) -> bytes:
    return TelemetryBatch([event(number) for number in numbers], app="acme-mcp", version="v1").to_json()


def post(url: str, data: bytes) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, data=data, headers={"Content-Type": "application/json"}, timeout=10)


def test_in_process_collector_shows_what_was_stored():
    """What was posted is there afterwards, in order, with the application it came from."""
    with InProcessCollector() as collector:
        assert post(collector.events_url, body(1, 2)).status_code == 202
        assert collector.events() == [event(1), event(2)]
        assert collector.senders() == [("acme-mcp", "v1")] * 2
        assert collector.request_count == 1


def test_in_process_collector_fails_every_nth_request():
    """A request that is failed on order is not looked at."""
    with InProcessCollector(fail_every=3, fail_status=500) as collector:
        statuses = [post(collector.events_url, body(number)).status_code for number in range(6)]
        assert statuses == [202, 202, 500, 202, 202, 500]
        assert [stored.latency_ms for stored in collector.events()] == [0, 1, 3, 4]
        assert (collector.request_count, collector.failed_count) == (6, 2)


def test_in_process_collector_loses_an_answer_after_storing():
    """The batch is stored and the sender sees the connection end."""
    with InProcessCollector(lose_answer_every=2) as collector:
        assert post(collector.events_url, body(1)).status_code == 202
        with pytest.raises(requests.ConnectionError):
            post(collector.events_url, body(2))
        assert collector.events() == [event(1), event(2)]
        assert collector.lost_answer_count == 1


def test_in_process_collector_wants_its_token():
    """With a token, a sender without it is refused."""
    with InProcessCollector(token="secret") as collector:
        assert post(collector.events_url, body(1)).status_code == 401


def test_scripted_server_answers_from_its_script_and_remembers():
    """Statuses, bodies, headers and hanging up come in the order of the script."""
    with ScriptedServer(500, (429, b"slow", {"Retry-After": "7"}), lambda _request: None) as server:
        assert post(server.events_url, b"1").status_code == 500
        answer = post(server.events_url, b"2")
        assert (answer.status_code, answer.content, answer.headers["Retry-After"]) == (429, b"slow", "7")
        with pytest.raises(requests.ConnectionError):
            post(server.events_url, b"3")
        assert post(server.events_url, b"4").status_code == 202
        assert [request.body for request in server.requests] == [b"1", b"2", b"3", b"4"]
        assert server.requests[0].path == "/api/telemetry/tool-invocations"


def test_socket_server_ends_with_connections_open():
    """Stopping ends the handlers that are still at it, and may be done twice."""
    server = SocketServer(lambda connection: connection.hold())
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        assert server.wait_for_connections(1)
        server.stop()
        server.stop()
        assert client.recv(1) == b""


@pytest.mark.parametrize("behaviour", sorted(HOSTILE_BEHAVIOURS))
def test_hostile_server_is_documented_and_ends(behaviour):
    """Each behaviour says what it does, and stops although its client is still there."""
    assert HOSTILE_BEHAVIOURS[behaviour].__doc__
    server = HostileServer(behaviour)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}")
        assert server.wait_for_connections(1)
        server.stop()


def test_hostile_server_refuses_an_unknown_behaviour():
    """An unknown name gets the list of those that are."""
    with pytest.raises(ValueError, match=r"behaviour='rude' is not known; there are .*silent"):
        HostileServer("rude")


def test_refusing_url_refuses():
    """A connection to that address is refused, not left waiting."""
    with refusing_url() as url, pytest.raises(requests.ConnectionError, match="refused"):
        post(url, b"{}")


def test_never_resolve_names_hangs_on_names_only():
    """In the process that asked for it an address is found, and a name never."""
    assert callable(never_resolve_names)
    script = """
import json, socket, threading
from mcptelemetry.testing import never_resolve_names
never_resolve_names()
found = socket.getaddrinfo("127.0.0.1", 80)[0][4][0]
looking = threading.Thread(target=socket.getaddrinfo, args=("t.acme.dev", 443), daemon=True)
looking.start()
looking.join(0.2)
print(json.dumps([found, looking.is_alive()]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(done.stdout) == ["127.0.0.1", True]


def test_suite_speaks_to_this_machine_only():
    """A connection to another machine, or the look-up of its name, is refused by the suite's guard."""
    with socket.socket() as sock, pytest.raises(ConnectionError, match="this machine only"):
        sock.connect(("192.0.2.1", 80))
    with pytest.raises(ConnectionError, match="this machine only"):
        socket.getaddrinfo("t.acme.dev", 443)
    assert threading.active_count() >= 1
