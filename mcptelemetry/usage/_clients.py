"""The names of MCP clients, as counting knows them: those of the documents, which events hold too."""

from __future__ import annotations

from ..wire import UNKNOWN_CLIENT, sanitize_client_name

__all__ = ["UNKNOWN_CLIENT", "sanitize_client_name"]
