"""What is done with one picture of an archive: read, coloured as `photochrom image` does, written.

Three steps, since on a cluster they run in processes of their own. Whatever goes wrong concerns
this input alone, and comes back as its result.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import logging
import os
import platform
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.archive.decisions import parse_hints
from photochrom.archive.manifest import Result, Task
from photochrom.archive.provenance import Provenance, sidecar_key
from photochrom.archive.stores import Store
from photochrom.batch.plan import Job
from photochrom.batch.run import (
    BatchOptions,
    color_with_tools,
    failure_message,
    judge_tone,
    load_tools,
    read_picture,
)
from photochrom.color.space import rgb_to_lab
from photochrom.engine import Network
from photochrom.errors import PhotochromError
from photochrom.imageio import (
    Picture,
    eight_bit_rgb,
    is_transparent,
    write,
    writing_notes,
)
from photochrom.processors import limit_threads, share_size

_CAST_PX = 64
_DAMAGE_PX = 512
_DAMAGE_WORDS = ("damaged", "missing", "broken", "mended")
_READERS, _WRITERS = 4, 4
_AHEAD_BYTES = 64_000_000
"""Of originals that are read before they are coloured, unless a single one is larger."""
_log = logging.getLogger(__name__)


class InputContent(NamedTuple):
    """An input that has been read."""

    task: Task
    data: bytes
    sha256: str
    file_mode: int | None = None
    error: str = ""
    """Why it could not be read; then there are no data."""
    seconds: float = 0.0


class ResultContent(NamedTuple):
    """What is to be written, and what will then be true."""

    result: Result
    data: bytes = b""
    sidecar: bytes = b""
    file_mode: int | None = None


def worker_name() -> str:
    """Which process this is: its machine and number."""
    return f"{platform.node()}:{os.getpid()}"


def read_input(task: Task, source: Store) -> InputContent:
    """The bytes of an input and their hash."""
    start_s = time.perf_counter()
    try:
        data = source.read(task.key)
        path = source.path(task.key)
        mode = None if path is None else path.stat().st_mode & 0o777
    except Exception as error:  # noqa: BLE001  # told, and the others go on
        message = (
            str(error) if isinstance(error, PhotochromError) else _message(task, error, "read")
        )
        return InputContent(task, b"", "", None, message, time.perf_counter() - start_s)
    digest = hashlib.sha256(data).hexdigest()
    return InputContent(task, data, digest, mode, "", time.perf_counter() - start_s)


class Colorer:
    """A network that colours what has been read; one for each process that colours."""

    def __init__(
        self,
        model: str | Path,
        options: BatchOptions,
        provenance: Provenance,
        *,
        find_damage: bool = False,
        callers: int = 1,
    ) -> None:
        """model: as `local_model` returns it. callers: threads that will ask it at the same time,
        which share the processors where the options do not say how many threads there are.

        Raises ModelError, and what `Provenance` raises.
        """
        self._options, self._provenance, self._find_damage = options, provenance, find_damage
        self._most_threads = options.threads or share_size(callers)
        self._tools = load_tools(model, options, callers=callers, confidence="coarse")
        self._recorder = ConfidenceRecorder(self._tools.network)
        self._sign = provenance.signer()

    @property
    def network(self) -> Network:
        """The network that colours."""
        return self._tools.network

    def __call__(self, loaded: InputContent) -> ResultContent:
        """Colour it; whatever goes wrong is in the result."""
        task, start_s = loaded.task, time.perf_counter()
        if loaded.error:
            return ResultContent(self._failure(loaded, loaded.error))
        if task.sha256 == loaded.sha256:
            return ResultContent(Result(task.key, "coloured", loaded.sha256, unchanged=True))
        try:
            with limit_threads(self._most_threads):
                finished = self._color(loaded)
        except PhotochromError as error:
            finished = ResultContent(self._failure(loaded, str(error)))
        except Exception as error:  # noqa: BLE001  # told, and the others go on
            _log.debug("where the error of %s came from", task.key, exc_info=error)
            finished = ResultContent(self._failure(loaded, _message(task, error, "coloured")))
        seconds = loaded.seconds + time.perf_counter() - start_s
        return finished._replace(result=dataclasses.replace(finished.result, seconds=seconds))

    def _failure(self, loaded: InputContent, message: str) -> Result:
        return Result(
            loaded.task.key,
            "failed",
            loaded.sha256 or None,
            worker=worker_name(),
            error=message,
            seconds=loaded.seconds,
        )

    def _color(self, loaded: InputContent) -> ResultContent:
        task, options = loaded.task, self._options
        picture = read_picture(loaded.data, options, name=task.key)
        options = dataclasses.replace(options, force=options.force or task.force)
        judgement = judge_tone(picture, options)
        height, width = picture.pixels.shape[:2]
        result = Result(
            task.key,
            "in colour",
            loaded.sha256,
            worker=worker_name(),
            height=height,
            width=width,
            tone="" if judgement is None else judgement.tone,
            notes=picture.notes,
            error="it is in colour already",
        )
        if judgement is not None and judgement.tone == "colour":
            return ResultContent(result)
        if task.hints:
            options = dataclasses.replace(
                options, hints=(*parse_hints(task.hints, picture), *options.hints)
            )
        target = task.target
        if task.transparent_target is not None and is_transparent(picture):
            target = task.transparent_target
        tools = self._tools._replace(network=self._recorder.network)
        source = Path(task.key)
        done = color_with_tools(picture, judgement, options, tools, source=source)
        confidence = self._recorder.mean()
        data = _encode(done.picture, target)
        if self._sign is not None:
            data = self._sign(data, target, loaded.data, task.key)
        result = dataclasses.replace(
            result,
            state="coloured",
            result=target,
            result_size=len(data),
            result_sha256=hashlib.sha256(data).hexdigest(),
            model=tools.network.identity.signature,
            error="",
            notes=done.notes + writing_notes(target, picture),
            confidence=confidence,
            cast_ab=_cast(done.picture),
            damage=self._damage(picture, [finding.description for finding in done.findings]),
        )
        sidecar = self._provenance.sidecar_content(done.picture)
        return ResultContent(result, data, sidecar, loaded.file_mode)

    def _damage(self, picture: Picture, mended: list[str]) -> str:
        found = list(mended)
        found += [n for n in picture.notes if any(word in n for word in _DAMAGE_WORDS)]
        if self._find_damage and not mended:
            found += find_damage(picture.pixels)
        return "; ".join(found)


def write_result(finished: ResultContent, target: Store) -> Result:
    """Write what a `Colorer` made; what goes wrong is in the result."""
    result = finished.result
    if not finished.data:
        return result
    assert result.result is not None
    try:
        if finished.sidecar:
            target.write(sidecar_key(result.result), finished.sidecar, file_mode=finished.file_mode)
        target.write(result.result, finished.data, file_mode=finished.file_mode)
    except Exception as error:  # noqa: BLE001  # told, and the others go on
        message = str(error)
        if not isinstance(error, PhotochromError):
            message = f"{result.result} could not be written: {str(error) or type(error).__name__}"
        return Result(
            result.key, "failed", worker=result.worker, error=message, seconds=result.seconds,
            keeps_result=True,
        )  # fmt: skip
    return result


class ConfidenceRecorder:
    """Remembers how sure a network was of the last picture that it was asked about in a thread."""

    def __init__(self, network: Network) -> None:
        self._run, self._last = network.run, threading.local()
        self.network = Network(
            network.card, network.identity, network.device, network.source, self._record
        )
        """The same network, remembered."""

    def _record(self, inputs: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        outputs = self._run(inputs)
        confidence = outputs.get("confidence")
        self._last.mean = None if confidence is None else float(np.mean(confidence))
        return outputs

    def mean(self) -> float | None:
        """Mean confidence, [0, 1], of the last question in this thread; None: it says none."""
        mean: float | None = getattr(self._last, "mean", None)
        return mean


def _encode(picture: Picture, target: str) -> bytes:
    stream = io.BytesIO()
    write(stream, picture, format_name=PurePosixPath(target).suffix)
    return stream.getvalue()


def _small(pixels: NDArray[Any], long_px: int) -> NDArray[Any]:
    scale = min(1.0, long_px / max(pixels.shape[:2]))
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def _cast(picture: Picture) -> float:
    """Length of the mean (a, b) of a picture, CIELAB units."""
    small = _small(picture.pixels, _CAST_PX)
    lab = rgb_to_lab(eight_bit_rgb(dataclasses.replace(picture, pixels=small, alpha=None)) / 255.0)
    return float(np.hypot(*lab[..., 1:].reshape(-1, 2).mean(axis=0)))


def find_damage(pixels: NDArray[Any]) -> list[str]:
    """Scratches, dust and fading of a photograph, in words; looked for at 512 px.

    pixels: (H, W) or (H, W, 3), as of `Picture`.
    """
    from photochrom.restoration.repair import restore_pixels

    findings = restore_pixels(_small(pixels, _DAMAGE_PX)).findings
    kinds = ("scratches", "dust", "fading")
    return [found.description for found in findings if found.kind in kinds]


def _message(task: Task, error: Exception, goal: str) -> str:
    return failure_message(Job(Path(task.key), Path(task.target)), error, goal)


Work = Callable[[Task], Result]


def picture_work(source: Store, colorer: Colorer, target: Store) -> Work:
    """The three steps in one, for a process that does all of them."""
    return lambda task: write_result(colorer(read_input(task, source)), target)


def color_block(
    tasks: Sequence[Task], source: Store, colorer: Colorer, target: Store
) -> Iterator[Result]:
    """The three steps for one picture after the other: the next ones are read, and the ones before
    written, while one is coloured. Results come in the order of tasks.
    """
    with ThreadPoolExecutor(_READERS) as readers, ThreadPoolExecutor(_WRITERS) as writers:
        reading: deque[tuple[Task, Future[InputContent]]] = deque()
        writing: deque[Future[Result]] = deque()
        waiting = deque(tasks)
        while waiting or reading:
            while waiting and _has_room([task for task, _ in reading], waiting[0]):
                task = waiting.popleft()
                reading.append((task, readers.submit(read_input, task, source)))
            _, content = reading.popleft()
            finished = colorer(content.result())
            while len(writing) >= _WRITERS:
                yield writing.popleft().result()
            writing.append(writers.submit(write_result, finished, target))
        while writing:
            yield writing.popleft().result()


def _has_room(reading: Sequence[Task], following: Task) -> bool:
    """Whether one more original may be read ahead."""
    ahead = sum(max(0, task.size) for task in (*reading, following))
    return not reading or (len(reading) < _READERS and ahead <= _AHEAD_BYTES)
