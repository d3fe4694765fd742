"""Bad input shows at construction, in an error that names the argument, the value and the mend."""

from __future__ import annotations

import contextlib

import pytest

from mcptelemetry.events import (
    PipelineConfig,
    TelemetryAuth,
    TelemetryBatch,
    TelemetryBuffer,
    TelemetryEvent,
    TelemetryPipeline,
    TelemetryUploader,
)

# The arguments, the error, and what its message must hold: argument, value, what is allowed.
BAD_CONFIGS = [
    ({"endpoint": "ftp://t.acme.dev/e"}, ValueError, ["endpoint='ftp://t.acme.dev/e'", "https://"]),
    ({"endpoint": "t.acme.dev/events"}, ValueError, ["endpoint='t.acme.dev/events'", "https://"]),
    ({"endpoint": ""}, ValueError, ["endpoint=''", "https://"]),
    ({"endpoint": "https://"}, ValueError, ["endpoint='https://'", "names no host"]),
    ({"endpoint": "https:///events"}, ValueError, ["endpoint=", "names no host"]),
    ({"endpoint": "https://h:99999/e"}, ValueError, ["endpoint='https://h:99999/e'", "Port"]),
    ({"endpoint": "https://h:port/e"}, ValueError, ["endpoint='https://h:port/e'", "ort"]),
    ({"endpoint": "https://[::1/e"}, ValueError, ["endpoint=", "not a URL"]),
    ({"endpoint": "https://t.acme.dev/a b"}, ValueError, ["endpoint=", "spaces"]),
    ({"endpoint": "https://t.acme.dev/\n"}, ValueError, ["endpoint=", "control characters"]),
    ({"endpoint": "http://t.acme.dev/e"}, ValueError, ["endpoint='http://t.acme.dev/e'", "https://"]),
    ({"endpoint": "http://192.0.2.1/e"}, ValueError, ["endpoint=", "https://"]),
    ({"endpoint": "http://127.0.0.1.evil.example/e"}, ValueError, ["endpoint=", "https://"]),
    ({"endpoint": "file://host/e.jsonl", "format": "jsonl"}, ValueError, ["endpoint=", "file:///"]),
    ({"endpoint": "file:///e%00.jsonl", "format": "jsonl"}, ValueError, ["endpoint=", "control characters"]),
    ({"endpoint": "file:///tmp/e.jsonl"}, ValueError, ["format='json'", "'jsonl'"]),
    ({"endpoint": "https://h/e", "format": "jsonl"}, ValueError, ["format='jsonl'", "'json'"]),
    ({"endpoint": "http://127.0.0.1%2eevil.example/"}, ValueError, ["endpoint=", "plainly"]),
    ({"endpoint": "http://127.0.0.1%25x.evil.example/"}, ValueError, ["endpoint=", "plainly"]),
    ({"endpoint": "https://127.0.0.1%2eevil.example/"}, ValueError, ["endpoint=", "plainly"]),
    ({"endpoint": "http://localhost%2eevil.example/"}, ValueError, ["endpoint=", "plainly"]),
    ({"endpoint": "http://[::1%25lo]/"}, ValueError, ["endpoint=", "plainly"]),
    ({"endpoint": "http://[::1]evil.example/"}, ValueError, ["endpoint="]),
    ({"endpoint": "http://evil.example[::1]/"}, ValueError, ["endpoint="]),
    ({"endpoint": "http://127.0.0.1\\.evil.example/"}, ValueError, ["endpoint=", "plainly"]),
    ({"endpoint": "http://evil.localhost/e"}, ValueError, ["endpoint='http://evil.localhost/e'", "https://"]),
    ({"endpoint": 5}, TypeError, ["endpoint=5", "URL"]),
    ({"endpoint": b"https://h/e"}, TypeError, ["endpoint=b'https://h/e'", "URL"]),
    ({"batch_size": 0}, ValueError, ["batch_size=0", "from 1"]),
    ({"batch_size": -5}, ValueError, ["batch_size=-5", "from 1"]),
    ({"batch_size": "ten"}, TypeError, ["batch_size='ten'", "whole number"]),
    ({"batch_size": 1.5}, TypeError, ["batch_size=1.5", "whole number"]),
    ({"batch_size": True}, TypeError, ["batch_size=True", "whole number"]),
    ({"batch_size": None}, TypeError, ["batch_size=None", "whole number"]),
    ({"batch_interval_secs": 0}, ValueError, ["batch_interval_secs=0", "from 1"]),
    ({"batch_interval_secs": -1}, ValueError, ["batch_interval_secs=-1", "from 1"]),
    ({"batch_interval_secs": 0.5}, ValueError, ["batch_interval_secs=0.5", "from 1"]),
    ({"batch_interval_secs": float("nan")}, ValueError, ["batch_interval_secs=nan", "from 1"]),
    ({"batch_interval_secs": float("inf")}, ValueError, ["batch_interval_secs=inf", "from 1"]),
    ({"batch_interval_secs": "30"}, TypeError, ["batch_interval_secs='30'", "seconds"]),
    ({"batch_interval_secs": True}, TypeError, ["batch_interval_secs=True", "seconds"]),
    ({"offline_queue_max": -1}, ValueError, ["offline_queue_max=-1", "from 0"]),
    ({"offline_queue_max": "many"}, TypeError, ["offline_queue_max='many'", "whole number"]),
    ({"offline_queue_max": 10.0}, TypeError, ["offline_queue_max=10.0", "whole number"]),
    ({"enabled": "yes"}, TypeError, ["enabled='yes'", "true or false"]),
    ({"enabled": 1}, TypeError, ["enabled=1", "true or false"]),
    ({"format": "xml"}, ValueError, ["format='xml'", "json"]),
    ({"format": 7}, TypeError, ["format=7", "json"]),
    ({"compression": "zip"}, ValueError, ["compression='zip'", "gzip"]),
    ({"compression": 9}, TypeError, ["compression=9", "gzip"]),
    ({"token_key": 9}, TypeError, ["token_key=9", "environment variable"]),
    ({"spool": "no"}, TypeError, ["spool='no'", "true or false"]),
]


@pytest.mark.parametrize(("arguments", "error", "held"), BAD_CONFIGS)
def test_config_refuses_what_cannot_work(arguments, error, held):
    """A setting of the wrong type or range is refused when it is given."""
    with pytest.raises(error) as caught:
        PipelineConfig(**arguments)
    assert type(caught.value) is error
    for part in held:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("endpoint", [
        "https://user:hunter2@t.acme.dev/e",
        "http://hunter2@127.0.0.1/e",
        "https://user:hunter2/x@t.acme.dev/e",
        "https://user:x/hunter2@t.acme.dev/e",
        "https://user:hunter2?x@t.acme.dev/e",
        "https://user:12#hunter2@t.acme.dev/e",
        "https://user:12/hunter2@t.acme.dev/e",
        "https://us[er:hunter2@t.acme.dev/e",
        "https:/user:hunter2@t.acme.dev/e",
        "https://user:@hunter2@t.acme.dev/e",
    ])
def test_credentials_in_an_endpoint_are_refused_and_not_repeated(endpoint):
    """A password in the URL is refused, and the message does not hold it."""
    with pytest.raises(ValueError, match="bearer token") as caught:
        PipelineConfig(endpoint=endpoint)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value.__cause__)
    assert "hunter2" not in repr(caught.value.__context__)


def test_query_of_an_endpoint_stands_in_no_representation():
    """A key in the query goes to the endpoint, and into no `repr`."""
    endpoint = "https://t.acme.dev/e?key=hunter2"
    config = PipelineConfig(endpoint=endpoint)
    assert config.endpoint == endpoint
    assert "hunter2" not in repr(config)
    with contextlib.closing(TelemetryUploader(endpoint, environ={})) as uploader:
        assert "hunter2" not in repr(uploader)


@pytest.mark.parametrize(
    "arguments",
    [
        {"offline_queue_max": 0},
        {"batch_size": 1, "batch_interval_secs": 1},
        {"batch_interval_secs": 1.5},
        {"endpoint": "https://t.acme.dev"},
        {"endpoint": "HTTPS://t.acme.dev/e"},
        {"endpoint": "http://localhost:4318/e"},
        {"endpoint": "http://127.8.8.8/e"},
        {"endpoint": "http://[::1]:80/e"},
        {"endpoint": "file:///var/log/e.jsonl", "format": "jsonl"},
    ],
)
def test_config_takes_the_limits_themselves(arguments):
    """What lies just within the limits is taken."""
    config = PipelineConfig(**arguments)
    for name, value in arguments.items():
        assert getattr(config, name) == value


def test_capacity_is_at_least_sixteen():
    """However small the queue is asked for, sixteen events wait."""
    assert TelemetryPipeline(PipelineConfig(offline_queue_max=0)).buffer.capacity == 16
    assert TelemetryPipeline(PipelineConfig(offline_queue_max=17)).buffer.capacity == 17


@pytest.mark.parametrize("app", ["Bad Name", "", "Acme", "1st", "a_b", "a" * 64, "-a", "acme\n", "ä"])
@pytest.mark.parametrize(
    "make", [lambda app: TelemetryPipeline(app=app), lambda app: TelemetryUploader("https://h/e", app=app)]
)
def test_application_name_is_checked_at_construction(make, app):
    """An application's name that could not be one is refused, with what is allowed."""
    with pytest.raises(ValueError, match="lower-case letters, digits and hyphens") as caught:
        make(app)
    assert f"app={app!r}" in str(caught.value)


@pytest.mark.parametrize(
    ("make", "error", "held"),
    [
        (lambda: TelemetryPipeline({"batch_size": 5}), TypeError, ["config", "PipelineConfig", "dict"]),
        (lambda: TelemetryPipeline(app=5), TypeError, ["app", "str", "int"]),
        (lambda: TelemetryPipeline(version=1.4), TypeError, ["version", "str", "float"]),
        (lambda: TelemetryPipeline(clock=5), TypeError, ["clock", "time()", "int"]),
        (lambda: TelemetryBuffer(0), ValueError, ["capacity=0", "1 event or more"]),
        (lambda: TelemetryBuffer(-1), ValueError, ["capacity=-1", "1 event or more"]),
        (lambda: TelemetryBuffer("10"), TypeError, ["capacity", "int", "str"]),
        (lambda: TelemetryBuffer(True), TypeError, ["capacity", "int", "bool"]),
        (lambda: TelemetryUploader(None), TypeError, ["endpoint", "str", "NoneType"]),
        (lambda: TelemetryUploader("http://h/e"), ValueError, ["endpoint='http://h/e'", "allow_insecure"]),
        (lambda: TelemetryUploader("https://h/e", "token"), TypeError, ["auth", "TelemetryAuth", "str"]),
        (lambda: TelemetryUploader("https://h/e", timeout=0), ValueError, ["timeout=0", "more than 0"]),
        (lambda: TelemetryUploader("https://h/e", timeout=-1), ValueError, ["timeout=-1", "more than 0"]),
        (
            lambda: TelemetryUploader("https://h/e", timeout=float("nan")),
            ValueError,
            ["timeout=nan", "more than 0"],
        ),
        (lambda: TelemetryUploader("https://h/e", timeout="5"), TypeError, ["timeout", "seconds", "str"]),
        (lambda: TelemetryUploader("https://h/e", timeout=None), TypeError, ["timeout", "seconds"]),
        (
            lambda: TelemetryUploader("https://h/e", compression="br"),
            ValueError,
            ["compression='br'", "gzip"],
        ),
        (lambda: TelemetryAuth(5), TypeError, ["bearer_token", "str", "int"]),
        (lambda: TelemetryBatch([{}]), TypeError, ["events", "TelemetryEvent", "dict"]),
        (lambda: TelemetryBatch([], app=5), TypeError, ["app", "str", "int"]),
        (lambda: TelemetryBatch([], version=5), TypeError, ["version", "str", "int"]),
    ],
)
def test_constructor_refuses_what_cannot_work(make, error, held):
    """A constructor says which argument cannot be used, and what could."""
    with pytest.raises(error) as caught:
        make()
    for part in held:
        assert part in str(caught.value)


@pytest.mark.parametrize("token", ["secret\n", "sec\rret", "s\u00e9cret", "secret\x00"])
def test_token_that_no_header_could_hold_is_refused_unseen(token):
    """A token with a line break or beyond ASCII is refused; the message does not show it."""
    with pytest.raises(ValueError, match="bearer_token") as caught:
        TelemetryAuth(token)
    assert "ret" not in str(caught.value)


def test_token_is_in_no_repr():
    """Credentials and uploader may be printed."""
    auth = TelemetryAuth("hunter2")
    assert repr(auth) == "TelemetryAuth(bearer_token=***)"
    assert repr(TelemetryAuth()) == "TelemetryAuth()"
    assert "hunter2" not in repr(TelemetryUploader("https://t.acme.dev/e", auth))


def test_uploader_may_send_in_the_clear_when_it_was_told_to():
    """With `allow_insecure` another machine may be reached by plain HTTP."""
    uploader = TelemetryUploader("http://t.acme.dev/e", allow_insecure=True)
    assert uploader.endpoint == "http://t.acme.dev/e"


def test_mend_of_a_clear_endpoint_names_only_arguments_that_exist():
    """`allow_insecure` is suggested by those who have it; `Telemetry` has not, and suggests nothing."""
    for build in (lambda: TelemetryUploader("http://t.acme.dev/e"), lambda: PipelineConfig(endpoint="http://t.acme.dev/e")):
        with pytest.raises(ValueError, match="use https://, or say allow_insecure=True$"):
            build()
    assert PipelineConfig(endpoint="http://t.acme.dev/e", allow_insecure=True).allow_insecure


@pytest.mark.parametrize("value", [None, 5, "get_issues", {"tool": "a"}, object()])
def test_record_counts_what_is_no_event_and_never_raises(value):
    """A value that is no event is counted as invalid; nothing is raised and nothing waits."""
    pipeline = TelemetryPipeline()
    pipeline.buffer.record(value)
    stats = pipeline.stats()
    assert (stats.recorded, stats.invalid, stats.buffered) == (0, 1, 0)


def test_event_that_is_recorded_counts_once():
    """The account begins at zero and counts what came."""
    pipeline = TelemetryPipeline()
    pipeline.buffer.record(TelemetryEvent("a", "local_only"))
    stats = pipeline.stats()
    assert (stats.recorded, stats.buffered, stats.invalid) == (1, 1, 0)
