"""`Retry-After` in its two forms, and in none."""

from __future__ import annotations

import os
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcptelemetry.privacy._retry_after import parse_retry_after

NOW = 1_700_000_000.0
DAY = 86_400.0


@pytest.mark.parametrize(
    ("text", "secs"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("3600", 3600.0),
        ("86401", DAY),
        ("99999999999999999999999", DAY),
        ("00000000000000000005", 5.0),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW - 90, usegmt=True), 0.0),
        (formatdate(NOW + 90, usegmt=True).replace("GMT", "-0000"), 90.0),
        (formatdate(NOW + 90, usegmt=True).replace(" GMT", ""), 90.0),
        ("Tuesday, 14-Nov-23 22:14:50 GMT", 90.0),
        ("Sun, 01 Jan 2090 00:00:00 GMT", DAY),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("\u0665", None),
        ("Sun, 99 Foo 2023 00:00:00 GMT", None),
        ("Sun, 01 Jan 99999 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text, secs):
    """Seconds and dates are understood, at most a day; anything else counts as not said."""
    assert parse_retry_after(text, now=NOW) == secs


def test_retry_after_knows_no_local_time(monkeypatch):
    """A date without a zone is GMT, wherever this machine stands."""
    if not hasattr(time, "tzset"):
        pytest.skip("this system's zone cannot be changed")
    before = os.environ.get("TZ")
    try:
        monkeypatch.setenv("TZ", "America/New_York")
        time.tzset()
        text = formatdate(NOW + 90, usegmt=True).replace(" GMT", "")
        assert parse_retry_after(text, now=NOW) == 90.0
    finally:
        if before is None:
            monkeypatch.delenv("TZ")
        else:
            monkeypatch.setenv("TZ", before)
        time.tzset()


@given(st.text(st.characters()) | st.text("0123456789:, GMTJanFeb+-"))
def test_retry_after_survives_anything(text):
    """Whatever the header holds, the answer is None or seconds between nothing and a day."""
    secs = parse_retry_after(text, now=NOW)
    assert secs is None or 0.0 <= secs <= DAY
