"""Many people at once in one studio: is everything answered, delivered, and quickly?

    python benchmarks/studio_load.py                      50 people for a minute
    python benchmarks/studio_load.py --users 10 --seconds 5

Starts `photochrom serve` on this machine with an empty folder. Each person signs up (before the
measured time: hashing passwords is meant to be slow), then again and again looks at the library,
sends a photo, follows it while looking at other pages, and downloads it in colour; every fifth one
tries hints on it. Exit code 1 if anything was answered with 5xx, an accepted picture was not
delivered whole, or the 95th percentile of whole pages (the library with its thumbnails) or of hints
is above its limit. What was asked in the measured time counts, whenever it was answered.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import numpy as np
import skimage.data
from PIL import Image

PASSWORD = "correct horse battery"
PAGES = ("library", "picture page")
"""What is shown together."""
WHOLE_PAGE, HINT = "whole library", "hint"
"""What is held against a limit."""
HINTS, HINT_S = 3, 4.0
"""So many tries of a hint on a picture, with so many seconds between."""
THINK_S = (0.3, 1.2)
"""People look at a page before they ask for the next."""
DRAIN_S = 600.0
"""After the measured time, for what was accepted until then."""
SETTINGS = {
    "SECURE_COOKIES": "0",
    "LOGIN_RATE": "100000 per minute",
    "UPLOAD_RATE": "100000 per minute",
}


class Tally:
    """What was answered, by all people together."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.broken: list[str] = []
        self.accepted: list[str] = []
        self.delivered: list[str] = []
        self.waits_s: list[float] = []
        self.lock = threading.Lock()
        self.until = 0.0
        """End of the measured time."""
        self.cpu_s: dict[str, float] = {}
        """Seconds of processor time in the measured time, by process."""

    def answered(self, what: str, status: int, began_s: float) -> None:
        """began_s: on the monotonic clock."""
        with self.lock:
            self.statuses[what, status] += 1
            if began_s < self.until:
                self.seconds[what].append(time.monotonic() - began_s)


class Kept(NamedTuple):
    """An answer that the browser keeps, as far as the studio allows."""

    data: bytes
    etag: str
    immutable: bool


class Person:
    """Somebody with a browser: one connection, kept open, cookies, and a cache."""

    def __init__(self, address: str, tally: Tally, number: int, photo: bytes) -> None:
        self.place = urlsplit(address).netloc
        self.tally, self.photo, self.tries_hints = tally, photo, number % 5 == 0
        self.random = random.Random(number)
        self.web = http.client.HTTPConnection(self.place, timeout=120)
        self.cookies: dict[str, str] = {}
        self.kept: dict[str, Kept] = {}
        self.csrf = ""
        self.sign_up(number)

    def ask(self, what: str, method: str, path: str, **more: object) -> tuple[int, bytes]:
        """One request; what: its name in the table."""
        body, headers = more.get("body"), dict(more.get("headers", {}))  # type: ignore[call-overload]
        kept = self.kept.get(path)
        if kept is not None and kept.immutable:
            return 200, kept.data
        if kept is not None:
            headers["If-None-Match"] = kept.etag
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        began = time.monotonic()
        try:
            self.web.request(method, path, body, headers)
            answer = self.web.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.web.close()
            self.tally.broken.append(f"{what}: {type(error).__name__} {error}")
            return 0, b""
        self.tally.answered(what, answer.status, began)
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _equals, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        if found := re.search(rb'name="csrf-token" content="([^"]+)"', data):
            self.csrf = found[1].decode()
        if kept is not None and answer.status == 304:
            return 200, kept.data
        allowed, etag = answer.headers.get("Cache-Control", ""), answer.headers.get("ETag", "")
        if answer.status == 200 and etag and "no-store" not in allowed:
            self.kept[path] = Kept(data, etag, "immutable" in allowed)
        return answer.status, data

    def sign_up(self, number: int) -> None:
        self.ask("sign-up", "GET", "/sign-up")
        fields = {"name": "Ada", "email": f"ada{number}@example.org"}
        fields |= {"csrf_token": self.csrf, "password": PASSWORD, "again": PASSWORD}
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        status, page = self.ask("sign-up", "POST", "/sign-up", body=urlencode(fields), headers=kind)
        assert status == 302, page.decode()
        self.ask("sign-up", "GET", "/library")

    def live(self) -> None:
        """Until the measured time is over, and until everything is delivered."""
        while time.monotonic() < self.tally.until:
            self.look_around()
            path = self.upload()
            if path is not None:
                self.follow(path)
                self.download(path)
                if self.tries_hints:
                    self.try_hints(path)

    def think(self) -> None:
        time.sleep(self.random.uniform(*THINK_S))

    def look_around(self) -> None:
        began = time.monotonic()
        status, page = self.ask("library", "GET", "/library")
        for thumb in set(re.findall(rb'src="(/pictures/[\w-]{16}/thumb\.jpg[^"]*)"', page)):
            self.ask("thumbnail", "GET", thumb.decode())
        self.ask("style sheet", "GET", "/static/css/studio.css")
        self.tally.answered(WHOLE_PAGE, status, began)
        self.think()

    def upload(self) -> str | None:
        border = "x" * 40
        head = (
            f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        )
        headers = {
            "Content-Type": f"multipart/form-data; boundary={border}",
            "Accept": "application/json",
            "X-CSRFToken": self.csrf,
        }
        body = head.encode() + self.photo + f"\r\n--{border}--\r\n".encode()
        status, answer = self.ask("upload", "POST", "/pictures", body=body, headers=headers)
        if status != 201:
            return None
        path = str(json.loads(answer)["pictures"][0]["url"])
        self.tally.accepted.append(path)
        return path

    def follow(self, path: str) -> None:
        """By a stream; once that is refused by asking now and then, as the page does."""
        began, streaming = time.monotonic(), True
        self.ask("picture page", "GET", path)
        self.ask("grey preview", "GET", f"{path}/grey.jpg")
        while time.monotonic() < max(began, self.tally.until) + DRAIN_S:
            if streaming:
                status, answer = self.ask("event stream", "GET", f"{path}/events")
                streaming = status == 200
            if not streaming:
                self.think()
                _status, answer = self.ask("state", "GET", f"{path}/state")
            states = re.findall(rb'"state": ?"(\w+)"', answer)
            if states and states[-1] in (b"done", b"failed"):
                self.tally.waits_s.append(time.monotonic() - began)
                break
            self.ask("library", "GET", "/library")
        self.ask("picture page", "GET", path)

    def try_hints(self, path: str) -> None:
        kind = {"Content-Type": "application/json", "X-CSRFToken": self.csrf}
        for _number in range(HINTS):
            if time.monotonic() > self.tally.until:
                break
            body = json.dumps({"hints": [[self.random.randrange(100), 50, "#c1272d"]]})
            self.ask(HINT, "POST", f"{path}/preview", body=body, headers=kind)
            time.sleep(HINT_S)

    def download(self, path: str) -> None:
        status, file = self.ask("download", "GET", f"{path}/download")
        with contextlib.suppress(OSError):
            if status == 200 and Image.open(io.BytesIO(file)).convert("RGB").width:
                self.tally.delivered.append(path)


@contextlib.contextmanager
def studio(model: str) -> Iterator[tuple[str, int]]:
    """`photochrom serve`, from nothing; gives its address and process."""
    with tempfile.TemporaryDirectory() as folder:
        given = {**SETTINGS, "DATA_DIR": folder, "MODEL": model}
        environment = {f"PHOTOCHROM_WEB_{name}": value for name, value in given.items()}
        log = Path(folder) / "log"
        with log.open("w") as written:
            process = subprocess.Popen(
                [sys.executable, "-m", "photochrom", "serve", "--port", "0"],
                stdout=written,
                stderr=written,
                env=os.environ | environment,
            )
        try:
            yield wait_for(process, log), process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            errors = [line for line in log.read_text().splitlines() if '"level": "error"' in line]
            print(*errors[:20], sep="\n", end="\n" if errors else "")


def wait_for(process: subprocess.Popen[bytes], log: Path) -> str:
    """The address, once the studio answers and its worker has its model."""
    while process.poll() is None:
        text = log.read_text()
        if "The worker is ready." in text and (found := re.search(r"http://[^\s\"]+", text)):
            return found[0]
        time.sleep(0.1)
    raise SystemExit(f"the studio ended: {log.read_text()}")


def cpu_seconds(web_pid: int) -> dict[str, float]:
    """Processor time that each process has had; {} where the system does not tell (not Linux)."""
    with contextlib.suppress(OSError):
        tasks = Path(f"/proc/{web_pid}/task").glob("*/children")
        workers = {int(child) for task in tasks for child in task.read_text().split()}
        ticks = os.sysconf("SC_CLK_TCK")
        seconds = {"this program": time.process_time(), "web": 0.0, "worker": 0.0}
        for name, pid in [("web", web_pid), *(("worker", pid) for pid in workers)]:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            seconds[name] += (int(fields[11]) + int(fields[12])) / ticks
        return seconds
    return {}


def photograph(side: int) -> bytes:
    """A real photograph in grey, as a JPEG of side x side px."""
    grey = Image.fromarray(skimage.data.astronaut()).convert("L").resize((side, side))
    buffer = io.BytesIO()
    grey.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def is_within(tally: Tally, limits_s: dict[str, float]) -> bool:
    """Whether the 95th percentiles are; prints each that is not."""
    within = True
    for what, limit_s in limits_s.items():
        p95_s = float(np.percentile(tally.seconds[what] or [0.0], 95))
        if p95_s > limit_s:
            within = False
            print(f"too slow: p95 of {what} is {p95_s:.2f} s, above {limit_s:g} s")
    return within


def report(tally: Tally, users: int, seconds: float, load: tuple[float, ...]) -> bool:
    """Print the figures; whether all was answered and delivered."""
    answers = sum(tally.statuses.values())
    bad = {key: n for key, n in tally.statuses.items() if key[1] >= 500}
    missing = set(tally.accepted) - set(tally.delivered)
    measured = sum(map(len, tally.seconds.values()))
    print(f"{users} users, {seconds:g} s, {os.cpu_count()} cores, load before {load[0]:.1f}, "
          f"after {os.getloadavg()[0]:.1f}")  # fmt: skip
    had = ", ".join(f"{name} {cpu_s:.1f} s" for name, cpu_s in tally.cpu_s.items())
    print(f"processor time in the measured time: {had or 'not known'}")
    print(f"requests: {answers} in all, {measured} in the measured time "
          f"({measured / seconds:.0f} a second)")  # fmt: skip
    print(f"5xx: {sum(bad.values())} {bad or ''}; connections that broke: {len(tally.broken)} "
          f"{tally.broken[:3] or ''}")  # fmt: skip
    print(f"pictures accepted: {len(tally.accepted)}, delivered whole: {len(tally.delivered)}")
    if tally.waits_s:
        print("from upload to colour: " + quantiles(tally.waits_s, "s", 1))
    for what, times in sorted(tally.seconds.items()):
        statuses = {status: n for (name, status), n in tally.statuses.items() if name == what}
        print(f"  {what:13} {quantiles([t * 1000 for t in times], 'ms', 0)}   {statuses}")
    pages = [t * 1000 for what in PAGES for t in tally.seconds[what]]
    if pages:
        print(f"pages together: {quantiles(pages, 'ms', 0)}")
    return not bad and not missing and not tally.broken and bool(tally.delivered)


def quantiles(values: list[float], unit: str, digits: int) -> str:
    """Median, 95th percentile and largest."""
    p50, p95, most = np.percentile(values, [50, 95, 100])
    return (f"p50 {p50:7.{digits}f} {unit}, p95 {p95:7.{digits}f} {unit}, "
            f"max {most:7.{digits}f} {unit}, n {len(values)}")  # fmt: skip


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--model", default="photochrom-base")
    parser.add_argument("--side", type=int, default=512, help="of the photos, in pixels")
    parser.add_argument("--page-limit", type=float, default=0.6, help="p95 of whole pages, s")
    parser.add_argument("--hint-limit", type=float, default=0.5, help="p95 of hints, s")
    arguments = parser.parse_args()
    photo, tally, load = photograph(arguments.side), Tally(), os.getloadavg()
    with studio(arguments.model) as (address, pid), ThreadPoolExecutor(arguments.users) as pool:
        people = [Person(address, tally, n, photo) for n in range(arguments.users)]
        before, tally.until = cpu_seconds(pid), time.monotonic() + arguments.seconds
        living = [pool.submit(person.live) for person in people]
        time.sleep(arguments.seconds)
        tally.cpu_s = {name: s - before[name] for name, s in cpu_seconds(pid).items()}
        for done in living:
            done.result()
        for person in people:
            person.web.close()
        well = report(tally, arguments.users, arguments.seconds, load)
        limits_s = {WHOLE_PAGE: arguments.page_limit, HINT: arguments.hint_limit}
        well = is_within(tally, limits_s) and well
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
