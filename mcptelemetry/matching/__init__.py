"""
Pure decisions about tools: which exist on both sides of a proxy, and where a call goes.

Nothing here reads a file, a clock or the network: catalogues and configuration come in as
values, a report and decisions go out as values.
"""

from __future__ import annotations

from ..vocabulary import RoutingReason, RoutingStrategy
from ._matcher import build_report
from ._policy import ROUTING_KEYS, ROUTING_RULE_KEYS, HasRouting, HasSettings, RoutingConfig, RoutingRule
from ._report import MatchReport, ToolMatch
from ._routing import RoutingDecision, RoutingEngine, RoutingTarget

__all__ = [
    "ROUTING_KEYS",
    "ROUTING_RULE_KEYS",
    "HasRouting",
    "HasSettings",
    "MatchReport",
    "RoutingConfig",
    "RoutingDecision",
    "RoutingEngine",
    "RoutingReason",
    "RoutingRule",
    "RoutingStrategy",
    "RoutingTarget",
    "ToolMatch",
    "build_report",
]
