"""Does a film's length show in the memory that colouring it takes?

    python benchmarks/film_memory.py [--minutes M] [--size WxH] [--rate FPS] [--model MODEL]
                                     [--folder DIR] [--tell-every SECONDS]

Makes a film of so many minutes (shots of drawn pictures that a camera moves over, with grain, cut
every four seconds; one minute is encoded and then repeated), colours it with ``photochrom film``
in a fresh process, and tells that process's memory (RSS) while it works and its peak. Linux only,
since the memory is read from /proc.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from photochrom.engine import DEFAULT_MODEL
from photochrom.evaluation.bench import synthetic_picture

SHOT_S = 4
ONCE_S = 60


def main() -> None:
    """Make the film, colour it, tell the memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--size", default="854x480")
    parser.add_argument("--rate", type=int, default=24)
    parser.add_argument("--model", default=str(DEFAULT_MODEL))
    parser.add_argument("--folder", type=Path, help="where the films are made; a temporary one")
    parser.add_argument("--tell-every", type=float, default=60.0)
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    with tempfile.TemporaryDirectory(prefix="photochrom-", dir=args.folder) as folder:
        film = Path(folder) / "long.mkv"
        make_long_film(film, width, height, args.rate, args.minutes)
        print(f"{args.minutes} min of {width} x {height} at {args.rate} fps", flush=True)
        watch(film, Path(folder) / "out.mkv", args.model, args.tell_every)


def make_long_film(path: Path, width: int, height: int, rate: int, minutes: int) -> None:
    """One minute, encoded once, and the same packets again for every minute."""
    once = path.with_name("once.mkv")
    rng = np.random.default_rng(3)
    with av.open(str(once), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(ONCE_S * rate):
            shot, frame = divmod(index, SHOT_S * rate)
            if frame == 0:
                wide = synthetic_picture(2.0 * width * height / 1e6)[..., 0]
                scene = np.rot90(wide, 2 * (shot % 2)) if shot % 3 else 255 - wide
                scene = cv2.resize(scene, (2 * width, 2 * height))
            x, y = round(frame / (SHOT_S * rate) * width), round(frame / SHOT_S / rate * height / 4)
            view = scene[y : y + height, x : x + width].astype(np.int16)
            view += rng.integers(-3, 4, view.shape, dtype=np.int16)
            grey = av.VideoFrame.from_ndarray(np.clip(view, 0, 255).astype(np.uint8), "gray")
            container.mux(stream.encode(grey.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    with av.open(str(path), "w") as container:
        copy = None
        for minute in range(minutes):
            with av.open(str(once)) as source:
                video = source.streams.video[0]
                copy = copy or container.add_stream_from_template(video)
                off = round(Fraction(minute * ONCE_S) / video.time_base)
                for packet in source.demux(video):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + off, packet.dts + off
                    packet.stream = copy
                    container.mux(packet)


def watch(film: Path, out: Path, model: str, every_s: float) -> None:
    """Colour the film in a process of its own and tell its memory."""
    command = [sys.executable, "-m", "photochrom", "film", str(film), "-o", str(out)]
    began, told, peak = time.monotonic(), 0.0, 0.0
    with subprocess.Popen([*command, "--model", model]) as run:
        while run.poll() is None:
            now_mb, most_mb = memory_mb(run.pid)
            peak = max(peak, most_mb)
            if time.monotonic() - began >= told:
                print(f"{told:6.0f} s: {now_mb:6.0f} MB, at most {most_mb:6.0f} MB", flush=True)
                told += every_s
            time.sleep(0.5)
    seconds = time.monotonic() - began
    print(f"ended with {run.returncode} after {seconds:.0f} s; peak {peak:.0f} MB")
    if run.returncode:
        sys.exit(1)


def memory_mb(pid: int) -> tuple[float, float]:
    """Resident memory of a process now, and at most so far; 0 when it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0, 0.0
    lines = dict(line.split(":", 1) for line in text.splitlines())
    if "VmRSS" not in lines:
        return 0.0, 0.0
    return tuple(int(lines[key].split()[0]) * 1024 / 1e6 for key in ("VmRSS", "VmHWM"))


if __name__ == "__main__":
    main()
