"""What one visitor can do to all others of a studio: a newcomer's page and photograph meanwhile.

    python benchmarks/studio_attacks.py                  all of them
    python benchmarks/studio_attacks.py previews scans   some

Starts `photochrom serve` on this machine, held to two cores, with the limits of a machine of 4 GB.
During each attack a newcomer opens a page and sends a small photograph. Exit code 1 where the page
takes above 0.5 s, the photograph in colour above 3 s, or the studio above 1.5 GB
(`--page-limit`, `--photo-limit`, `--memory-limit`); what is, is said at the end. The first row is
of a studio that nobody attacks: where that is slow, the machine is busy with something else.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable

import numpy as np
from PIL import Image
from studio_load import Person, Tally, photograph, studio, watch_memory

from photochrom.variants import MAX_SIZE_PX

NOTHING = "nothing"
"""The row of a studio that nobody attacks."""
PATIENCE_S = 120.0
"""After which a newcomer gives up."""
ATTACK_S = 2.0
"""An attack goes on for so long before the newcomer comes."""
MB = 1_000_000
ANNOUNCED_MB = 190
LIMITS_OF_4_GB = {"MAX_PICTURE_MP": "48", "MAX_FILM_MINUTES": "120"}


async def silence(attacker: Person) -> None:
    """98 connections that say nothing, and 150 that begin to."""
    for number in range(248):
        with contextlib.suppress(OSError):
            _reader, writer = await asyncio.open_connection(attacker.host, attacker.port)
            if number >= 98:
                writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    await asyncio.sleep(3600)


async def announced(attacker: Person) -> None:
    """Five bodies of 190 MB, of nobody who is known."""
    await asyncio.gather(*(pour(attacker, f"Content-Length: {ANNOUNCED_MB * MB}") for _ in "12345"))


async def endless(attacker: Person) -> None:
    """Chunks without end, at three addresses."""
    paths = ("/log-in", "/pictures", "/api/v1/pictures")
    await asyncio.gather(*(pour(attacker, "Transfer-Encoding: chunked", path) for path in paths))


async def pour(attacker: Person, header: str, path: str = "/log-in") -> None:
    """Send as much as is taken."""
    _reader, writer = await asyncio.open_connection(attacker.host, attacker.port)
    writer.write(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode())
    piece = b"x" * 100_000
    if "chunked" in header:
        piece = b"186a0\r\n" + piece + b"\r\n"
    with contextlib.suppress(OSError):
        for _ in range(10 * ANNOUNCED_MB):
            writer.write(piece)
            await writer.drain()


async def scans(attacker: Person) -> None:
    """Eight progressive JPEGs of 3,000 further scans each."""
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(buffer, "JPEG", progressive=True)
    content = buffer.getvalue()
    last = content[content.rindex(b"\xff\xda") : -2]
    file = content[:-2] + last * 3000 + b"\xff\xd9"
    await send_all(attacker, [(file, "scans.jpg")] * 8)


async def pixels(attacker: Person) -> None:
    """Pictures of 100 megapixels in few kilobytes."""
    files = []
    for format_name in ("PNG", "WebP"):
        buffer = io.BytesIO()
        Image.new("L", (9990, 10_000)).save(buffer, format_name, lossless=True, method=0)
        files.append((buffer.getvalue(), f"large.{format_name.lower()}"))
    await send_all(attacker, files * 2)


async def queue(attacker: Person) -> None:
    """30 photographs of 12 megapixels, and a film of two hours."""
    photo, film = photograph(12.0), long_film()
    await send_all(attacker, [*[(film, "film.mp4")] * (film != b""), *[(photo, "a.jpg")] * 30])
    await asyncio.sleep(3600)


async def previews(attacker: Person) -> None:
    """16 previews at once, at the largest size, of 200 hints each, again and again."""
    path = await attacker.send(photograph(2.0), "a.jpg", "photo", 0.0)
    assert path is not None
    await attacker.follow(path)
    hints = [[10 + 7 * (n % 20), 10 + 7 * (n // 20), "#c1272d"] for n in range(200)]
    body = json.dumps({"hints": hints, "size": MAX_SIZE_PX}).encode()
    kind = {"Content-Type": "application/json", "X-CSRFToken": attacker.csrf}

    async def ask() -> None:
        while True:
            await attacker.ask("preview", "POST", f"{path}/preview", body, kind)

    await asyncio.gather(*(ask() for _ in range(16)))


ATTACKS: dict[str, Callable[[Person], Awaitable[None]]] = {
    attack.__name__: attack
    for attack in (silence, announced, endless, scans, pixels, queue, previews)
}


async def send_all(attacker: Person, files: list[tuple[bytes, str]]) -> None:
    """Upload them at once."""
    await asyncio.gather(*(attacker.send(file, name, "attack", 0.0) for file, name in files))


def long_film() -> bytes:
    """Two hours of grey, a frame a second; empty where PyAV is not installed."""
    try:
        import av
    except ImportError:
        return b""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((120, 160), 90, np.uint8), format="gray")
        for number in range(7200):
            shown = frame.reformat(format="yuv420p")
            shown.pts = number
            container.mux(stream.encode(shown))
        container.mux(stream.encode())
    return buffer.getvalue()


async def newcomer(person: Person) -> tuple[float, float]:
    """Seconds until a page, and until a small photograph is in colour."""
    begun = time.monotonic()
    await person.ask("page", "GET", "/library")
    page_s, begun = time.monotonic() - begun, time.monotonic()
    path = await person.send(photograph(0.26), "a.jpg", "photo", begun)
    assert path is not None
    await person.follow(path)
    return page_s, time.monotonic() - begun


async def run(names: list[str], limits: argparse.Namespace) -> list[str]:
    """Each attack on a studio of its own; a sentence for each limit that is passed."""
    passed: list[str] = []
    print("| attack | page | photograph | memory |\n| --- | --- | --- | --- |")
    for name in [NOTHING, *names]:
        with studio("photochrom-base", 2, LIMITS_OF_4_GB) as (address, pid):
            tally = Tally()
            tally.until = float("inf")
            attacker, friend = Person(address, tally, 0), Person(address, tally, 1)
            await attacker.sign_up()
            await friend.sign_up()
            await newcomer(friend)  # what is loaded at the first picture
            memory = asyncio.ensure_future(watch_memory(tally, pid))
            work = [] if name == NOTHING else [asyncio.ensure_future(ATTACKS[name](attacker))]
            await asyncio.sleep(0)  # it makes its files
            await asyncio.sleep(ATTACK_S)
            try:
                page_s, photo_s = await asyncio.wait_for(newcomer(friend), PATIENCE_S)
            except asyncio.TimeoutError:
                page_s = photo_s = PATIENCE_S
            await asyncio.sleep(2)
            for task in [*work, memory]:
                task.cancel()
            results = await asyncio.gather(*work, memory, return_exceptions=True)
            for person in (attacker, friend):
                person.close()
        for error in results:
            if isinstance(error, Exception) and not isinstance(error, OSError):
                raise error
        most_mb = max(tally.memory_mb, default=0.0)
        print(f"| {name} | {page_s:.2f} s | {photo_s:.1f} s | {most_mb:.0f} MB |", flush=True)
        for what, value, limit, unit in (
            ("the page took", page_s, limits.page_limit, "s"),
            ("the photograph took", photo_s, limits.photo_limit, "s"),
            ("the studio had", most_mb, limits.memory_limit, "MB"),
        ):
            if value > limit:
                passed.append(f"{name}: {what} {value:.2f} {unit}, above {limit:g} {unit}")
    print(f"load after: {os.getloadavg()[0]:.1f}")
    return passed


def main() -> int:
    """Run them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("attacks", nargs="*", choices=[*ATTACKS, []], default=[])
    parser.add_argument("--page-limit", type=float, default=0.5, help="s")
    parser.add_argument("--photo-limit", type=float, default=3.0, help="s")
    parser.add_argument("--memory-limit", type=float, default=1500.0, help="MB")
    arguments = parser.parse_args()
    passed = asyncio.run(run(arguments.attacks or [*ATTACKS], arguments))
    print(*(passed or ["all within the limits"]), sep="\n")
    return 1 if passed else 0


if __name__ == "__main__":
    sys.exit(main())
