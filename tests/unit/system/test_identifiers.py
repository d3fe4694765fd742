"""Random identifiers are UUIDs of version 4, each another one."""

from __future__ import annotations

import uuid

import pytest

from mcptelemetry.system import draw_uuid4, is_uuid


def test_drawn_identifier_is_a_random_uuid():
    """The standard library reads what is drawn as a UUID of version 4, and no two are equal."""
    drawn = {draw_uuid4() for _ in range(1000)}
    assert len(drawn) == 1000
    for text in drawn:
        found = uuid.UUID(text)
        assert (found.version, found.variant, str(found)) == (4, uuid.RFC_4122, text)
        assert is_uuid(text)


@pytest.mark.parametrize("text", [None, "", 7, "x" * 36, str(uuid.uuid4()).upper(), uuid.uuid4().hex, f"{uuid.uuid4()}\n"])
def test_other_texts_are_no_identifier(text):
    """Only the usual lower-case form is taken for one."""
    assert not is_uuid(text)
