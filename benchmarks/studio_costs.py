"""What each request costs a studio, in processor time: pages, their parts, hints, uploads.

    python benchmarks/studio_costs.py                all kinds
    python benchmarks/studio_costs.py page hint      some

Starts `photochrom serve` on this machine with an empty folder, and asks for one thing after the
other, as one browser. Processor time of the web process, of the worker and of this program hardly
depends on what else the machine does, as the time that passes would.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable

from studio_load import Person, Tally, cpu_seconds, photograph, studio

TIMES = 100
"""Of pages and files; of what computes a quarter of that."""


class Costs:
    """One browser, and what its requests cost."""

    def __init__(self, person: Person, pid: int, times: int) -> None:
        self.person, self.pid, self.times = person, pid, times
        self.path = ""

    async def prepare(self) -> None:
        """Sign up, and have a picture of two megapixels in colour."""
        await self.person.sign_up()
        path = await self.person.send(photograph(2.0), "a.jpg", "photo", 0.0)
        assert path is not None
        await self.person.follow(path)
        self.path = path

    async def measure(self, what: str, ask: Callable[[int], Awaitable[object]], times: int) -> None:
        """Print the line of one kind of request."""
        for number in range(3):
            await ask(-1 - number)
        before, begun = cpu_seconds(self.pid), time.perf_counter()
        for number in range(times):
            await ask(number)
        took_s = time.perf_counter() - begun
        spent = {name: s - before[name] for name, s in cpu_seconds(self.pid).items()}
        figures = " | ".join(f"{1000 * s / times:.2f}" for s in (*spent.values(), took_s))
        print(f"| {what} | {times} | {figures} |", flush=True)

    async def get(self, what: str, path: str) -> None:
        """A GET that no cache of the browser answers."""

        async def ask(_number: int) -> None:
            self.person.kept.clear()
            answer = await self.person.ask(what, "GET", path)
            assert answer.status == 200, (path, answer.status)

        await self.measure(what, ask, self.times)

    async def page(self) -> None:
        """Pages alone."""
        await self.get("library", "/library")
        await self.get("account", "/account")
        await self.get("picture", self.path)

    async def part(self) -> None:
        """What pages are made of, and what their scripts ask."""
        page = (await self.person.ask("page", "GET", "/library")).data.decode()
        style = next(p for p in page.split('"') if p.endswith("studio.css"))
        await self.get("style sheet", style)
        await self.get("thumbnail", f"{self.path}/thumb.jpg?v=1")
        await self.get("preview of a picture", f"{self.path}/preview/1.jpg")
        await self.get("state", f"{self.path}/state")
        await self.get("health", "/healthz")

    async def hint(self) -> None:
        """A hint tried out, and one kept."""
        kind = {"Content-Type": "application/json", "X-CSRFToken": self.person.csrf}

        async def preview(number: int) -> None:
            body = json.dumps({"hints": [[500 + number, 50, "#c1272d"]]}).encode()
            answer = await self.person.ask("hint", "POST", f"{self.path}/preview", body, kind)
            assert answer.status == 200, answer

        async def edit(number: int) -> None:
            body = json.dumps({"hints": [[500 + number, 50, "#c1272d"]]}).encode()
            answer = await self.person.ask("edit", "POST", f"{self.path}/edit", body, kind)
            assert answer.status == 200, answer
            await self.person.follow(self.path)

        await self.measure("hint, 2 MP", preview, self.times // 4)
        await self.measure("edit, 2 MP, followed to its colours", edit, self.times // 8)

    async def upload(self) -> None:
        """Photographs, followed to their colours."""
        for name, megapixels in (("0.3 MP", 0.26), ("2 MP", 2.0), ("12 MP", 12.0)):
            file = photograph(megapixels)

            async def send(_number: int, file: bytes = file) -> None:
                path = await self.person.send(file, "a.jpg", "photo", 0.0)
                assert path is not None
                await self.person.follow(path)

            await self.measure(f"photograph of {name}, to its colours", send, self.times // 12)


KINDS = {"page": Costs.page, "part": Costs.part, "hint": Costs.hint, "upload": Costs.upload}


async def run(kinds: list[str], address: str, pid: int, times: int) -> None:
    """All of it."""
    person = Person(address, Tally(), 0)
    costs = Costs(person, pid, times)
    await costs.prepare()
    print("milliseconds of processor time for one request\n")
    print("| request | n | this program | web | worker | that passed |")
    print("| --- | --- | --- | --- | --- | --- |")
    for kind in kinds:
        await KINDS[kind](costs)
    person.close()


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], default=[])
    parser.add_argument("--times", type=int, default=TIMES)
    arguments = parser.parse_args()
    with studio("photochrom-base", 2, {"COMPUTE_RATE": "100000 per minute"}) as (address, pid):
        asyncio.run(run(arguments.kinds or [*KINDS], address, pid, arguments.times))
    print(f"load after: {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
