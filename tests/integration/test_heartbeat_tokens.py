"""No token leaves by a heartbeat, in whatever place of it that is not a closed word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcptelemetry.privacy import AnonymityViolation, scan_for_pii

DATA = Path(__file__).parents[1] / "data"
FULL = json.loads((DATA / "heartbeat" / "full.json").read_text())
TOKENS = ["".join(row["parts"]) for row in json.loads((DATA / "token_shapes.json").read_text())]
PLACES = {
    "routing_mode": lambda token: {"routing_mode": token},
    "edition": lambda token: {"edition": token},
    "version": lambda token: {"version": token},
    "previous_version": lambda token: {"previous_version": f"v1.0+{token}"},
    "client": lambda token: {"activation": {**FULL["activation"], "mcp_clients_seen_ever": ["cursor", token]}},
    "tool": lambda token: {"builtin_tool_calls": {token: 1}},
    "route": lambda token: {"rest_endpoint_calls": {f"GET /api/{token}": {"2xx": 1}}},
    "category": lambda token: {"error_category_counts": {token: 1}},
    "check": lambda token: {"doctor_checks": {token: {"pass": 1, "fail": 0}}},
    "flag": lambda token: {"flags": {token: True}},
}


def test_the_document_without_a_token_passes():
    """The example itself may leave."""
    scan_for_pii(json.dumps(FULL))


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("place", PLACES)
def test_every_token_example_in_every_open_place_is_refused(place, token):
    """A made-up token in a documented format is refused, and nothing of it is told."""
    with pytest.raises(AnonymityViolation) as caught:
        scan_for_pii(json.dumps({**FULL, **PLACES[place](token)}))
    assert token[-10:] not in str(caught.value)
