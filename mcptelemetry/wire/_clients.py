"""
The names of MCP clients: strangers' text until it has passed here.

A client says its own name. Well-known spellings of one client become one word by a closed
table; of the rest only what looks like a product's short name is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..vocabulary import CLIENT_NAME_PATTERN, OTHER
from ._token_shapes import find_token_shape

__all__ = ["CLIENT_SPELLINGS", "OTHER_CLIENT", "UNKNOWN_CLIENT", "is_known_client", "sanitize_client_name"]

UNKNOWN_CLIENT = "unknown"
"""What stands for a name that does not look like one."""

OTHER_CLIENT = OTHER
"""What stands for a name beyond the number that one process may tell."""

_NAME = re.compile(CLIENT_NAME_PATTERN)
_LONGEST = 256  # beyond this it is no name, and not worth the work of lowering its case

# Spellings are compared in lower case with every run of spaces, hyphens and underscores as one space.
CLIENT_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "amazon-q": ("amazon q", "amazon q developer", "q cli", "q dev cli"),
    "amp": ("amp", "sourcegraph amp", "amp mcp client"),
    "antigravity": ("antigravity", "google antigravity"),
    "anythingllm": ("anythingllm", "anything llm"),
    "augment": ("augment", "augment code"),
    "boltai": ("boltai", "bolt ai"),
    "chatgpt": ("chatgpt", "openai mcp", "openai chatgpt"),
    "cherry-studio": ("cherry studio", "cherrystudio"),
    "claude-code": ("claude code", "claude cli"),
    "claude-desktop": ("claude desktop", "claude ai", "claude", "claude for desktop"),
    "cline": ("cline", "cline (saoudrizwan.claude dev)", "claude dev"),
    "codex": ("codex", "codex cli", "codex mcp client", "openai codex"),
    "continue": ("continue", "continue dev", "continue client", "continue cli client"),
    "crush": ("crush", "charm crush"),
    "cursor": ("cursor", "cursor vscode", "cursor ide"),
    "gemini-cli": ("gemini cli", "gemini cli mcp client", "google gemini cli"),
    "github-copilot": ("github copilot", "copilot", "github copilot developer", "github copilot cli"),
    "goose": ("goose", "goose cli", "codename goose", "goose desktop"),
    "jetbrains": (
        "jetbrains",
        "jetbrains ai assistant",
        "intellij idea",
        "pycharm",
        "webstorm",
        "goland",
        "jetbrains junie",
        "junie",
    ),
    "kilo-code": ("kilo code", "kilocode"),
    "kiro": ("kiro", "kiro ide", "amazon kiro"),
    "librechat": ("librechat", "libre chat"),
    "lm-studio": ("lm studio", "lmstudio", "lmstudio mcp bridge"),
    "mcp-inspector": ("mcp inspector", "inspector", "inspector client", "modelcontextprotocol inspector"),
    "open-webui": ("open webui", "openwebui"),
    "opencode": ("opencode", "open code"),
    "qwen-code": ("qwen code", "qwen cli", "qwen cli mcp client"),
    "raycast": ("raycast", "raycast mcp"),
    "roo-code": ("roo code", "roo cline", "roocode"),
    "trae": ("trae", "trae ide", "trae cn"),
    "visual-studio": ("visual studio", "microsoft visual studio"),
    "vscode": ("visual studio code", "vs code", "vscode", "code oss", "microsoft visual studio code"),
    "vscode-insiders": ("visual studio code insiders", "vs code insiders", "vscode insiders"),
    "warp": ("warp", "warp terminal"),
    "windsurf": ("windsurf", "codeium", "windsurf client", "windsurf editor", "codeium windsurf"),
    "zed": ("zed", "zed editor", "zed industries"),
}
"""How well-known clients spell themselves, by the word for each."""
_NAME_OF_SPELLING = {spelling: name for name, spellings in CLIENT_SPELLINGS.items() for spelling in spellings}
_CLOSED_WORDS = frozenset((*CLIENT_SPELLINGS, UNKNOWN_CLIENT, OTHER_CLIENT))
# What follows a name is not told apart from it: "cursor/1.2", "claude-code 2.0.1", "zed@v0.2".
_VERSION = re.compile(r"[\s/@]{1,3}v?[0-9][0-9a-z.+_-]{0,31}")
_GAPS = re.compile(r"[\s/@]+")
_SEPARATORS = re.compile(r"[\s_-]+")


def sanitize_client_name(raw: object) -> str:
    """
    Return the name under which the client *raw* is kept.

    A version behind the name is left out. A well-known client has one name, however it
    spells itself: ``Visual Studio Code`` is ``vscode``. Any other is trimmed and lower-cased,
    and must then be 1 to 64 letters, digits, dots, hyphens and underscores, begin with a
    letter or digit and hold no ``..`` and no token; else it is ``unknown``.
    """
    if not isinstance(raw, str) or len(raw) > _LONGEST:
        return UNKNOWN_CLIENT
    name = _without_version(raw.strip().lower())
    known = _NAME_OF_SPELLING.get(_SEPARATORS.sub(" ", name))
    if known is not None:
        return known
    if _NAME.fullmatch(name) is None or ".." in name:
        return UNKNOWN_CLIENT
    # As it was written, too: in lower case, not every token is known again.
    as_written = raw.strip()[: len(name)]
    return UNKNOWN_CLIENT if find_token_shape(as_written) or find_token_shape(name) else name


def is_known_client(name: str) -> bool:
    """Return whether the sanitised *name* is one of our own words, not a stranger's."""
    return name in _CLOSED_WORDS


def _without_version(name: str) -> str:
    for gap in _GAPS.finditer(name):
        if gap.start() and _VERSION.fullmatch(name, gap.start()) is not None:
            return name[: gap.start()]
    return name
