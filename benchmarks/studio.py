"""How long people wait in a warm studio: from upload to colours, and for the effect of a hint.

Starts `photochrom serve --local` on a folder of its own, with the default model, and asks it over
HTTP as a browser does. The picture is scikit-image's astronaut, grey, of one megapixel.

    python benchmarks/studio.py [--times N]

The bounds are those the studio promises on two cores: 1.5 s and 0.3 s. It exits with 1 where the
median is beyond them.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable
from http.cookiejar import CookieJar
from itertools import pairwise
from pathlib import Path
from typing import Any

import skimage.data
from PIL import Image

UPLOAD_BOUND_S, HINT_BOUND_S = 1.5, 0.3
SIDE_PX = 1000
WARM_UP = 3


class Browser:
    """Just enough of one."""

    def __init__(self, address: str) -> None:
        self._address = address.partition("/?")[0]
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self._opener.open(address).close()  # which lets us in
        page = self.get("/offline").read().decode()
        found = re.search(r'name="csrf-token" content="([^"]+)"', page)
        assert found is not None
        self._token = found[1]

    def get(self, path: str) -> Any:
        """The answer to a GET."""
        return self._opener.open(self._address + path, timeout=60)

    def post(self, path: str, body: bytes, kind: str) -> bytes:
        """The answer to a POST."""
        headers = {"Content-Type": kind, "Accept": "application/json", "X-CSRFToken": self._token}
        request = urllib.request.Request(self._address + path, body, headers)
        with self._opener.open(request, timeout=60) as answer:
            data: bytes = answer.read()
        return data

    def upload(self, picture: bytes) -> str:
        """Send a picture and wait until it is coloured, and its preview is here; its address."""
        border = uuid.uuid4().hex
        head = (
            f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        )
        body = head.encode() + picture + f"\r\n--{border}--\r\n".encode()
        record = self.post("/pictures", body, f"multipart/form-data; boundary={border}")
        url: str = json.loads(record)["pictures"][0]["url"]
        with self.get(f"{url}/events") as events:
            states = [json.loads(line[6:]) for line in events if line.startswith(b"data: ")]
        assert states[-1]["state"] == "done", states[-1]
        self.get(f"{url}/preview/1.jpg").read()
        return url

    def hint(self, url: str, x: int) -> None:
        """Ask what a hint would do, and get the picture."""
        asked = {"hints": [[x, 700, "#c1272d"]], "size": None, "vividness": 1.0, "variant": 0}
        assert self.post(f"{url}/preview", json.dumps(asked).encode(), "application/json")


def processor_s(pid: int) -> float:
    """Processor time of a studio so far, with its worker's; 0 where the system does not say."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if int(fields[1]) == pid or stat.parent.name == str(pid):
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def times_of(action: Callable[[int], object], count: int) -> list[float]:
    """Seconds of each time, after some that do not count."""
    times = []
    for number in range(WARM_UP + count):
        began = time.perf_counter()
        action(number)
        times.append(time.perf_counter() - began)
    return times[WARM_UP:]


def report(what: str, times: list[float], busy_s: float, bound_s: float) -> bool:
    """Print a line; whether the promise holds. busy_s: processor time of each."""
    middle = statistics.median(times)
    print(
        f"{what}: median {middle:.2f} s, fastest {min(times):.2f} s, slowest {max(times):.2f} s, "
        f"processor time {busy_s:.2f} s ({len(times)} times; promised {bound_s} s)"
    )
    return middle <= bound_s


def measure(address: str, pid: int, count: int) -> bool:
    """Measure both. pid: of the studio."""
    browser = Browser(address)
    buffer = io.BytesIO()
    grey = Image.fromarray(skimage.data.astronaut()).convert("L")
    grey.resize((SIDE_PX, SIDE_PX)).save(buffer, "JPEG", quality=92)
    busy = [processor_s(pid)]
    uploads = times_of(lambda _number: browser.upload(buffer.getvalue()), count)
    url = browser.upload(buffer.getvalue())
    busy.append(processor_s(pid))
    hints = times_of(lambda number: browser.hint(url, 300 + number), count)
    busy.append(processor_s(pid))
    each = [(after - before) / (count + WARM_UP) for before, after in pairwise(busy)]
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} processors, load {load}")
    held = [
        report("from upload to the coloured picture, 1 MP", uploads, each[0], UPLOAD_BOUND_S),
        report("from a hint to its effect", hints, each[1], HINT_BOUND_S),
    ]
    return all(held)


def main() -> int:
    """Start a studio, measure, stop it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=15)
    count: int = parser.parse_args().times
    command = [sys.executable, "-m", "photochrom", "serve", "--local", "--port", "0"]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "PHOTOCHROM_WEB_DATA_DIR": str(Path(folder) / "studio"),
            "PHOTOCHROM_WEB_UPLOAD_RATE": "10000 per minute",
        }
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=environment
        ) as studio:
            try:
                assert studio.stderr is not None
                found = None
                while found is None and (line := studio.stderr.readline()):
                    found = re.search(r"http://\S+", line)
                if found is None:
                    print("the studio did not start")
                    return 1
                return 0 if measure(found[0], studio.pid, count) else 1
            finally:
                studio.terminate()


if __name__ == "__main__":
    sys.exit(main())
