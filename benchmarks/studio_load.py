"""Many people's browsers at once in one studio: is everything answered, delivered, and quickly?

    python benchmarks/studio_load.py                      50 people for a minute
    python benchmarks/studio_load.py --users 10 --seconds 5

Starts `photochrom serve` on this machine, held to two cores, with an empty folder. Each person has
a browser with eight connections, a cache and cookies. In the measured time each opens a page every
5 s, with all its parts; every fifth tries a hint every 4 s on a picture of 2 megapixels, and keeps
every third of them; each sends one photograph, of 0.3, 2 or 12 megapixels, follows it and downloads
it in colour; two send a film. Besides, there are people who read slowly, and connections that say
nothing. All of it comes at its time, whether or not the studio keeps up, and its latency counts
from that time, also where there is no answer until the end.

Exit code 1 if anything was answered with 5xx, an accepted picture was not delivered whole, a
connection broke, or a 95th percentile or the memory is above its limit.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import io
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import numpy as np
import skimage.data
from PIL import Image

PASSWORD = "correct horse battery"
CONNECTIONS = 8
"""Of one browser."""
PAGE_S, HINT_S = 5.0, 4.0
"""How often somebody opens a page, or tries a hint."""
KEEP_EVERY = 3
"""So many hints are tried for one that is kept."""
RETRY_S = 0.7
"""After which the page's script asks again where the studio is busy."""
DRAIN_S = 240.0
"""After the measured time, for what was begun until then."""
MAX_USERS, MAX_SECONDS = 200, 600.0
SLOW_BYTES_S = 2000
PHOTOS_MP = {"photo 0.3 MP": 0.26, "photo 2 MP": 2.0, "photo 12 MP": 12.0}
SHARES = (0.6, 0.3, 0.1)
"""Of people who send each of them."""
WHOLE_PAGE, PAGE, HINT = "page with all its parts", "page", "hint"
"""What is held against a limit."""
SETTINGS = {
    "SECURE_COOKIES": "0",
    "LOGIN_RATE": "100000 per minute",
    "UPLOAD_RATE": "100000 per minute",
}
PART = re.compile(rb'(?:src|href)="(/(?:static|pictures)/[^"]+\.(?:js|css|jpg|svg|webp)[^"]*)"')
MODULE = re.compile(rb'from "\./([\w-]+\.js)"')


class Tally:
    """What was answered, by all people together."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.statuses: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.broken: list[str] = []
        self.accepted: list[str] = []
        self.delivered: list[str] = []
        self.until = 0.0
        """End of the measured time, on the monotonic clock; 0: it has not begun."""
        self.memory_mb: list[float] = []
        """Of all processes of the studio, each second."""
        self.cpu_s: dict[str, float] = {}
        """Seconds of processor time in the measured time, by process."""
        self.all_cpu_s: dict[str, float] = {}
        """The same until all was answered."""

    def took(self, what: str, since_s: float) -> None:
        """since_s: when it was wanted, on the monotonic clock."""
        if self.until:
            self.seconds[what].append(time.monotonic() - since_s)


class Answer(NamedTuple):
    """What the studio said."""

    status: int
    headers: dict[str, str]
    """By their names in small letters."""
    cookies: list[str]
    data: bytes


class Connection:
    """One connection of a browser, opened when it is first needed, and kept."""

    def __init__(self, host: str, port: int) -> None:
        self._place = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, head: bytes, body: bytes = b"") -> Answer:
        """Raises OSError or EOFError where it breaks."""
        is_used = self._streams is not None
        try:
            return await self._ask(head, body)
        except (OSError, EOFError):
            self.close()
            if not is_used:
                raise
        return await self._ask(head, body)  # it was let go meanwhile, as idle ones are

    async def _ask(self, head: bytes, body: bytes) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._place, limit=1 << 20)
        reader, writer = self._streams
        writer.write(head)
        writer.write(body)
        await writer.drain()
        status = int((await reader.readuntil(b"\n")).split(b" ")[1])
        headers, cookies = {}, []
        while (line := (await reader.readuntil(b"\n")).decode("latin-1").strip()) != "":
            name, _colon, value = line.partition(":")
            headers[name.lower()] = value.strip()
            if name.lower() == "set-cookie":
                cookies.append(value.strip())
        data = b"" if status in (204, 304) else await self._body(reader, headers)
        if headers.get("content-encoding") == "gzip":
            data = gzip.decompress(data)
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, headers, cookies, data)

    async def _body(self, reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
        if "content-length" in headers:
            return await reader.readexactly(int(headers["content-length"]))
        if headers.get("transfer-encoding") != "chunked":
            self._streams = None
            return await reader.read()
        pieces = []
        while length := int(await reader.readuntil(b"\n"), 16):
            pieces.append(await reader.readexactly(length))
            await reader.readuntil(b"\n")
        await reader.readuntil(b"\n")
        return b"".join(pieces)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


class Kept(NamedTuple):
    """An answer that the browser keeps, as far as the studio allows."""

    data: bytes
    etag: str
    immutable: bool


class Person:
    """Somebody with a browser."""

    def __init__(self, address: str, tally: Tally, number: int) -> None:
        parts = urlsplit(address)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self.tally, self.number = tally, number
        self.random = random.Random(number)
        self.connections = [Connection(self.host, self.port) for _ in range(CONNECTIONS)]
        self.free: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        for connection in self.connections:
            self.free.put_nowait(connection)
        self.cookies: dict[str, str] = {}
        self.kept: dict[str, Kept] = {}
        self.csrf = ""
        self.hints = 0
        self.pictures: list[str] = []

    def head(self, method: str, path: str, headers: dict[str, str], length: int) -> bytes:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        lines = {"Host": f"{self.host}:{self.port}", "Accept-Encoding": "gzip", **headers}
        if cookies:
            lines["Cookie"] = cookies
        if method == "POST":
            lines["Content-Length"] = str(length)
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode()

    async def ask(
        self,
        what: str,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request; what: its name in the table of answers. Status 0 where it broke."""
        headers, kept = dict(headers or {}), self.kept.get(path)
        if method == "GET" and kept is not None:
            if kept.immutable:
                return Answer(200, {}, [], kept.data)
            headers["If-None-Match"] = kept.etag
        connection = await self.free.get()
        try:
            answer = await connection.ask(self.head(method, path, headers, len(body)), body)
        except (OSError, EOFError) as error:
            connection.close()
            self.tally.broken.append(f"{what}: {type(error).__name__} {error}")
            return Answer(0, {}, [], b"")
        finally:
            self.free.put_nowait(connection)
        self.tally.statuses[what][answer.status] += 1
        for cookie in answer.cookies:
            name, _equals, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        if found := re.search(rb'name="csrf-token" content="([^"]+)"', answer.data):
            self.csrf = found[1].decode()
        if kept is not None and answer.status == 304:
            return answer._replace(status=200, data=kept.data)
        allowed, etag = answer.headers.get("cache-control", ""), answer.headers.get("etag", "")
        if method == "GET" and answer.status == 200 and etag and "no-store" not in allowed:
            self.kept[path] = Kept(answer.data, etag, "immutable" in allowed)
        return answer

    async def sign_up(self) -> None:
        await self.ask("sign-up", "GET", "/sign-up")
        fields = {"name": "Ada", "email": f"ada{self.number}@example.org"}
        fields |= {"csrf_token": self.csrf, "password": PASSWORD, "again": PASSWORD}
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self.ask("sign-up", "POST", "/sign-up", urlencode(fields).encode(), kind)
        assert answer.status == 302, answer.data.decode()
        await self.ask("sign-up", "GET", "/library")

    async def look(self, due_s: float) -> None:
        """Open a page, with all its parts as a browser asks for them."""
        paths = ["/library", "/library", "/account", *self.pictures[:1]]
        page = await self.ask("page", "GET", self.random.choice(paths))
        self.tally.took(PAGE, due_s)
        parts = {path.decode().replace("&amp;", "&") for path in PART.findall(page.data)}
        parts = {path.partition("#")[0] for path in parts}  # one drawing has many icons
        known: set[str] = set()
        while parts:
            known |= parts
            asked = sorted(parts)
            answers = await asyncio.gather(*(self.ask("part", "GET", path) for path in asked))
            parts = {
                f"{path.rpartition('/')[0]}/{name.decode()}"
                for path, answer in zip(asked, answers)
                for name in MODULE.findall(answer.data)
            } - known
        self.tally.took(WHOLE_PAGE, due_s)

    async def send(self, file: bytes, name: str, what: str, due_s: float) -> str | None:
        """Upload a file; its page."""
        border = "x" * 40
        start = (
            f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body = start.encode() + file + f"\r\n--{border}--\r\n".encode()
        while True:
            headers = {
                "Content-Type": f"multipart/form-data; boundary={border}",
                "Accept": "application/json",
                "X-CSRFToken": self.csrf,
            }
            answer = await self.ask(f"upload of a {what}", "POST", "/pictures", body, headers)
            if answer.status not in (429, 503):
                break
            await asyncio.sleep(float(answer.headers.get("retry-after", 1)))
        self.tally.took(f"upload of a {what}", due_s)
        if answer.status != 201:
            return None
        path = str(json.loads(answer.data)["pictures"][0]["url"])
        self.tally.accepted.append(path)
        return path

    async def bring(self, file: bytes, name: str, what: str, due_s: float) -> None:
        """Upload a file, follow it to its colours, and download it."""
        path = await self.send(file, name, what, due_s)
        if path is None:
            return
        await self.ask("page", "GET", path)
        await self.follow(path)
        self.tally.took(f"{what}, to its colours", due_s)
        begun = time.monotonic()
        answer = await self.ask("download", "GET", f"{path}/download")
        self.tally.took("download", begun)
        if answer.status == 200 and is_whole(answer.data):
            self.tally.delivered.append(path)
        self.pictures.insert(0, path)

    async def follow(self, path: str) -> None:
        """By a stream; once that is refused by asking now and then, as the page does."""
        streaming = True
        while True:
            if streaming:
                answer = await self.ask("event stream", "GET", f"{path}/events")
                streaming = answer.status == 200
            if not streaming:
                await asyncio.sleep(1)
                answer = await self.ask("state", "GET", f"{path}/state")
            states = re.findall(rb'"state": ?"(\w+)"', answer.data)
            if (states and states[-1] in (b"done", b"failed")) or answer.status in (0, 404):
                return

    async def hint(self, path: str, due_s: float) -> None:
        """Try a hint on a picture, and now and then keep it."""
        kind = {"Content-Type": "application/json", "X-CSRFToken": self.csrf}
        place, color = [self.random.randrange(1400) for _ in "xy"], self.random.randrange(1 << 24)
        hints = {"hints": [[*place, f"#{color:06x}"]]}
        body = json.dumps(hints).encode()
        while (await self.ask(HINT, "POST", f"{path}/preview", body, kind)).status == 429:
            await asyncio.sleep(RETRY_S)
        self.tally.took(HINT, due_s)
        self.hints += 1
        if self.hints % KEEP_EVERY == 0:
            begun = time.monotonic()
            await self.ask("edit", "POST", f"{path}/edit", body, kind)
            self.tally.took("edit", begun)

    def close(self) -> None:
        for connection in self.connections:
            connection.close()


def is_whole(data: bytes) -> bool:
    """Whether a downloaded picture can be read, or a film is one."""
    if data[4:8] == b"ftyp":
        return len(data) > 1000
    with contextlib.suppress(OSError):
        return Image.open(io.BytesIO(data)).convert("RGB").width > 0
    return False


async def read_slowly(person: Person, path: str, until_s: float) -> None:
    """Take a file so slowly that it never ends, again and again."""
    while time.monotonic() < until_s:
        with contextlib.suppress(OSError):
            made = socket.socket()
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            made.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(made, (person.host, person.port))
            await loop.sock_sendall(made, person.head("GET", path, {}, 0))
            with made:
                while time.monotonic() < until_s and await loop.sock_recv(made, SLOW_BYTES_S // 2):
                    await asyncio.sleep(0.5)
        await asyncio.sleep(1)


async def keep_silent(place: tuple[str, int], until_s: float, *, begins: bool) -> None:
    """A connection that asks for nothing, or begins to and does not go on."""
    while time.monotonic() < until_s:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(*place)
            if begins:
                writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(reader.read(1), max(0.1, until_s - time.monotonic()))
            writer.close()
        await asyncio.sleep(1)


async def arrive(
    every_s: float, first_s: float, until_s: float, what: Callable[[float], Awaitable[None]]
) -> None:
    """Begin something at its times, whatever became of it before; wait for all of it."""
    begun, due_s = [], first_s
    while due_s < until_s:
        await asyncio.sleep(due_s - time.monotonic())
        begun.append(asyncio.ensure_future(what(due_s)))
        due_s += every_s
    await asyncio.gather(*begun)


async def live(people: list[Person], tally: Tally, seconds: float, silent: int, slow: int) -> None:
    """All that happens in the measured time."""
    photos = {what: photograph(megapixels) for what, megapixels in PHOTOS_MP.items()}
    hinting = [person for person in people if person.number % 5 == 0]
    hinted = {}
    for person in hinting:
        path = await person.send(photos["photo 2 MP"], "a.jpg", "photo 2 MP", 0.0)
        assert path is not None
        await person.follow(path)
        tally.delivered.append(path)
        person.pictures.append(path)
        hinted[person.number] = path
    film = small_film()
    start = time.monotonic()
    tally.until = until = start + seconds
    tally.statuses.clear()
    kinds, chance = list(photos), random.Random(0)
    work: list[Awaitable[None]] = []
    for person in people:
        phase = person.random.uniform(0, PAGE_S)
        work.append(arrive(PAGE_S, start + phase, until, person.look))
        what = chance.choices(kinds, SHARES)[0]
        bring = partial(person.bring, photos[what], "a.jpg", what)
        work.append(arrive(seconds, start + person.random.uniform(0, 0.8 * seconds), until, bring))
    for person in hinting:
        hint, phase = partial(person.hint, hinted[person.number]), person.random.uniform(0, HINT_S)
        work.append(arrive(HINT_S, start + phase, until, hint))
    work += [one.bring(film, "film.mp4", "film", start) for one in people[:2] if film is not None]
    place = (people[0].host, people[0].port)
    reader = hinting[0]
    paths = [f"{hinted[reader.number]}/download?form=original"] * slow
    work += [read_slowly(reader, path, until) for path in paths]
    work += [keep_silent(place, until, begins=n % 2 == 0) for n in range(silent)]
    tasks = [asyncio.ensure_future(one) for one in work]
    _done, left = await asyncio.wait(tasks, timeout=seconds + DRAIN_S)
    for task in left:
        task.cancel()
        tally.broken.append("no answer until the end")
        tally.took("no answer", until)
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            raise error


@contextlib.contextmanager
def studio(
    model: str, cores: int, more: Mapping[str, str] | None = None
) -> Iterator[tuple[str, int]]:
    """`photochrom serve`, from nothing; gives its address and process. more: settings."""
    with tempfile.TemporaryDirectory() as folder:
        given = {**SETTINGS, "DATA_DIR": folder, "MODEL": model, **(more or {})}
        environment = {f"PHOTOCHROM_WEB_{name}": value for name, value in given.items()}
        log = Path(folder) / "log"
        with log.open("w") as written:
            process = subprocess.Popen(
                [sys.executable, "-m", "photochrom", "serve", "--port", "0"],
                stdout=written,
                stderr=written,
                env=os.environ | environment,
            )
        if hasattr(os, "sched_setaffinity"):  # its threads and its worker inherit it
            os.sched_setaffinity(process.pid, sorted(os.sched_getaffinity(0))[:cores])
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


def processes(web_pid: int) -> dict[str, list[int]]:
    """The studio's, by what they are; {} where the system does not tell (not Linux)."""
    with contextlib.suppress(OSError):
        tasks = Path(f"/proc/{web_pid}/task").glob("*/children")
        workers = {int(child) for task in tasks for child in task.read_text().split()}
        return {"web": [web_pid], "worker": sorted(workers)}
    return {}


def cpu_seconds(web_pid: int) -> dict[str, float]:
    """Processor time that each process has had."""
    seconds = {"this program": time.process_time()}
    for name, pids in processes(web_pid).items():
        seconds[name] = 0.0
        for pid in pids:
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks = int(fields[11]) + int(fields[12])
                seconds[name] += ticks / os.sysconf("SC_CLK_TCK")
    return seconds


async def watch_memory(tally: Tally, web_pid: int) -> None:
    """Each second until it is cancelled: what the studio's processes hold, shared pages once."""
    while True:
        kilobytes = 0
        for pids in processes(web_pid).values():
            for pid in pids:
                with contextlib.suppress(OSError):
                    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
                    kilobytes += int(re.search(r"^Pss: +(\d+)", text, re.MULTILINE)[1])  # type: ignore[index]
        if tally.until and time.monotonic() < tally.until:
            tally.memory_mb.append(kilobytes / 1000)
        await asyncio.sleep(1)


def photograph(megapixels: float) -> bytes:
    """A real photograph in grey, as a square JPEG of so many megapixels."""
    side = round((megapixels * 1e6) ** 0.5)
    grey = Image.fromarray(skimage.data.astronaut()).convert("L").resize((side, side))
    buffer = io.BytesIO()
    grey.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def small_film() -> bytes | None:
    """Two seconds of a photograph that moves, as MP4; None where PyAV is not installed."""
    try:
        import av
    except ImportError:
        return None
    picture = np.asarray(Image.fromarray(skimage.data.astronaut()).convert("L"))
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(48):
            part = picture[number : number + 240, number : number + 320]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(part), format="gray")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode())
    return buffer.getvalue()


def is_within(tally: Tally, limits_s: dict[str, float], memory_limit_mb: float) -> bool:
    """Whether the 95th percentiles and the memory are; prints each that is not."""
    within = True
    for what, limit_s in limits_s.items():
        p95_s = float(np.percentile(tally.seconds[what] or [0.0], 95))
        if p95_s > limit_s:
            within = False
            print(f"too slow: p95 of {what} is {p95_s:.2f} s, above {limit_s:g} s")
    if max(tally.memory_mb, default=0.0) > memory_limit_mb:
        within = False
        print(f"too large: {max(tally.memory_mb):.0f} MB, above {memory_limit_mb:g} MB")
    return within


def report(tally: Tally, users: int, seconds: float, load: tuple[float, ...]) -> bool:
    """Print the figures; whether all was answered and delivered."""
    answers = sum(sum(counts.values()) for counts in tally.statuses.values())
    bad = {what: {status: n for status, n in counts.items() if status >= 500}
           for what, counts in tally.statuses.items()}  # fmt: skip
    bad = {what: counts for what, counts in bad.items() if counts}
    missing = set(tally.accepted) - set(tally.delivered)
    print(f"{users} users, {seconds:g} s, {os.cpu_count()} cores, load before {load[0]:.1f}, "
          f"after {os.getloadavg()[0]:.1f}")  # fmt: skip
    for when, cpu_s in (("in the measured time", tally.cpu_s), ("in all", tally.all_cpu_s)):
        had = ", ".join(f"{name} {s:.1f} s" for name, s in cpu_s.items())
        print(f"processor time {when}: {had or 'not known'}")
    print(f"requests: {answers} ({answers / seconds:.0f} a second of the measured time)")
    print(f"5xx: {sum(sum(c.values()) for c in bad.values())} {bad or ''}; connections that broke: "
          f"{len(tally.broken)} {tally.broken[:3] or ''}")  # fmt: skip
    print(f"pictures accepted: {len(tally.accepted)}, delivered whole: "
          f"{len(tally.accepted) - len(missing)}")  # fmt: skip
    if tally.memory_mb:
        third = max(1, len(tally.memory_mb) // 3)
        parts = [tally.memory_mb[:third], tally.memory_mb[third : 2 * third] or tally.memory_mb,
                 tally.memory_mb[-third:]]  # fmt: skip
        means = ", ".join(f"{sum(part) / len(part):.0f}" for part in parts)
        print(f"memory of web and worker: at most {max(tally.memory_mb):.0f} MB; "
              f"mean of each third of the time: {means} MB")  # fmt: skip
    print("\n| what | n | p50 | p95 | p99 | largest |\n| --- | --- | --- | --- | --- | --- |")
    for what, times in sorted(tally.seconds.items()):
        figures = " | ".join(f"{s:.2f} s" for s in np.percentile(times, [50, 95, 99, 100]))
        print(f"| {what} | {len(times)} | {figures} |")
    print()
    for what, counts in sorted(tally.statuses.items()):
        print(f"  {what}: {dict(sorted(counts.items()))}")
    return not bad and not missing and not tally.broken and bool(tally.delivered)


async def run(arguments: argparse.Namespace, tally: Tally, address: str, pid: int) -> None:
    """Everybody's minute."""
    people = [Person(address, tally, number) for number in range(arguments.users)]
    for person in people:
        await person.sign_up()
    memory = asyncio.ensure_future(watch_memory(tally, pid))
    living = asyncio.ensure_future(
        live(people, tally, arguments.seconds, arguments.silent, arguments.slow)
    )
    while not tally.until and not living.done():
        await asyncio.sleep(0.01)
    before = cpu_seconds(pid)
    await asyncio.wait([living], timeout=arguments.seconds)
    tally.cpu_s = {name: s - before[name] for name, s in cpu_seconds(pid).items()}
    await living
    tally.all_cpu_s = {name: s - before[name] for name, s in cpu_seconds(pid).items()}
    memory.cancel()
    for person in people:
        person.close()


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--model", default="photochrom-base")
    parser.add_argument("--cores", type=int, default=2, help="that the studio has")
    parser.add_argument("--silent", type=int, default=200, help="connections that ask nothing")
    parser.add_argument("--slow", type=int, default=20, help="people who read slowly")
    parser.add_argument("--page-limit", type=float, default=0.6, help="p95 of whole pages, s")
    parser.add_argument("--html-limit", type=float, default=0.2, help="p95 of pages alone, s")
    parser.add_argument("--hint-limit", type=float, default=0.5, help="p95 of hints, s")
    parser.add_argument("--memory-limit", type=float, default=1500.0, help="of all processes, MB")
    arguments = parser.parse_args()
    if not (0 < arguments.users <= MAX_USERS and 0 < arguments.seconds <= MAX_SECONDS):
        parser.error(f"at most {MAX_USERS} users and {MAX_SECONDS:g} seconds")
    tally, load = Tally(), os.getloadavg()
    with studio(arguments.model, arguments.cores) as (address, pid):
        asyncio.run(run(arguments, tally, address, pid))
        well = report(tally, arguments.users, arguments.seconds, load)
    limits_s = {
        WHOLE_PAGE: arguments.page_limit,
        PAGE: arguments.html_limit,
        HINT: arguments.hint_limit,
    }
    well = is_within(tally, limits_s, arguments.memory_limit) and well
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
