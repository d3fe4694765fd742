"""
Heartbeats on their way into PostgreSQL: the document, and its facts in tables beside it.

All that came together is added a table at a time. No question reads a document again; it is kept
because a later one may ask what this one did not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ._answers import Stored
from ._heartbeat_facts import counts_of, profile_of
from ._postgres_events import digest_of
from ._postgres_numbers import INSTALLATIONS, LABELS, PROFILES, find_numbers
from ._postgres_schema import WRITING
from ._postgres_server import Session, columns_of
from ._postgres_tallies import Tallies
from ._spans import week_of
from ._text import storable

__all__ = ["add_heartbeats"]

_INSERT = """
INSERT INTO heartbeats (number, received_at, installation, profile, heartbeat_id)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::integer[], %s::integer[], %s::text[])
    AS came (number, received_at, installation, profile, heartbeat_id)
ORDER BY heartbeat_id COLLATE "C" ON CONFLICT (heartbeat_id) DO NOTHING RETURNING number
"""
_ADD_WEEKS = """
INSERT INTO installation_weeks (installation, week)
SELECT DISTINCT * FROM unnest(%s::integer[], %s::integer[]) AS w (installation, week) ORDER BY 1, 2 ON CONFLICT DO NOTHING
"""
_ADD_DOCUMENTS = "INSERT INTO heartbeat_documents (number, document) SELECT * FROM unnest(%s::bigint[], %s::text[])"
_ADD_COUNTS = "INSERT INTO heartbeat_counts (heartbeat, label, count) SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::bigint[])"
# Only a clock that was set back brings an earlier first time, and then the profile goes with it.
_HEAR_INSTALLATIONS = """
WITH heard (number, first_at, first_profile, last_at) AS (
    SELECT * FROM unnest(%s::integer[], %s::bigint[], %s::integer[], %s::bigint[])
), locked AS (
    SELECT i.number FROM installations AS i JOIN heard USING (number) ORDER BY i.number FOR UPDATE OF i
)
UPDATE installations AS i SET
    first_profile = CASE WHEN h.first_at < i.first_at THEN h.first_profile ELSE i.first_profile END,
    first_at = least(i.first_at, h.first_at),
    last_at = greatest(i.last_at, h.last_at)
FROM heard AS h JOIN locked USING (number) WHERE i.number = h.number
"""
_HEAR_PROFILES = """
UPDATE profiles AS p SET first_at = heard.first_at FROM unnest(%s::integer[], %s::bigint[]) AS heard (number, first_at)
WHERE p.number = heard.number AND heard.first_at < p.first_at
"""

_Received = Sequence[tuple[Mapping[str, Any], int]]
_Beat = tuple[int, int, int, int, str]  # number, received_at, installation, profile, heartbeat_id


def add_heartbeats(session: Session, received: _Received) -> list[Stored]:
    """Do `Intake.add_heartbeats`."""
    session.run("SELECT pg_advisory_xact_lock_shared(%s, %s)", WRITING)
    ids = [document["heartbeat_id"] for document, _ in received]
    known = {row[0] for row in session.rows("SELECT heartbeat_id FROM heartbeats WHERE heartbeat_id = ANY(%s::text[])", [ids])}
    first: dict[str, int] = {}
    for place, heartbeat_id in enumerate(ids):
        if heartbeat_id not in known:
            first.setdefault(heartbeat_id, place)
    beats = _insert(session, [received[place] for place in first.values()])
    stored = {beat[4]: beat for beat in beats}
    tallies, answer = Tallies(session), []
    for place, (document, moment) in enumerate(received):
        is_new = ids[place] in stored and first[ids[place]] == place
        answer.append(Stored(1, 0) if is_new else Stored(0, 1))
        tallies.add(document["app"], "heartbeats", answer[-1], moment)
    if beats:
        _add_facts(session, beats, {document["heartbeat_id"]: document for document, _ in reversed(received)})
    tallies.finish()
    return answer


def _insert(session: Session, received: _Received) -> list[_Beat]:
    """Return the heartbeats that were not there, in the order in which they came."""
    if not received:
        return []
    profiles = []
    wanted: dict[tuple[bytes], tuple[Any, ...]] = {}
    for document, moment in received:
        profile = tuple(storable(word) for word in profile_of(document))
        profiles.append((digest_of(profile),))
        wanted.setdefault(profiles[-1], (*profile, moment))
    profile_numbers = find_numbers(session, PROFILES, wanted)
    owners = [(document["anonymous_id"], document["app"]) for document, _ in received]
    new: dict[tuple[str, str], tuple[int, int, int]] = {}
    for owner, profile_key, (_, moment) in zip(owners, profiles, received):
        new.setdefault(owner, (moment, profile_numbers[profile_key], moment))
    installations = find_numbers(session, INSTALLATIONS, new)
    # Drawn before, because they go in by another order than they came.
    drawn = session.rows(
        "SELECT nextval(pg_get_serial_sequence('heartbeats', 'number')) FROM generate_series(1, %s)", [len(received)]
    )
    beats = [
        (number, moment, installations[owner], profile_numbers[profile_key], document["heartbeat_id"])
        for (number,), (document, moment), owner, profile_key in zip(drawn, received, owners, profiles)
    ]
    fresh = {row[0] for row in session.rows(_INSERT, columns_of(beats))}
    return [beat for beat in beats if beat[0] in fresh]


def _add_facts(session: Session, beats: Sequence[_Beat], documents: Mapping[str, Mapping[str, Any]]) -> None:
    heard: dict[int, tuple[int, int, int]] = {}
    first_of_profile: dict[int, int] = {}
    for _, moment, installation, profile, _ in beats:
        first_at, first_profile, last_at = heard.get(installation, (moment, profile, moment))
        if moment < first_at:
            first_at, first_profile = moment, profile
        heard[installation] = (first_at, first_profile, max(last_at, moment))
        first_of_profile[profile] = min(moment, first_of_profile.get(profile, moment))
    session.run(_HEAR_PROFILES, columns_of(first_of_profile.items()))
    session.run(_HEAR_INSTALLATIONS, columns_of((number, *told) for number, told in heard.items()))
    session.run(_ADD_WEEKS, columns_of((beat[2], week_of(beat[1])) for beat in beats))
    texts = (json.dumps(documents[beat[4]], separators=(",", ":")) for beat in beats)
    session.run(_ADD_DOCUMENTS, columns_of((beat[0], text) for beat, text in zip(beats, texts)))
    counts = [
        (beat[0], (counted.kind, storable(counted.name)), counted.times) for beat in beats for counted in counts_of(documents[beat[4]])
    ]
    labels = find_numbers(session, LABELS, dict.fromkeys((label for _, label, _ in counts), ()))
    if counts:
        session.run(_ADD_COUNTS, columns_of((number, labels[label], times) for number, label, times in counts))

