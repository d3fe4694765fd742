"""
Documents of somebody who wishes the page's reader ill, as they would be posted.

Every place that a sender can fill holds, one after the other, what breaks pages: markup, SQL,
templates, addresses, text that turns round or cannot be seen, and names as long and as wide as
the collector lets through.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

LENGTH = 128  # of a name in an event, see `NAME_CHARACTERS_MAX`

TEXTS = (
    "<script>window.harmed = 1</script>",
    "<img src=x onerror='window.harmed = 1'>",
    '"><svg onload=window.harmed=1><style>*{display:none}</style>',
    "</title></textarea></option></select><h1 id=harmed>harmed</h1>",
    "'-window.harmed--' onfocus=window.harmed=1 autofocus tabindex=1 x='",
    "javascript:window.harmed=1//https://evil.example/?a=b&c=d#e",
    "'; DROP TABLE events; -- \" OR 1=1",
    "{{ 7 * 7 }}{% raw %}{#${7*7}<%= 7 %>",
    "=HYPERLINK(\"https://evil.example\")",
    "&lt;b&gt;&amp;&#60;i&#62;",
    "a\u202egpj.exe\u202c \u2066left\u2069 \u200fright \u061c",
    "zero\u200bwidth\u200d\ufeff\u00adjoin\u2060er\u3164filler\ufe0f",
    "bell\x07escape\x1b[31m\x00nul\nline\r\u2028\x85end",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 (right to left) 1-2",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324\u031e\u0349\u035a\u032f\u031e\u0320\u034dA\u0300" * 2,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f1e9\U0001f1ea" * 9,
    "W" * LENGTH,
    "\ufdfd" * LENGTH,  # the widest character there is
    "\u2e3b" * LENGTH,
    "name with spaces " * 8,
    "i" * (LENGTH - 4) + ".end",
    " ",
    "half \ud83d and half \udc00",
    "../../etc/passwd?tool=a&tool=b%00%2e#x",
    "unknown",
    "other",
    "all",
)
# What the patterns of a heartbeat and of a client's name still let through.
WORDS = ("w" * 64, "constructor", "__proto__", "x" + "_m" * 30, "m" * 64, "toString", "a", "other")
VERSIONS = ("9" * 64, "v1.0.0", "1.0.0-" + "W" * 58, "0" * 20 + ".1", "1!2.3~4+5_6", "v" + "99999999." * 6 + "9", "W" * 64)
CLIENTS = ("c" * 64, "constructor", "__proto__", "m" * 64, "x--y.._z", "<b>bold</b>", *TEXTS[:3])
EMAILS = ('"<script>window.harmed=1</script>"@evil.example', "a@" + "w" * 189, "javascript:window.harmed=1@x", "?subject=x&bcc=y@evil.example")


def fit(text: str) -> str:
    """Return *text* as long as a name may be."""
    return text[:LENGTH]


def batches(now: int) -> Iterator[dict[str, Any]]:
    """Yield batches of events of the days before *now* with such text in every name of theirs."""
    for place, text in enumerate(TEXTS):
        events = []
        for number in range(6):
            at = now - (place * 37 + number * 11) % 700 * 3600 - 60
            is_error = number % 2 == 1
            event = {
                "tool": fit(TEXTS[(place + number) % len(TEXTS)] if number else text),
                "routing_decision": fit(TEXTS[(place + 2 * number + 1) % len(TEXTS)]),
                "routing_detail": fit(TEXTS[(place + 3) % len(TEXTS)]),
                "upstream": fit(TEXTS[(place + 4) % len(TEXTS)]),
                "status": "error" if is_error else "success",
                "latency_ms": (0, 1, 59_999, 86_400_000, 2**53 - 1, 10**12)[number],
                "timestamp_secs": at,
                "client": CLIENTS[(place + number) % len(CLIENTS)],
                "was_fallback": True,
                "id": f"hostile-{place}-{number}",
            }
            if is_error:
                event["error_type"] = ("timeout", "a_word_of_tomorrow", "tool_error")[number // 2]
            events.append(event)
        yield {"app": fit(text), "version": fit(TEXTS[(place + 5) % len(TEXTS)]), "events": events}
    wild = [
        {"tool": "when", "routing_decision": "local_only", "status": "success", "latency_ms": 1, "timestamp_secs": at, "id": f"wild-{at}"}
        for at in (0, 1, 253_402_300_799, now + 400 * 86_400)
    ]
    yield {"app": "clocks", "version": "v1", "events": wild}
    many = [
        {"tool": f"tool_{number:04}_{'x' * 40}", "routing_decision": "local_only", "status": "success", "latency_ms": number, "timestamp_secs": now - 7200}
        for number in range(1500)
    ]
    yield {"app": "many", "version": "v1", "events": many}


def heartbeats(full: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield heartbeats like *full* with such words in every place that is not closed."""
    most = 9_007_199_254_740_991
    for number, version in enumerate(VERSIONS):
        tools = {f"{WORDS[(number + place) % len(WORDS)]}"[:64]: most - place for place in range(len(WORDS))}
        yield {
            **full,
            "app": ("a" * 63, "acme-mcp", "w" * 63)[number % 3],
            "anonymous_id": f"00000000-0000-4000-8000-{number:012}",
            "heartbeat_id": f"00000000-0000-4000-9000-{number:012}",
            "version": version,
            "current_version": version,
            "previous_version": VERSIONS[number - 1],
            "edition": "e" * 32,
            "python_version": ("99.999.999rc999+", "3.9", "3.12.1")[number % 3],
            "server_count": most,
            "builtin_tool_calls": tools,
            "builtin_tool_errors": tools,
            "builtin_tool_durations": {name: {"le_10ms": most, "over_10s": most} for name in tools},
            "surface_requests": {"mcp": most, "cli": most},
            "error_category_counts": {word: most for word in ("w" * 64, "oauth_token_expired", "constructor")},
            "env_kind": ("interactive", "an_env_of_tomorrow", "ci")[number % 3],
            "launch_source": ("a_source_of_tomorrow", "cli")[number % 2],
            "activation": {
                **full["activation"],
                "mcp_clients_seen_ever": ["c" * 64, "m" * 64, "constructor", "a.b-c_d", "0"],
                "milestones": {word: True for word in ("w" * 64, "constructor", "m" * 64)},
            },
        }


def feedback(full: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield feedback with such text as its message and address."""
    context = {name: full[name] for name in ("version", "edition", "os", "arch", "server_count", "connected_server_count", "routing_mode")}
    long = "".join(f"{text}\n" for text in TEXTS)
    for number, text in enumerate((*(one.ljust(10, ".") for one in TEXTS), (long * 9)[:5000], "W" * 5000, "\n" * 40, " " * 4999 + ".")):
        yield {
            "app": "a" * 63,
            "category": ("bug", "feature", "other")[number % 3],
            "message": text,
            "email": EMAILS[number % len(EMAILS)],
            "context": {**context, "version": VERSIONS[number % len(VERSIONS)]},
        }


def as_body(document: dict[str, Any]) -> bytes:
    """Return *document* as it is posted."""
    return json.dumps(document).encode()
