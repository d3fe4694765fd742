"""What takes many arguments says of each what it is: one line or more under `Args:`, in order."""

from __future__ import annotations

import inspect
import re

import pytest

import mcptelemetry
from mcptelemetry import collector

LISTED = (
    mcptelemetry.ActivationStore,
    mcptelemetry.CounterRegistry,
    mcptelemetry.HeartbeatService,
    mcptelemetry.PipelineConfig,
    mcptelemetry.RoutingConfig,
    mcptelemetry.RoutingRule,
    mcptelemetry.SurfaceMiddleware,
    mcptelemetry.Telemetry,
    mcptelemetry.Telemetry.invocation,
    mcptelemetry.Telemetry.record,
    mcptelemetry.TelemetryAuth,
    mcptelemetry.TelemetryBuffer,
    mcptelemetry.TelemetryEvent,
    mcptelemetry.TelemetryPipeline,
    mcptelemetry.TelemetryUploader,
    collector.create_app,
    collector.serve,
)


def section(documentation: str, title: str) -> list[str]:
    """Return the lines of a section, without its indentation."""
    _, found, rest = documentation.partition(f"\n{title}:\n")
    assert found, f"there is no {title}: in\n{documentation}"
    lines = []
    for line in rest.splitlines():
        if line and not line.startswith("    "):
            break
        lines.append(line[4:])
    return lines


@pytest.mark.parametrize("subject", LISTED, ids=lambda subject: subject.__qualname__)
def test_every_argument_has_its_line(subject):
    """The names under `Args:` are the parameters, in their order, each with something said of it."""
    entries = [line for line in section(inspect.getdoc(subject), "Args") if line and not line.startswith(" ")]
    said = [re.fullmatch(r"(\w+): (\S.*)", entry) for entry in entries]
    assert all(said), entries
    parameters = [name for name in inspect.signature(subject).parameters if name != "self"]
    assert [match[1] for match in said] == parameters


def test_a_section_ends_where_its_indentation_does():
    """The reader of sections takes the lines of one section and none of the next."""
    text = "First.\n\nArgs:\n    one: a\n        b\n    two: c\n\nRaises:\n    ValueError: d\n"
    assert section(text, "Args") == ["one: a", "    b", "two: c", ""]
