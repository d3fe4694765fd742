"""
What `Telemetry.status()` returns, key by key: for editors, type checkers and readers of `--json`.

Plain values only. Moments are RFC 3339 in UTC; what is not known, or does not exist, is None.
A test holds the real mapping against these types, in every mode. A room of its own because
nothing of it is needed at run time: it is loaded only for who asks for the types.
"""

from __future__ import annotations

from typing import Literal, Optional, TypedDict

from .config import ModeWord
from .state import SentStreamWord
from .vocabulary import EnvKindWord, LaunchSourceWord, StartupOutcomeWord

__all__ = [
    "ActivationStatus",
    "DeliveryStatus",
    "EnvMarkersStatus",
    "EventsAccount",
    "EventsStatus",
    "FilesStatus",
    "HeartbeatStatus",
    "IdentityStatus",
    "MemoryStatus",
    "NoticeStatus",
    "NoticeWord",
    "SpoolStatus",
    "Status",
    "StorageStatus",
    "SurroundingsStatus",
    "TroubleStatus",
    "WindowsStatus",
]


NoticeWord = Literal["terminal", "sink", "stderr"]
"""How the first-run notice was shown: on a terminal, by the author's own way, or on standard error."""


class FilesStatus(TypedDict):
    """Where everything lies, as absolute paths; ``""`` when there is no place for it."""

    settings: str
    mode: str
    person: str
    memory: str
    spool: str
    autostart: str


class WindowsStatus(TypedDict):
    """When the next heartbeat is due, and what became of those before."""

    due_at: Optional[str]
    failed_attempts: int
    accepted_count: int
    given_up_count: int


class HeartbeatStatus(WindowsStatus):
    """
    The maintainer's daily document.

    *owner* is whose *endpoint* it is. *not_before* is when the first one may leave. *why_not* is what
    the next one waits for, or why none will leave; None when one is due.
    """

    mode: ModeWord
    reason: str
    endpoint: Optional[str]
    owner: Optional[Literal["person", "author"]]
    not_before: Optional[str]
    why_not: Optional[str]


class EventsAccount(TypedDict):
    """What became of the events of this process: the names of `PipelineStats`."""

    recorded: int
    delivered: int
    dropped: int
    rejected: int
    spooled: int
    buffered: int
    in_flight: int
    requeued: int
    invalid: int
    last_error: Optional[str]
    last_success_at: Optional[float]


class EventsStatus(TypedDict):
    """
    The events stream: *owner* is whose *endpoint* it is, *stats* None when nothing may be sent.

    *not_before* is when an author's first ones may leave, None when that is past or not known; *why_not*
    what they wait for, or why none will leave.
    *token_variable* names the environment variable of its token; *unset_variables* are those named
    in the file, for the token or a header, that hold nothing.
    """

    mode: ModeWord
    reason: str
    endpoint: Optional[str]
    owner: Optional[Literal["operator", "author"]]
    not_before: Optional[str]
    why_not: Optional[str]
    token_variable: Optional[str]
    unset_variables: list[str]
    stats: Optional[EventsAccount]


class DeliveryStatus(TypedDict):
    """
    What became of what all processes of this installation sent by *stream* to *endpoint*, since *since*.

    Heartbeats and feedback count documents, the others events. *lost* was never delivered, *rejected* was refused for good.
    """

    stream: SentStreamWord
    endpoint: str
    since: str
    delivered: int
    lost: int
    rejected: int
    last_success_at: Optional[str]
    last_error: Optional[str]
    last_error_at: Optional[str]


class SpoolStatus(TypedDict):
    """
    The events on the disk that no process has delivered yet: *waiting* for the present endpoint, and *in_flight* with one.

    *elsewhere* are those recorded for another endpoint or owner, *dropped* those that made room for others or waited
    too long, *refused* those that were erased because a person said no. *oldest_at* is since when the oldest waits; *set_aside* where a
    damaged file was put.
    """

    waiting: int
    in_flight: int
    elsewhere: int
    dropped: int
    refused: int
    oldest_at: Optional[str]
    set_aside: Optional[str]


class StorageStatus(TypedDict):
    """
    Whether this machine can remember anything.

    *failure* says why not; *set_aside* is where a damaged database was put.
    """

    degraded: bool
    failure: Optional[str]
    set_aside: Optional[str]


class TroubleStatus(TypedDict):
    """
    What each stage of this process has to complain of, in one line; None when all is well, or well again.

    *delivery*: events did not leave when that was last tried. *counting*: what was counted could
    not be stored, and is kept in memory. *windows*: a heartbeat could not be begun or settled.
    *spool*: events wait in memory instead of on the disk, or what waits there cannot be read. *storage*: nothing could be stored on this machine.
    """

    delivery: Optional[str]
    counting: Optional[str]
    windows: Optional[str]
    spool: Optional[str]
    storage: Optional[str]


class IdentityStatus(TypedDict):
    """The random id of this installation, and since when it has it."""

    anonymous_id: str
    created_at: str


class NoticeStatus(TypedDict):
    """That the first-run notice was shown: when, how, and which endpoints it named."""

    shown_at: str
    how: NoticeWord
    endpoints: list[str]


class EnvMarkersStatus(TypedDict):
    """On what *env_kind* rests."""

    has_ci_env: bool
    has_cloud_ide_env: bool
    is_container: bool
    has_tty: bool
    has_display: bool


class ActivationStatus(TypedDict):
    """How far this installation has come: the names of `ActivationState`."""

    first_connected_server_ever: bool
    first_mcp_client_ever: bool
    first_retrieve_tools_call_ever: bool
    mcp_clients_seen_ever: list[str]
    retrieve_tools_calls_24h: int
    estimated_tokens_saved_24h_bucket: str
    configured_ide_count: int
    milestones: dict[str, bool]


class MemoryStatus(TypedDict):
    """What this machine remembers."""

    identity: Optional[IdentityStatus]
    notice: Optional[NoticeStatus]
    last_reported_version: Optional[str]
    last_startup_outcome: Optional[StartupOutcomeWord]
    last_success_at: Optional[str]
    last_error: Optional[str]
    last_error_at: Optional[str]


class SurroundingsStatus(TypedDict):
    """What kind of place this process runs in."""

    env_kind: Optional[EnvKindWord]
    env_markers: Optional[EnvMarkersStatus]
    launch_source: Optional[LaunchSourceWord]
    autostart_enabled: Optional[bool]


class Status(MemoryStatus, SurroundingsStatus):
    """
    What is on and why, for `Telemetry.status()` and the command ``status --json``.

    *mode*, *reason* and *row* (of the table of switches) are those of what the author set up;
    *heartbeat* and *events* say the same of their streams; *deliveries* is what was sent, also by other processes;
    *spool* is what waits on the disk, None without one; *trouble* is what fails now.
    """

    app: str
    version: Optional[str]
    mode: ModeWord
    reason: str
    row: int
    files: FilesStatus
    heartbeat: HeartbeatStatus
    events: EventsStatus
    deliveries: list[DeliveryStatus]
    spool: Optional[SpoolStatus]
    storage: StorageStatus
    trouble: TroubleStatus
    activation: Optional[ActivationStatus]
