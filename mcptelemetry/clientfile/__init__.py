"""The configuration files of MCP clients: where they are, what they say, and `wrap` put into them."""

from __future__ import annotations

from ._file import COPY_SUFFIX, ClientFile, read_client_file
from ._places import CLIENTS, find_client_files
from ._servers import NoServers, Server, find_servers
from ._text import Malformed, Member, Value, read_value
from ._wrapping import unwrap_server, wrap_server

__all__ = [
    "CLIENTS",
    "COPY_SUFFIX",
    "ClientFile",
    "Malformed",
    "Member",
    "NoServers",
    "Server",
    "Value",
    "find_client_files",
    "find_servers",
    "read_client_file",
    "read_value",
    "unwrap_server",
    "wrap_server",
]
