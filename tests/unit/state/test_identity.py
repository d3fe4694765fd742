"""The anonymous id: when it is kept, dated and drawn anew."""

from __future__ import annotations

import pytest

from mcptelemetry.state import Identity, format_moment, parse_moment, renew_identity

DAY = 86_400.0
NOW = 1_800_000_000.0
KEPT = "11111111-1111-4111-8111-111111111111"
DRAWN = "22222222-2222-4222-9222-222222222222"


def after_fork(stored_id: str | None, stored_date: str | None) -> Identity:
    """Return what holds now, with a draw that is known."""
    return renew_identity(stored_id, stored_date, now=NOW, draw=lambda: DRAWN)


def test_identity_is_drawn_and_dated_on_first_use() -> None:
    """An installation without an id gets one, dated now."""
    assert after_fork(None, None) == Identity(DRAWN, format_moment(NOW))


@pytest.mark.parametrize("days", [0, 1, 364, 364.99])
def test_identity_is_kept_for_a_year(days: float) -> None:
    """Up to 365 days nothing about it changes."""
    since = format_moment(NOW - days * DAY)
    assert after_fork(KEPT, since) == Identity(KEPT, since)


@pytest.mark.parametrize("days", [365, 365.01, 400, 5000])
def test_identity_is_rotated_after_a_year(days: float) -> None:
    """After 365 days another id is drawn, and the old one is kept nowhere."""
    assert after_fork(KEPT, format_moment(NOW - days * DAY)) == Identity(DRAWN, format_moment(NOW))


def test_identity_without_a_date_gets_todays() -> None:
    """A legacy id is dated now without rotating."""
    assert after_fork(KEPT, None) == Identity(KEPT, format_moment(NOW))


@pytest.mark.parametrize("date", ["", "yesterday", "2026-13-45T99:00:00Z", "0", "1e999", "\u0660", "9" * 400])
def test_identity_with_an_unreadable_date_is_reset_without_rotating(date: str) -> None:
    """A date that says nothing costs nobody their id."""
    assert after_fork(KEPT, date) == Identity(KEPT, format_moment(NOW))


@pytest.mark.parametrize("secs", [1, DAY, 4000 * DAY])
def test_identity_of_the_future_never_rotates(secs: float) -> None:
    """A date ahead of the clock is left as it is."""
    since = format_moment(NOW + secs)
    assert after_fork(KEPT, since) == Identity(KEPT, since)


@pytest.mark.parametrize("damaged", ["", "x", KEPT + "0", KEPT.replace("-4", "-1"), "/home/tim", KEPT.upper().replace("1", "A")])
def test_identity_that_is_no_uuid4_is_drawn_anew(damaged: str) -> None:
    """What was damaged could say anything, and does not leave."""
    assert after_fork(damaged, format_moment(NOW)) == Identity(DRAWN, format_moment(NOW))


@pytest.mark.parametrize("text", ["2027-01-15T08:00:00Z", "2027-01-15T08:00:00", "2027-01-15T09:00:00+01:00"])
def test_moments_are_read_as_utc(text: str) -> None:
    """A moment with an offset, with Z or with neither is the same moment."""
    assert parse_moment(text) == NOW


def test_moments_are_written_to_the_second() -> None:
    """What is written reads back as the same second."""
    assert parse_moment(format_moment(NOW + 0.9)) == NOW
