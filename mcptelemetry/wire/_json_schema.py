"""
The table of fields as a contract that others can check against: JSON Schema 2020-12.

It is generated, never written: what the schema accepts is what the table accepts.
"""

from __future__ import annotations

from typing import Any

from ._fields import FIELDS, HEARTBEAT, SCHEMA_VERSION

__all__ = ["heartbeat_json_schema"]


def heartbeat_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a heartbeat; each property's description is its purpose."""
    schema = HEARTBEAT.to_json_schema()
    for field in FIELDS:
        schema["properties"][field.name] = {
            "description": f"{field.purpose} Since schema version {field.since}.",
            **schema["properties"][field.name],
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Anonymous heartbeat, schema version {SCHEMA_VERSION}",
        "description": "Generated from the table of fields. A key that is not in here cannot leave.",
        **schema,
    }
