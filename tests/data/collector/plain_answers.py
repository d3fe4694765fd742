"""
Every answer of a store, computed a second time: plain Python over all documents, slow and plain.

Written from the definitions, not from any store's code; what is fast there is a loop here.
"""

from __future__ import annotations

import datetime
import functools
import math
import re
from collections import Counter, defaultdict

from mcptelemetry.collector import (
    ROWS_MAX,
    CallFigures,
    Calls,
    CallSpan,
    ClientCalls,
    Cohort,
    ErrorSpan,
    FeedbackCount,
    FeedbackEntry,
    Filter,
    Funnel,
    Health,
    Installations,
    InstallationSpan,
    NamedCount,
    OwnTool,
    Sessions,
    Share,
    ToolCalls,
    ToolFigures,
    ToolSpan,
    VersionCalls,
    VersionChange,
    VersionSpan,
    VersionUse,
)

HOUR, DAY, WEEK = 3600, 86_400, 604_800
MONDAY = 1_750_032_000  # 16 June 2025
OWN_ID = re.compile(r"([0-9a-f]{20})-(0|[1-9][0-9]{0,17})")  # as our senders write it
FACETS = {
    "app": lambda beat: beat["app"],
    "arch": lambda beat: beat["arch"],
    "edition": lambda beat: beat["edition"],
    "env_kind": lambda beat: beat.get("env_kind", "unknown"),
    "launch_source": lambda beat: beat.get("launch_source", "unknown"),
    "os": lambda beat: beat["os"],
    "python": lambda beat: re.match(r"\d+\.\d+|\d+", beat["python_version"])[0],
    "routing_mode": lambda beat: beat["routing_mode"],
}


class PlainAnswers:
    """All documents in memory, asked as a store is."""

    def __init__(self, documents):
        self._events = []
        self._beats = []
        self._feedback = []
        self._fates = []  # moment, app, stream, fate, count
        seen = set()
        for received_at, stream, document in documents:
            if stream == "events":
                app = document.get("app")
                for event in document["events"]:
                    key = (app, event.get("id"), event["timestamp_secs"])
                    known = event.get("id") is not None and key in seen
                    seen.add(key)
                    self._fates.append((received_at, app, "events", "duplicate" if known else "stored", 1))
                    if not known:
                        self._events.append({"app": app, "version": document.get("version"), **event})
            elif stream == "heartbeats":
                known = document["heartbeat_id"] in seen
                seen.add(document["heartbeat_id"])
                self._fates.append((received_at, document["app"], "heartbeats", "duplicate" if known else "stored", 1))
                if not known:
                    self._beats.append((received_at, document))
            elif stream == "feedback":
                self._feedback.append((len(self._feedback) + 1, received_at, document))
                self._fates.append((received_at, document.get("app"), "feedback", "stored", 1))
            else:
                self._fates += [(received_at, None, *name.split(": ", 1), count) for name, count in document.items()]
        self._first_beat = {}
        self._last_beat_at = {}
        for received_at, beat in self._beats:
            owner = (beat["app"], beat["anonymous_id"])
            if owner not in self._first_beat or received_at < self._first_beat[owner][0]:
                self._first_beat[owner] = (received_at, beat)
            self._last_beat_at[owner] = max(received_at, self._last_beat_at.get(owner, 0))

    def close(self):
        """Nothing is held open."""

    def apps(self, asked):
        return dict(rank(Counter(event["app"] or "unknown" for event in self._asked_events(asked, but_app=True))))

    def calls(self, asked):
        events = self._asked_events(asked)
        routes = defaultdict(list)
        for event in events:
            routes[event["tool"], event["routing_decision"]].append(event)
        rows = [ToolCalls(tool, route, figures(group)) for (tool, route), group in routes.items()]
        rows.sort(key=lambda row: (-row.figures.calls, row.tool, row.routing_decision))
        return Calls(rows[:ROWS_MAX], figures(events), max(0, len(rows) - ROWS_MAX))

    def tools(self, asked):
        tools = group_by(self._asked_events(asked), lambda event: event["tool"])
        rows = [ToolFigures(tool, figures(group)) for tool, group in tools.items()]
        return sorted(rows, key=lambda row: (-row.figures.calls, row.tool))[:ROWS_MAX]

    def tool_trends(self, asked, step_secs=DAY, most=50):
        events = self._asked_events(asked)
        names = {name for name, _ in rank(Counter(event["tool"] for event in events))[:most]}
        spans = group_by(
            [event for event in events if event["tool"] in names],
            lambda event: (event["tool"], span_of(event["timestamp_secs"], step_secs)),
        )
        return latest(ToolSpan(tool, start, len(group), errors_in(group)) for (tool, start), group in spans.items())

    def errors_over_time(self, asked, step_secs=DAY):
        failed = Counter(
            (span_of(event["timestamp_secs"], step_secs), event.get("error_type") or "unknown")
            for event in self._asked_events(asked)
            if event["status"] == "error"
        )
        return latest(ErrorSpan(*key, count) for key, count in failed.items())

    def calls_over_time(self, asked, step_secs=DAY):
        spans = group_by(self._asked_events(asked), lambda event: span_of(event["timestamp_secs"], step_secs))
        return [CallSpan(start, len(group), errors_in(group)) for start, group in sorted(spans.items())]

    def clients(self, asked):
        groups = group_by(self._asked_events(asked), lambda event: event.get("client") or "unknown")
        rows = [ClientCalls(name, len(group), errors_in(group)) for name, group in groups.items()]
        return sorted(rows, key=lambda row: (-row.calls, row.client))

    def calls_by_version(self, asked):
        groups = group_by(self._asked_events(asked), lambda event: event["version"] or "unknown")
        rows = [
            VersionCalls(name, min(event["timestamp_secs"] for event in group) // DAY * DAY, len(group), errors_in(group))
            for name, group in groups.items()
        ]
        return sorted(rows, key=lambda row: (-row.calls, row.version))

    def sessions(self, asked):
        sizes = Counter()
        for event in self._asked_events(asked):
            match = OWN_ID.fullmatch(event.get("id") or "")
            if match:
                sizes[event["app"], match[1]] += 1
        made = sorted(sizes.values())
        return Sessions(len(made), sum(made), nearest_rank(made, 50), nearest_rank(made, 95))

    def installations(self, asked):
        active = {owner_of(beat) for _, beat in self._asked_beats(asked)}
        new = sum(in_period(self._first_beat[owner][0], asked) for owner in active)
        return Installations(len(active), new, len(active) - new)

    def installations_over_time(self, asked, step_secs=WEEK):
        active, new = defaultdict(set), defaultdict(set)
        for received_at, beat in self._asked_beats(asked):
            start = span_of(received_at, step_secs)
            active[start].add(owner_of(beat))
            if span_of(self._first_beat[owner_of(beat)][0], step_secs) == start:
                new[start].add(owner_of(beat))
        return [InstallationSpan(start, len(active[start]), len(new[start])) for start in sorted(active)]

    def installations_by(self, facet, asked):
        latest = self._latest(asked, but_env_kind=facet == "env_kind")
        return [Share(*row) for row in rank(Counter(FACETS[facet](beat) for beat in latest.values()))]

    def counts(self, counted, asked):
        totals, owners = Counter(), defaultdict(set)
        for _, beat in self._asked_beats(asked):
            if counted == "client":
                named = dict.fromkeys(beat.get("activation", {}).get("mcp_clients_seen_ever", ()), 1)
            else:
                named = beat.get({"surface": "surface_requests", "error_category": "error_category_counts"}[counted], {})
            for name, count in named.items():
                if count:
                    totals[name] += count
                    owners[name].add(owner_of(beat))
        return [NamedCount(name, len(owners[name]), count) for name, count in rank(totals)]

    def own_tools(self, asked):
        calls, errors, durations, owners = Counter(), Counter(), defaultdict(Counter), defaultdict(set)
        for _, beat in self._asked_beats(asked):
            for field, total in (("builtin_tool_calls", calls), ("builtin_tool_errors", errors)):
                for tool, count in beat.get(field, {}).items():
                    total[tool] += count
                    if count:
                        owners[tool].add(owner_of(beat))
            for tool, steps in beat.get("builtin_tool_durations", {}).items():
                for step, count in steps.items():
                    durations[tool][step] += count
                    if count:
                        owners[tool].add(owner_of(beat))
        rows = [
            OwnTool(tool, len(owners[tool]), calls[tool], errors[tool], {s: n for s, n in sorted(durations[tool].items()) if n})
            for tool in owners
        ]
        return sorted(rows, key=lambda row: (-row.installations, -row.calls, row.tool))

    def versions(self, asked):
        first_at = {}
        for received_at, beat in self._beats:
            if asked.app in (None, beat["app"]):
                first_at[beat["version"]] = min(received_at, first_at.get(beat["version"], received_at))
        latest = Counter(beat["version"] for beat in self._latest(asked).values())
        return [VersionUse(name, count, first_at[name]) for name, count in rank(latest)]

    def versions_over_time(self, asked, step_secs=WEEK):
        latest_in = {}
        for received_at, beat in sorted(self._asked_beats(asked), key=lambda pair: (pair[0], pair[1]["heartbeat_id"])):
            latest_in[span_of(received_at, step_secs), owner_of(beat)] = beat["version"]
        counts = Counter((start, version) for (start, _), version in latest_in.items())
        return latest(VersionSpan(*key, count) for key, count in counts.items())

    def version_changes(self, asked):
        owners = defaultdict(set)
        for _, beat in self._asked_beats(asked):
            if beat["previous_version"] not in ("", beat["version"]):
                owners[beat["previous_version"], beat["version"]].add(owner_of(beat))
        return [VersionChange(*pair, count) for pair, count in rank({pair: len(who) for pair, who in owners.items()})]

    def funnel(self, asked):
        first_steps = ("first_connected_server_ever", "first_mcp_client_ever", "first_retrieve_tools_call_ever")
        steps, milestones, active = defaultdict(set), defaultdict(set), set()
        for _, beat in self._asked_beats(asked):
            owner = owner_of(beat)
            active.add(owner)
            activation = beat.get("activation", {})
            for name in first_steps:
                if activation.get(name):
                    steps[name].add(owner)
            for name, reached in activation.get("milestones", {}).items():
                if reached:
                    milestones[name].add(owner)
        stayed = sum(self._last_beat_at[owner] - self._first_beat[owner][0] >= 4 * WEEK for owner in active)
        named = rank({name: len(owners) for name, owners in milestones.items()})
        return Funnel(
            len(active),
            [*(Share(name, len(steps[name])) for name in first_steps), *(Share(*row) for row in named), Share("four_weeks", stayed)],
        )

    def retention(self, asked, weeks=12):
        weeks_of = defaultdict(set)
        for received_at, beat in self._beats:
            weeks_of[owner_of(beat)].add(span_of(received_at, WEEK))
        cohorts = defaultdict(Counter)
        for owner, (first_at, beat) in self._first_beat.items():
            start = span_of(first_at, WEEK)
            if in_period(start, asked) and is_asked_beat(beat, asked):
                for week in weeks_of[owner]:
                    cohorts[start][(week - start) // WEEK] += 1
        rows = []
        for start, ages in sorted(cohorts.items()):
            kept = {age: count for age, count in ages.items() if age <= weeks}
            rows.append(Cohort(start, [kept.get(age, 0) for age in range(max(kept) + 1)]))
        return rows

    def feedback(self, asked):
        counts = Counter(document["category"] for _, _, document in self._asked_feedback(asked))
        return [FeedbackCount(name, count, count) for name, count in sorted(counts.items())]

    def inbox(self, asked, *, most=ROWS_MAX, is_unread_only=False):
        rows = [
            FeedbackEntry(
                number, document.get("app"), received_at, document["category"], document["message"], document.get("email"),
                document["context"], False,
            )  # fmt: skip
            for number, received_at, document in self._asked_feedback(asked)
        ]
        return sorted(rows, key=lambda row: (-row.received_at, -row.number))[:most]

    def health(self, asked):
        def concerns(app, fate):
            return asked.app is None or fate not in ("stored", "duplicate") or (app or "unknown") == asked.app

        fates = [fate for fate in self._fates if concerns(fate[1], fate[3])]
        last = {stream: max((m for m, _, s, f, _ in fates if (s, f) == (stream, "stored")), default=None) for stream in ("events", "heartbeats", "feedback")}
        counts = Counter()
        for moment, _, stream, fate, count in fates:
            if in_period(moment, asked):
                counts[stream, fate] += count
        refused = {f"{stream}: {fate}": n for (stream, fate), n in sorted(counts.items()) if fate not in ("stored", "duplicate")}
        return Health(
            last["events"], last["heartbeats"], last["feedback"],
            counts["events", "stored"], counts["heartbeats", "stored"], counts["feedback", "stored"],
            sum(n for (_, fate), n in counts.items() if fate == "duplicate"),
            refused, sum(n for name, n in refused.items() if name.startswith("heartbeats")),
        )  # fmt: skip

    def heartbeats(self):
        return (beat for _, beat in self._beats)

    @functools.lru_cache(maxsize=8)  # one period is asked about many times
    def _asked_events(self, asked, *, but_app=False):
        def fits(event):
            return all(
                wanted is None or (event.get(name) or "unknown") == wanted
                for name, wanted in (
                    ("app", None if but_app else asked.app), ("version", asked.version), ("client", asked.client), ("tool", asked.tool)
                )
            )  # fmt: skip

        if asked == Filter(since=asked.since, until=asked.until, env_kinds=asked.env_kinds):
            return [event for event in self._events if in_period(event["timestamp_secs"], asked)]
        return [event for event in self._events if in_period(event["timestamp_secs"], asked) and fits(event)]

    @functools.lru_cache(maxsize=8)
    def _asked_beats(self, asked, *, but_env_kind=False):
        return [
            (received_at, beat)
            for received_at, beat in self._beats
            if in_period(received_at, asked) and is_asked_beat(beat, asked, but_env_kind=but_env_kind)
        ]

    def _asked_feedback(self, asked):
        return [
            entry
            for entry in self._feedback
            if in_period(entry[1], asked)
            and asked.app in (None, entry[2].get("app") or "unknown")
            and asked.version in (None, entry[2]["context"]["version"])
        ]

    def _latest(self, asked, *, but_env_kind=False):
        latest = {}
        for received_at, beat in sorted(
            self._asked_beats(asked, but_env_kind=but_env_kind), key=lambda pair: (pair[0], pair[1]["heartbeat_id"])
        ):
            latest[owner_of(beat)] = beat
        return latest


def is_asked_beat(beat, asked, *, but_env_kind=False):
    return (
        asked.app in (None, beat["app"])
        and asked.version in (None, beat["version"])
        and (but_env_kind or asked.env_kinds is None or beat.get("env_kind", "unknown") in asked.env_kinds)
    )


def owner_of(beat):
    return beat["app"], beat["anonymous_id"]


def in_period(moment, asked):
    return (asked.since is None or moment >= asked.since) and (asked.until is None or moment < asked.until)


def span_of(moment, step_secs):
    """Return the beginning of the hours, day or week of *moment*, asking the calendar for Monday while it lasts."""
    if step_secs % WEEK:
        return moment // step_secs * step_secs
    if moment // DAY > 1_000_000:
        return MONDAY + (moment - MONDAY) // WEEK * WEEK
    date = datetime.date(1970, 1, 1) + datetime.timedelta(days=moment // DAY)
    return (moment // DAY - date.weekday()) * DAY


def latest(rows):
    """Return the 20,000 latest of *rows*, which have a start, in their own order."""
    return sorted(sorted(sorted(rows), key=lambda row: -row.start)[:20_000])


def group_by(things, key):
    groups = defaultdict(list)
    for thing in things:
        groups[key(thing)].append(thing)
    return groups


def errors_in(events):
    return sum(event["status"] == "error" for event in events)


def figures(events):
    types = Counter(event.get("error_type") or "unknown" for event in events if event["status"] == "error")
    latencies = sorted(event["latency_ms"] for event in events)
    return CallFigures(
        len(events), sum(types.values()), dict(rank(types)), *(nearest_rank(latencies, percent) for percent in (50, 95, 99))
    )


def nearest_rank(ordered, percent):
    """Return the smallest value that at least so many percent do not exceed."""
    return ordered[math.ceil(len(ordered) * percent / 100 - 1e-9) - 1] if ordered else None


def rank(counts):
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
