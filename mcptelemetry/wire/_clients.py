"""
The closed table of MCP clients: the one word that each is kept and reported under.

A name that stands here is no stranger's text, whatever a machine or its person is called.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["CLIENT_SPELLINGS", "UNKNOWN_CLIENT"]

UNKNOWN_CLIENT = "unknown"
"""What stands for a name that does not look like one."""

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
