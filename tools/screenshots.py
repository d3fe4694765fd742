#!/usr/bin/env python3
"""
Take the pictures of the collector's page that the papers show.

    tools/screenshots.py [--folder docs] [--installations 2000] [--all FOLDER]

Writes `page-light.png` and `page-dark.png`, 1,280 pixels wide, of the invented year's last day:
the same sources and the same Chromium give the same pictures. With `--all` also every page at
every width in both schemes, to be looked at by whoever changes the page. Needs the extra
`browser`, and Debian's packages chromium and chromium-driver.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import runpy
import shutil
import sys
import tempfile

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from mcptelemetry.collector import DEMO_UNTIL, SqliteStore, demo_documents, serve, store_documents  # noqa: E402

TOKEN = "screenshots"
WIDTH, HEIGHT = 1280, 900
SCHEMES = ("light", "dark")
PAGES = {
    "overview": "/",
    "day": "/?period=24h",
    "year": "/?period=365d",
    "filtered": "/?period=90d&version=v1.4.0&client=vscode",
    "tool": "/tool?tool=run_pipeline&period=90d",
    "inbox": "/inbox?period=365d",
    "nobody": "/?app=nobody",
    "mistake": "/?period=nonsense",
}


def main(arguments: list[str]) -> int:
    """Fill a store, serve it, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "docs")
    parser.add_argument("--installations", type=int, default=2000)
    parser.add_argument("--only-all", action="store_true", help="leave the pictures of the papers as they are")
    parser.add_argument("--all", type=pathlib.Path, metavar="FOLDER")
    args = parser.parse_args(arguments)
    commands = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if not all(commands):
        print("chromium and chromedriver are needed: Debian's packages chromium and chromium-driver", file=sys.stderr)
        return 1
    window_of = runpy.run_path(str(ROOT / "tests" / "e2e" / "browser" / "window.py"))["Window"]
    with tempfile.TemporaryDirectory(prefix="mcptelemetry-pictures-") as folder:
        store = SqliteStore(os.path.join(folder, "collector.db"))
        store_documents(store, demo_documents(args.installations))
        window = window_of(*commands, pathlib.Path(folder) / "chromium", dict(os.environ))
        try:
            with serve(store, report_token=TOKEN, clock=lambda: DEMO_UNTIL - 60) as server:
                window.open(f"{server.url}/?token={TOKEN}")
                for scheme in () if args.only_all else SCHEMES:
                    window.set_up(width=WIDTH, height=HEIGHT, scheme=scheme)
                    window.open(server.url)
                    take(window, args.folder / f"page-{scheme}.png", until="#tools", is_packed=True)
                if args.all is not None:
                    take_all(window, server.url, args.all)
        finally:
            window.close()
    return 0


def take_all(window, url: str, folder: pathlib.Path) -> None:
    """Take every page at every width in both schemes, and the page before anything came."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mcptelemetry-pictures-") as empty:
        store = SqliteStore(os.path.join(empty, "collector.db"))
        with serve(store, report_token=TOKEN, clock=lambda: DEMO_UNTIL - 60) as server:
            pages = {**{name: url + target for name, target in PAGES.items()}, "nothing": f"{server.url}/?token={TOKEN}", "sign-in": url + "/sign-in"}
            for name, page in pages.items():
                for width in (390, 1280, 1920):
                    for scheme in SCHEMES:
                        window.set_up(width=width, height=900, scheme=scheme)
                        window.open(page)
                        take(window, folder / f"{name}-{width}-{scheme}.png")


def take(window, path: pathlib.Path, *, until: str = "body", is_packed: bool = False) -> None:
    """Take one picture, with no more than 256 colours where it is to be *is_packed*, and say how large it is."""
    window.take_picture(path, until=until)
    if is_packed:
        with Image.open(path) as picture:
            packed = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
        packed.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
