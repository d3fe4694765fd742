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
import struct
import sys
import tempfile
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from mcptelemetry.collector import DEMO_UNTIL, SqliteStore, demo_documents, serve, store_documents  # noqa: E402

TOKEN = "screenshots"
WIDTH, HEIGHT = 1280, 1180
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
                for scheme in SCHEMES:
                    window.set_up(width=WIDTH, height=HEIGHT, scheme=scheme)
                    window.open(server.url)
                    take(window, args.folder / f"page-{scheme}.png", is_whole=False)
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
            pages = {**{name: url + target for name, target in PAGES.items()}, "nothing": server.url, "sign-in": url + "/sign-in"}
            for name, page in pages.items():
                for width in (390, 1280, 1920):
                    for scheme in SCHEMES:
                        window.set_up(width=width, height=900, scheme=scheme)
                        window.open(page)
                        take(window, folder / f"{name}-{width}-{scheme}.png", is_whole=True)


def take(window, path: pathlib.Path, *, is_whole: bool) -> None:
    """Take one picture, and say how large it is."""
    window.run("window.scrollTo(0, 0)")
    window.take_picture(path, is_whole=is_whole)
    path.write_bytes(pack(path.read_bytes()))
    print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")


def pack(picture: bytes) -> bytes:
    """
    Return the PNG *picture* with nothing in it but its pixels, packed as tightly as can be.

    With at most 256 colours a pixel is one byte; a page has more only where letters are smoothed,
    and there the rarer colours become the nearest of the frequent ones.
    """
    parts, place = {}, 8
    while place < len(picture):
        (length,) = struct.unpack(">I", picture[place : place + 4])
        kind = picture[place + 4 : place + 8]
        parts[kind] = parts.get(kind, b"") + picture[place + 8 : place + 8 + length]
        place += 12 + length
    width, height, depth, colour = struct.unpack(">IIBB", parts[b"IHDR"][:10])
    channels = {2: 3, 6: 4}.get(colour)
    if depth != 8 or channels is None:
        return picture
    pixels = unfilter(zlib.decompress(parts[b"IDAT"]), width, height, channels)
    palette, indices = quantize(pixels)
    rows = b"".join(b"\0" + indices[row * width : (row + 1) * width] for row in range(height))
    return b"".join(
        (
            picture[:8],
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            chunk(b"PLTE", b"".join(palette)),
            chunk(b"IDAT", zlib.compress(rows, 9)),
            chunk(b"IEND", b""),
        )
    )


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def unfilter(data: bytes, width: int, height: int, channels: int) -> list[bytes]:
    """Return the pixels, three bytes each, of a PNG's inflated *data*."""
    stride = width * channels
    pixels: list[bytes] = []
    above = bytearray(stride)
    for row in range(height):
        start = row * (stride + 1)
        how, line = data[start], bytearray(data[start + 1 : start + 1 + stride])
        if how == 1:
            for place in range(channels, stride):
                line[place] = (line[place] + line[place - channels]) & 255
        elif how == 2:
            line = bytearray((one + other) & 255 for one, other in zip(line, above))
        elif how == 3:
            for place in range(stride):
                left = line[place - channels] if place >= channels else 0
                line[place] = (line[place] + (left + above[place]) // 2) & 255
        elif how == 4:
            for place in range(stride):
                left, corner = (line[place - channels], above[place - channels]) if place >= channels else (0, 0)
                line[place] = (line[place] + nearest(left, above[place], corner)) & 255
        pixels += [bytes(line[place : place + 3]) for place in range(0, stride, channels)]
        above = line
    return pixels


def nearest(left: int, up: int, corner: int) -> int:
    """Return the neighbour that a PNG's fourth filter takes."""
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))


def quantize(pixels: list[bytes]) -> tuple[list[bytes], bytes]:
    """Return at most 256 colours, and the place among them of each pixel's nearest."""
    counts: dict[bytes, int] = {}
    for pixel in pixels:
        counts[pixel] = counts.get(pixel, 0) + 1
    by_count = sorted(counts, key=lambda colour: (-counts[colour], colour))
    palette = by_count[:256]
    place_of = {colour: place for place, colour in enumerate(palette)}
    for colour in by_count[256:]:
        place_of[colour] = min(range(256), key=lambda place: sum((one - other) ** 2 for one, other in zip(palette[place], colour)))
    return palette, bytes(place_of[pixel] for pixel in pixels)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
