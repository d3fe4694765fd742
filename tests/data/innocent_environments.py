"""
Environments that hide nothing: common variables, values, people and machines, put together by a seed.

No value here is a credential, whatever its variable is called.
"""

from __future__ import annotations

import random

from mcptelemetry.wire import CLIENT_SPELLINGS

USERS = (
    "root ubuntu ec2-user vscode node app claude cursor zed admin user runner jovyan gitpod codespace tim ray lin pro "
    "alice bob linux darwin mcp cli api local remote server docker dev test build www-data postgres git go"
).split()
HOSTS = (
    "localhost desktop laptop api v1 v2 cli mcp web db cache worker build ubuntu debian linux raspberrypi macbook-pro "
    "DESKTOP-4F7K2QX ip-10-0-3-17 vscode claude cursor server personal remote buildkitsandbox 8d3f0a1c2b4e worker-1 "
    "app.internal box.corp.example mcp.example.com"
).split()
SETTINGS = {
    "OPENAI_API_KEY": "local none ollama unused dummy sk-none not-set EMPTY",
    "ANTHROPIC_API_KEY": "local none unused",
    "SORT_KEY": "timestamp created_at updated_at name priority latency_ms",
    "PARTITION_KEY": "customer_id tenant region id",
    "LICENSE_KEY": "personal community trial enterprise free",
    "PRIMARY_KEY": "id uuid tool status",
    "CACHE_KEY": "default version session",
    "GROUP_KEY": "upstream routing_decision category",
    "FOREIGN_KEY": "user_id order_id",
    "HOT_KEY": "ctrl space f12",
    "NEXT_TOKEN": "end none start",
    "PAGE_TOKEN": "first last next_page",
    "STOP_TOKEN": "eos endoftext",
    "PAD_TOKEN": "pad eos",
    "MYSQL_PASSWORD": "root mysql secret",
    "PGPASSWORD": "app dev test",
    "USE_SECRET": "true false yes no",
    "SECRET": "none true file",
    "TOKEN": "none auto off",
    "GIT_PAT": "none unset",
    "BUILD_PASS": "first second",
    "OLD_PWD": "/ /srv /tmp",
    "LOG_DSN": "stderr stdout",
    "GOOGLE_APPLICATION_CREDENTIALS": "none adc",
    "DATABASE_URL": "sqlite:///app.db postgres://localhost/app postgres://postgres:postgres@localhost/app mysql://app@db/app",
    "REDIS_URL": "redis://localhost:6379/0 redis://cache redis://:dev@cache:6379",
    "BASE_URL": "http://localhost:8080 https://example.org/x?mail=a@b http://127.0.0.1:3000/a@b",
    "X_PASSWORD": "local_only override_rule unknown_tool success tool_error streamable_http retrieve_tools interactive claude-desktop windsurf github-copilot vscode-insiders",
}
OTHERS = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8 en_GB.UTF-8", "TERM": "xterm-256color dumb", "SHELL": "/bin/sh /bin/zsh", "EDITOR": "vim code"}
CLIENTS = sorted(CLIENT_SPELLINGS)


def innocent_environments(count: int, seed: int = 20261121):
    """Yield *count* of (host name, home, environment, names of clients)."""
    draw = random.Random(seed)
    for _ in range(count):
        user, host = draw.choice(USERS), draw.choice(HOSTS)
        home = draw.choice(("/root", f"/home/{user}", f"/Users/{user}", f"C:\\Users\\{user}"))
        environ = {name: draw.choice(values.split()) for name, values in OTHERS.items()}
        environ.update({"HOME": home, "USER": user, "LOGNAME": user, "HOSTNAME": host})
        for name in draw.sample(sorted(SETTINGS), draw.randint(1, len(SETTINGS))):
            environ[name] = draw.choice(SETTINGS[name].split())
        yield host, home, environ, draw.sample(CLIENTS, 5)
