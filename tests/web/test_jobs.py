"""Jobs: each picture is coloured once, whatever is killed, corrected or deleted meanwhile."""

from __future__ import annotations

import contextlib
import errno
import http.client
import io
import json
import logging
import os
import random
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import av
import numpy as np
import pytest
from fixtures.film import Film, make_film, payloads
from fixtures.studio import (
    Browser,
    Studio,
    ask,
    color_all,
    encode_image,
    jpeg,
    make_worker,
    model_in,
    run_studio,
    upload,
    upload_picture,
)
from fixtures.web import MakeApp, send
from flask import Flask
from flask.testing import FlaskClient
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import text
from sqlalchemy.exc import DataError, OperationalError

from photochrom.errors import InputError, OutputError
from photochrom.imageio import read
from photochrom.locks import file_lock
from photochrom.video.film import color_film
from photochrom.video.io.probe import probe
from photochrom.video.io.reader import read_frames
from photochrom.video.options import FilmOutcome, FilmSettings
from photochrom.web import jobs, render, worker
from photochrom.web.database import Picture, db
from photochrom.web.errors import TooMany
from photochrom.web.pictures.upload_check import UploadInfo, check_upload
from photochrom.web.settings import WebSettings
from photochrom.web.storage import Storage

pytestmark = pytest.mark.slow

pytest_plugins = ["fixtures.web"]


@pytest.fixture
def settings(tmp_path: Path) -> WebSettings:
    model = model_in(tmp_path)
    return WebSettings(data_dir=tmp_path / "studio", model=model, device="cpu", local=True)


@pytest.fixture
def app(make_app: MakeApp, settings: WebSettings) -> Flask:
    app = make_app(model=settings.model, device="cpu", local=True)
    app.test_client_class = Browser
    return app


@pytest.fixture
def photo(grey_scene: NDArray[np.uint8]) -> bytes:
    return jpeg(grey_scene)


def url_id(url: str) -> str:
    return url.rpartition("/")[2]


def test_only_one_can_claim_a_picture(app: Flask, client: FlaskClient, photo: bytes) -> None:
    picture_id = url_id(upload_picture(client, photo))
    with app.app_context():
        assert jobs.claim(picture_id, 2, "eager") is None  # not its revision
        claimed = [jobs.claim(picture_id, 1, f"worker {n}") is not None for n in range(3)]
        assert claimed == [True, False, False]
        assert not jobs.finish(picture_id, 1, "worker 1", 5, "tiny 2")
        assert jobs.finish(picture_id, 1, "worker 0", 5, "tiny 2")
        assert not jobs.finish(picture_id, 1, "worker 0", 5, "tiny 2")


def test_a_message_is_json_and_runs_nothing(
    settings: WebSettings, client: FlaskClient, photo: bytes
) -> None:
    picture_id = url_id(upload_picture(client, photo))
    queue = jobs.make_queue(settings)
    (message,) = queue.storage.enqueued_items()
    assert json.loads(bytes(message))[-2:] == [picture_id, 1]
    seen: list[tuple[str, int]] = []
    jobs.color_task(queue, lambda *job: seen.append(job))
    queue.execute(queue.dequeue())
    assert seen == [(picture_id, 1)]
    queue.storage.enqueue(b"cos\nsystem\n(S'false'\ntR.", 0)
    with pytest.raises(ValueError, match="Expecting value"):
        queue.dequeue()


def test_what_waits_is_found_without_the_queue(
    app: Flask, settings: WebSettings, client: FlaskClient, photo: bytes
) -> None:
    url = upload_picture(client, photo)
    jobs.make_queue(settings).storage.flush_queue()  # killed between the row and the queue
    with app.app_context():
        jobs.claim(url_id(url), 1, "a worker that then died")
    worker = make_worker(app, settings)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        until = time.monotonic() + 20
        while client.get(f"{url}/state").get_json()["state"] != "done":
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        worker.stop()
        thread.join(20)
    assert not thread.is_alive()


def test_a_result_that_is_there_is_not_made_again(
    app: Flask, settings: WebSettings, client: FlaskClient, photo: bytes
) -> None:
    url = upload_picture(client, photo)
    color_all(app, settings)
    path = Storage(settings.data_dir).result(url_id(url), 1)
    assert path is not None
    before = path.stat()
    with app.app_context():  # as if it had been killed between the file and the row
        db.session.query(Picture).update({"state": "waiting", "done_revision": 0})
        db.session.commit()
    color_all(app, settings)
    assert client.get(f"{url}/state").get_json()["done_revision"] == 1
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_correction_meanwhile_replaces_the_result(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    photo: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = upload_picture(client, photo)
    worker, color = make_worker(app, settings), render.render

    def slowly(order: render.RenderTask, *rest: object) -> render.RenderResult:
        result = color(order, *rest)  # type: ignore[arg-type]
        if order.revision == 1:
            assert ask(app.test_client(), f"{url}/edit", {"vividness": 0.0}).status_code == 200
        return result

    monkeypatch.setattr("photochrom.web.worker.render", slowly)
    worker.work(url_id(url), 1)
    assert Storage(settings.data_dir).result(url_id(url), 1) is None
    assert client.get(f"{url}/state").get_json()["state"] == "waiting"
    worker.work(url_id(url), 1)  # an old message does nothing
    worker.work(url_id(url), 2)
    record = client.get(f"{url}/state").get_json()
    assert (record["state"], record["done_revision"]) == ("done", 2)
    result = Storage(settings.data_dir).result(url_id(url), 2)
    assert result is not None
    assert np.ptp(read(result).pixels.astype(int), axis=-1).max() < 12  # vividness 0 is grey


@pytest.mark.parametrize("then", ["edit", "stop"])
def test_the_older_result_stays_until_the_newer_one_is_there(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    photo: bytes,
    monkeypatch: pytest.MonkeyPatch,
    then: str,
) -> None:
    url = upload_picture(client, photo)
    color_all(app, settings)
    before = client.get(f"{url}/download").data
    assert ask(client, f"{url}/edit", {"vividness": 0.0}).status_code == 200
    color = render.render

    def change_meanwhile(order: render.RenderTask, *rest: object) -> render.RenderResult:
        result = color(order, *rest)  # type: ignore[arg-type]
        if then == "edit":
            assert ask(app.test_client(), f"{url}/edit", {"vividness": 0.5}).status_code == 200
        else:
            assert send(app.test_client(), f"{url}/stop", {}).status_code == 303
        return result

    monkeypatch.setattr("photochrom.web.worker.render", change_meanwhile)
    disabled = f'id="download" href="{url}/download?form=colour" download aria-disabled'
    make_worker(app, settings).work(url_id(url), 2)
    assert client.get(f"{url}/state").get_json()["done_revision"] == 1
    assert client.get(f"{url}/download").data == before
    assert client.get(f"{url}/preview/1.jpg").status_code == 200
    assert (disabled in client.get(url).text) == (then == "edit"), "while it is coloured"
    assert Storage(settings.data_dir).result(url_id(url), 2) is None


def test_a_picture_that_is_deleted_meanwhile_leaves_nothing(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    photo: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = upload_picture(client, photo)
    color = render.render

    def deleted(order: render.RenderTask, *rest: object) -> render.RenderResult:
        assert ask(app.test_client(), f"{url}/delete").status_code == 200
        return color(order, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("photochrom.web.worker.render", deleted)
    make_worker(app, settings).work(url_id(url), 1)
    assert client.get(url).status_code == 404
    assert not Storage(settings.data_dir).folder(url_id(url)).exists()


def test_one_that_kills_its_worker_is_given_up(
    app: Flask, settings: WebSettings, client: FlaskClient, photo: bytes
) -> None:
    url = upload_picture(client, photo)
    for _ in range(jobs.MAX_ATTEMPTS):
        with app.app_context():
            assert jobs.claim(url_id(url), 1, "it dies") is not None
            jobs.reclaim_all()
    make_worker(app, settings).work(url_id(url), 1)
    record = client.get(f"{url}/state").get_json()
    assert record["state"] == "failed"
    assert "broke down" in record["problem"]


IN_TENS = partial(FilmSettings, segment_frames=10)


@contextlib.contextmanager
def away(app: Flask) -> Iterator[None]:
    """As if the database did not answer."""
    rename = "ALTER TABLE {} RENAME TO {}"
    with app.app_context():
        db.session.execute(text(rename.format("pictures", "elsewhere")))
        db.session.commit()
    yield
    with app.app_context():
        db.session.execute(text(rename.format("elsewhere", "pictures")))
        db.session.commit()


def test_a_picture_whose_end_cannot_be_written_down_is_tried_again(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    photo: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    urls = [upload_picture(client, photo) for _ in range(3)]
    worker, color = make_worker(app, settings), render.render
    made: list[tuple[int, int]] = []

    with contextlib.ExitStack() as stack:

        def and_then_it_is_away(order: render.RenderTask, *rest: object) -> render.RenderResult:
            result = color(order, *rest)  # type: ignore[arg-type]
            made.append(identity(Storage(settings.data_dir), urls[0]))
            stack.enter_context(away(app))
            return result

        monkeypatch.setattr("photochrom.web.worker.render", and_then_it_is_away)
        worker.work(url_id(urls[0]), 1)
        worker.work(url_id(urls[1]), 1)  # cannot even be claimed
    monkeypatch.setattr("photochrom.web.worker.render", color)
    with app.app_context():
        jobs.claim(url_id(urls[2]), 1, "another worker")
    assert client.get(f"{urls[0]}/state").get_json()["state"] == "working"
    found = worker._list_due("photo")
    assert worker._list_due("film") == []
    assert {job.picture_id for job in found} == {url_id(url) for url in urls[:2]}
    for job in found:
        worker.work(job.picture_id, job.revision)
    states = [client.get(f"{url}/state").get_json()["state"] for url in urls]
    assert states == ["done", "done", "working"]
    assert made == [identity(Storage(settings.data_dir), urls[0])]


def test_an_outage_of_the_database_is_no_attempt(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    photo: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = upload_picture(client, photo)
    worker, tell = make_worker(app, settings), jobs.finish

    def locked(*_args: object) -> bool:
        raise OperationalError("UPDATE", None, sqlite3.OperationalError("database is locked"))

    monkeypatch.setattr("photochrom.web.jobs.finish", locked)
    for _ in range(jobs.MAX_ATTEMPTS + 1):
        worker.work(url_id(url), 1)
        assert [job.picture_id for job in worker._list_due("photo")] == [url_id(url)]
    monkeypatch.setattr("photochrom.web.jobs.finish", tell)
    worker.work(url_id(url), 1)
    assert client.get(f"{url}/state").get_json()["state"] == "done"


def test_what_the_database_refuses_of_a_picture_is_not_tried_for_ever(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    photo: bytes,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    urls = [upload_picture(client, photo) for _ in range(2)]
    worker, fail = make_worker(app, settings), jobs.fail

    def refusal(*_args: object) -> bool:
        raise DataError("UPDATE", None, sqlite3.DataError("no such text"))

    def refused_until_given_up(*args: Any) -> bool:
        return fail(*args) if "broke down" in args[3] else refusal()

    monkeypatch.setattr("photochrom.web.jobs.finish", refusal)
    worker.work(url_id(urls[0]), 1)
    assert "mistake" in client.get(f"{urls[0]}/state").get_json()["problem"]
    monkeypatch.setattr("photochrom.web.jobs.fail", refused_until_given_up)
    for _ in range(jobs.MAX_ATTEMPTS):
        worker.work(url_id(urls[1]), 1)
        assert [job.picture_id for job in worker._list_due("photo")] == [url_id(urls[1])]
    worker.work(url_id(urls[1]), 1)
    assert "broke down" in client.get(f"{urls[1]}/state").get_json()["problem"]
    assert "does not answer" not in caplog.text


def test_a_film_waits_until_the_disk_has_space_and_goes_on(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    film = make_film(tmp_path / "film.mkv", Film(frames=30))
    url = upload_picture(client, film.read_bytes(), "wedding.mkv")
    worker = make_worker(app, settings)
    full = OutputError("cannot write /data/x: the disk is full; free some space and try again")
    monkeypatch.setattr("photochrom.video.options.FilmSettings", IN_TENS)

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise full

    with monkeypatch.context() as patched:
        patched.setattr("photochrom.video.film.join_segments", refuse)
        for wait_s in (60.0, 240.0):
            worker.work(url_id(url), 1)
            assert client.get(f"{url}/state").get_json()["state"] == "waiting"
            assert worker._list_due("film") == []  # the disk is as full as before
            left_s = worker._retry_at[url_id(url), 1] - time.monotonic()
            assert wait_s - 30 < left_s <= wait_s
    (parts,) = Storage(settings.data_dir).folder(url_id(url)).glob("*.photochrom-parts")
    assert len(list(parts.glob("*.nut"))) == 3
    worker._retry_at[url_id(url), 1] = time.monotonic()
    assert [job.picture_id for job in worker._list_due("film")] == [url_id(url)]
    with monkeypatch.context() as patched:
        patched.setattr("photochrom.video.segments.SegmentFile.write", refuse)  # nothing anew
        worker.work(url_id(url), 1)
    assert client.get(f"{url}/state").get_json()["state"] == "done"


def test_a_film_that_is_given_up_leaves_no_parts_and_no_advice_for_others(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    film = make_film(tmp_path / "film.mkv", Film(frames=6))
    url = upload_picture(client, film.read_bytes(), "wedding.mkv")
    storage = Storage(settings.data_dir)
    record = (
        (f"cannot write {storage.folder(url_id(url))}: the disk is full; name another with -o",
         "The result could not be stored: the disk is full"),
        (f"another run is colouring {storage.folder(url_id(url))}; stop it",
         "The result could not be stored: something is in the way"),
    )  # fmt: skip
    for problem, words in record:

        def refuse(*_args: object, problem: str = problem, **_kwargs: object) -> None:
            raise OutputError(problem)

        monkeypatch.setattr("photochrom.video.film.join_segments", refuse)
        for _ in range(jobs.MAX_ATTEMPTS):
            color_all(app, settings)
        state = client.get(f"{url}/state").get_json()
        assert (state["state"], state["problem"]) == ("failed", words)
        assert not list(storage.folder(url_id(url)).glob(".*"))
        with app.app_context():
            update_size = db.session.query(Picture.bytes).scalar()
        files = storage.folder(url_id(url)).iterdir()
        assert update_size == sum(path.stat().st_size for path in files)
        assert ask(client, f"{url}/edit", {"vividness": 1.0}).status_code == 200


def test_a_film_that_another_version_began_begins_anew_under_its_name(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    film = make_film(tmp_path / "film.mp4", Film(frames=30, encoder="libx264", format="mp4"))
    url = upload_picture(client, film.read_bytes(), "wedding.mp4")
    monkeypatch.setattr("photochrom.web.render._REPORT_INTERVAL_S", 0.0)
    monkeypatch.setattr("photochrom.video.options.FilmSettings", IN_TENS)
    worker, tell = make_worker(app, settings), jobs.report_progress

    def stop_now(
        picture_id: str, revision: int, name: str, progress: float, left_s: float | None
    ) -> bool:
        if progress > 0.75:  # of the film itself, after the preview
            worker.stop()
        return tell(picture_id, revision, name, progress, left_s)

    with monkeypatch.context() as patched:
        patched.setattr("photochrom.web.jobs.report_progress", stop_now)
        patched.setattr("photochrom.video.film.__version__", "0.0.1")
        worker.work(url_id(url), 1)
    storage = Storage(settings.data_dir)
    (parts,) = storage.folder(url_id(url)).glob("*.photochrom-parts")
    assert parts.name == ".result-1.mp4.photochrom-parts"
    assert (parts / "000000.json").exists()
    make_worker(app, settings).work(url_id(url), 1)
    assert client.get(f"{url}/state").get_json()["state"] == "done"
    assert storage.result(url_id(url), 1) == storage.new_result(url_id(url), 1, ".mp4")
    assert not list(storage.folder(url_id(url)).glob(".*"))


@pytest.mark.parametrize(
    ("film", "suffix"),
    [
        (Film(frames=6, encoder="libx264", format="mp4", audio="aac"), ".mp4"),
        (Film(frames=6, encoder="libx264", format="mov", audio="pcm_s16le"), ".mov"),
        (Film(frames=6, encoder="mpeg4", format="avi"), ".mkv"),
    ],
    ids=lambda value: getattr(value, "format", value),
)
def test_a_film_stays_of_its_kind_where_that_can_be_written(
    app: Flask, settings: WebSettings, client: FlaskClient, tmp_path: Path, film: Film, suffix: str
) -> None:
    path = make_film(tmp_path / f"film.{film.format}", film)
    url = upload_picture(client, path.read_bytes(), path.name)
    color_all(app, settings)
    assert client.get(f"{url}/state").get_json()["problem"] is None
    result = Storage(settings.data_dir).result(url_id(url), 1)
    assert result is not None
    assert result.suffix == suffix
    assert probe(result).streams == probe(path).streams


def test_a_film_whose_own_kind_does_not_hold_its_sound_is_coloured_once(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    film = Film(frames=6, encoder="libx264", format="mov", audio="pcm_u8")
    path = make_film(tmp_path / "film.mov", film)
    # An .mp4 by its first bytes, with sound that Matroska holds and no .mp4 does.
    path.write_bytes(path.read_bytes().replace(b"ftypqt  ", b"ftypisom", 1))
    url = upload_picture(client, path.read_bytes(), "film.mp4")
    began: list[str] = []

    def record_call(source: Path, target: Path, *rest: Any) -> FilmOutcome:
        began.append(f"{source.name} to {target.name}")
        return color_film(source, target, *rest)

    monkeypatch.setattr("photochrom.video.film.color_film", record_call)
    color_all(app, settings)
    assert client.get(f"{url}/state").get_json()["problem"] is None
    assert began == ["original.mp4 to result-1.mkv"]
    result = Storage(settings.data_dir).result(url_id(url), 1)
    assert result is not None
    assert payloads(result, "audio") == payloads(path, "audio")


def test_a_film_of_a_telephone_keeps_its_sound(
    app: Flask, settings: WebSettings, client: FlaskClient, tmp_path: Path
) -> None:
    film = make_film(tmp_path / "film.mp4", Film(frames=24, encoder="mpeg4", format="mp4"))
    path = tmp_path / "telephone.3gp"
    with av.open(str(film)) as source, av.open(str(path), "w", format="3gp") as copy:
        same = copy.add_stream_from_template(source.streams.video[0])
        sound = copy.add_stream("libopencore_amrnb", rate=8000, layout="mono")
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = same
                copy.mux(packet)
        noise = np.random.default_rng(1).integers(-9000, 9000, (1, 8000)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        copy.mux(sound.encode(frame))
        copy.mux(sound.encode(None))
    url = upload_picture(client, path.read_bytes(), path.name)
    color_all(app, settings)
    assert client.get(f"{url}/state").get_json()["problem"] is None
    result = Storage(settings.data_dir).result(url_id(url), 1)
    assert result is not None
    assert result.suffix == ".mov"
    assert payloads(result, "audio") == payloads(path, "audio")
    assert client.get(f"{url}/download").mimetype == "video/quicktime"


def test_a_film_whose_sound_nothing_holds_says_so(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = make_film(tmp_path / "film.mkv", Film(frames=6, audio="flac"))
    url = upload_picture(client, path.read_bytes(), "wedding.mkv")
    monkeypatch.setattr("photochrom.video.io.passthrough.carrying_way", lambda _name, _stream: None)
    color_all(app, settings)
    record = client.get(f"{url}/state").get_json()
    assert record["state"] == "failed"
    assert "the sound or the subtitles of “wedding.mkv”" in record["problem"]


def test_a_film_that_does_not_say_its_length_shows_its_beginning(
    app: Flask, settings: WebSettings, client: FlaskClient, tmp_path: Path
) -> None:
    film = make_film(tmp_path / "film.webm", Film(frames=20, encoder="libvpx", format="webm"))
    endless = tmp_path / "endless.webm"
    with av.open(str(film)) as source, endless.open("wb") as file:
        stream = source.streams.video[0]
        with av.open(file, "w", format="webm", container_options={"live": "1"}) as copy:
            same = copy.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if packet.size:
                    packet.stream = same
                    copy.mux(packet)
    assert probe(endless).duration_s is None
    url = upload_picture(client, endless.read_bytes(), "endless.webm")
    color_all(app, settings)
    assert client.get(f"{url}/state").get_json()["state"] == "done"
    assert client.get(f"{url}/preview.mp4").mimetype == "video/mp4"
    assert client.get(f"{url}/download?form=side-by-side").status_code == 200
    assert "<video" in client.get(url).text
    link = ask(client, f"{url}/share").get_json()["url"].removeprefix("http://localhost")
    assert client.get(f"{link}/picture.jpg").status_code == 200
    assert f'src="{link}/film.mp4"' in client.get(link).text
    film_part = client.get(f"{link}/film.mp4", headers={"Range": "bytes=0-9"})
    assert (film_part.status_code, film_part.mimetype) == (206, "video/mp4")


def test_frames_that_are_interlaced_later_are_made_whole_by_the_studio(
    app: Flask, settings: WebSettings, client: FlaskClient, tmp_path: Path
) -> None:
    whole = Film(frames=12, encoder="libx264", format="mpegts", options=(("qp", "0"), ("g", "12")))
    fields = replace(whole, options=(*whole.options, ("x264-params", "tff=1")))
    parts = [make_film(tmp_path / f"{n}.ts", film) for n, film in enumerate((whole, fields))]
    path = tmp_path / "in.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    url = upload_picture(client, path.read_bytes(), "in.ts")
    color_all(app, settings)
    result = tmp_path / "out.mkv"
    result.write_bytes(client.get(f"{url}/download").data)
    frames = [frame.luma for frame in read_frames(probe(result))]
    combed, mended = (
        np.abs(np.subtract(frames, [f.luma for f in made], dtype=int)).mean()
        for made in (read_frames(probe(path), deinterlace=flag) for flag in (False, True))
    )
    assert len(frames) == 24
    assert mended < 0.8 * combed  # what the encoder loses


@pytest.mark.parametrize("wrong", ["broken", "no space"])
def test_a_film_that_cannot_be_taken_leaves_the_earlier_one(
    wrong: str, app: Flask, settings: WebSettings, client: FlaskClient,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    film = make_film(tmp_path / "film.mkv", Film(frames=6)).read_bytes()
    url = upload_picture(client, film, "wedding.mkv")
    folder = Storage(settings.data_dir).folder(url_id(url))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    if wrong == "no space":
        full = OSError(errno.ENOSPC, "no space left on device")
        monkeypatch.setattr("photochrom.web.pictures.uploads.save", Mock(side_effect=full))
        app.config["PROPAGATE_EXCEPTIONS"] = False
    again = film[:400] if wrong == "broken" else film
    assert upload(client, (again, "wedding.mkv")).status_code >= 400
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert client.get(f"{url}/state").get_json()["state"] == "waiting"
    assert len(list(folder.parent.parent.glob("*/*"))) == 1  # and nothing of the other one


def test_a_film_too_narrow_for_a_preview_has_no_links_to_one(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_narrow(*_args: object) -> None:
        raise InputError("the film is 1 px wide; that is too narrow for a preview")

    monkeypatch.setattr("photochrom.video.preview.preview_film", too_narrow)
    film = make_film(tmp_path / "film.mkv", Film(frames=6))
    url = upload_picture(client, film.read_bytes(), "slit.mkv")
    color_all(app, settings)
    assert client.get(f"{url}/state").get_json()["state"] == "done"
    page = client.get(url).text
    assert "form=colour" in page
    assert "<video" not in page
    assert "form=side-by-side" not in page
    link = ask(client, f"{url}/share").get_json()["url"].removeprefix("http://localhost")
    assert f"{link}/picture.jpg" not in client.get(link).text
    assert client.get(f"{link}/film.mp4").status_code == 404


def test_what_is_stopped_goes_on_later(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    photo: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = upload_picture(client, photo)
    reports = []

    def render_and_stop(*rest: Any) -> str:
        reports.append(rest[-1](0.1, None))
        send(client, f"{url}/stop", {})
        reports.append(rest[-1](0.2, None))
        raise render.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr("photochrom.web.worker.render", render_and_stop)
        make_worker(app, settings).work(url_id(url), 1)
    assert reports == [True, False]
    state = client.get(f"{url}/state").get_json()
    assert (state["state"], state["problem"]) == ("failed", "You stopped it.")
    assert "/resume" in client.get(url).text
    assert send(client, f"{url}/stop", {}).status_code == 409
    assert send(client, f"{url}/resume", {}).status_code == 303
    assert send(client, f"{url}/resume", {}).status_code == 409
    color_all(app, settings)
    assert client.get(f"{url}/state").get_json()["state"] == "done"


def test_a_film_can_be_had_as_it_was_while_it_is_coloured_again(
    app: Flask, client: FlaskClient, tmp_path: Path
) -> None:
    film = make_film(tmp_path / "film.mkv", Film(frames=6))
    url = upload_picture(client, film.read_bytes(), "wedding.mkv")
    link = f'href="{url}/download?form=colour"'
    assert link not in client.get(url).text
    with app.app_context():
        db.session.query(Picture).update({"done_revision": 1, "revision": 2})
        db.session.commit()
    assert link in client.get(url).text
    assert send(client, f"{url}/stop", {}).status_code == 303
    assert link in client.get(url).text


def test_what_is_deleted_is_not_counted(
    app: Flask, settings: WebSettings, client: FlaskClient, photo: bytes
) -> None:
    url = upload_picture(client, photo)
    color_all(app, settings)
    assert ask(client, f"{url}/edit", {"vividness": 2.0}).status_code == 200
    folder = Storage(settings.data_dir).folder(url_id(url))
    (folder / ".photochrom-0123456789abcdef.tmp").write_bytes(b"half")  # a write that was killed
    parts = folder / ".result-1.mkv.photochrom-parts"
    parts.mkdir()
    (parts / "000000.nut").write_bytes(bytes(1000))
    kept = sum(path.stat().st_size for path in folder.glob("[!.]*"))
    assert Storage(settings.data_dir).size(url_id(url)) == kept
    color_all(app, settings)
    assert not parts.exists()
    assert [path.name for path in folder.glob("*-1.jpg")] == ["past-1.jpg"], "small, to go back to"
    with app.app_context():
        update_size = db.session.query(Picture.bytes).scalar()
    assert update_size == sum(path.stat().st_size for path in folder.glob("[!.]*"))


def test_a_problem_is_told_without_the_servers_paths(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    photo: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = upload_picture(client, photo, "Oma.jpg")
    Storage(settings.data_dir).original(url_id(url), "image/jpeg").write_bytes(photo[:200])
    color_all(app, settings)
    record = client.get(f"{url}/state").get_json()
    assert record["state"] == "failed"
    assert record["problem"].startswith("The studio cannot read this file")
    assert "data are damaged" in caplog.text  # which is for whoever runs the studio
    assert "Oma.jpg" not in caplog.text
    assert str(settings.data_dir) not in caplog.text
    assert ask(client, f"{url}/edit", {"vividness": 1.0}).status_code == 200  # can be tried again


def test_of_a_damaged_picture_what_is_there_is_taken_and_its_page_says_so(
    app: Flask, settings: WebSettings, client: FlaskClient, photo: bytes
) -> None:
    url = upload_picture(client, photo[: len(photo) * 3 // 4], "cut.jpg")
    color_all(app, settings)
    page = client.get(url).get_data(as_text=True)
    assert re.search(r"About the file: [\d.]+ % of the picture are missing from the file", page)
    assert "Keep them?" not in page


def test_a_picture_in_colour_is_left_alone_until_somebody_wants_it_anew(
    app: Flask, settings: WebSettings, client: FlaskClient
) -> None:
    rng = np.random.default_rng(2)
    rgb = np.kron(rng.integers(0, 255, (8, 10, 3), np.uint8), np.ones((12, 12, 1), np.uint8))
    url = upload_picture(client, encode_image(rgb, "PNG"), "red.png")

    def result() -> NDArray[Any]:
        color_all(app, settings)
        download = client.get(f"{url}/download?form=colour").get_data()
        return read(download).pixels

    np.testing.assert_array_equal(result(), rgb)
    assert "This picture has colours. Keep them?" in client.get(url).get_data(as_text=True)
    assert ask(client, f"{url}/edit", {"keep_colors": "yes"}).status_code == 400
    assert ask(client, f"{url}/edit", {"keep_colors": False}).status_code == 200
    assert (result() != rgb).any()
    assert ask(client, f"{url}/edit", {"keep_colors": True}).status_code == 200
    np.testing.assert_array_equal(result(), rgb)

    grey = np.repeat(np.linspace(60, 200, 96).astype(np.uint8)[:, None], 120, axis=1)
    stamped = np.repeat(grey[..., None], 3, axis=2)
    stamped[30:54, 40:70] = (200, 30, 40)
    url = upload_picture(client, encode_image(stamped, "PNG"), "stamp.png")
    color_all(app, settings)
    colored = read(client.get(f"{url}/download?form=colour").get_data()).pixels
    np.testing.assert_array_equal(colored[36:48, 46:64], stamped[36:48, 46:64])
    assert "Some places of this picture have colours" in client.get(url).get_data(as_text=True)


def test_each_page_of_a_pdf_becomes_a_picture_and_the_pdf_is_not_kept(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    grey_scene: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pages = [Image.fromarray(np.roll(grey_scene, shift, axis=1)) for shift in (0, 40)]
    pages[0].save(document := io.BytesIO(), "PDF", save_all=True, append_images=pages[1:])
    answer = upload(client, (document.getvalue(), "album.pdf"))
    names = [picture["name"] for picture in answer.get_json()["pictures"]]
    assert names == ["album, page 1.png", "album, page 2.png"]
    color_all(app, settings)
    for picture, page in zip(answer.get_json()["pictures"], pages):
        original = client.get(f"{picture['url']}/download?form=original").get_data()
        assert original.startswith(b"\x89PNG")
        error = np.abs(read(original).pixels.astype(int) - np.asarray(page)).mean()
        assert error < 3  # Pillow puts JPEGs into a PDF
        assert client.get(f"{picture['url']}/state").get_json()["state"] == "done"
    times = iter(range(9))

    def busy(*arguments: Any, **more: Any) -> UploadInfo:
        if next(times) == 1:
            raise TooMany("busy", 1)
        return check_upload(*arguments, **more)

    monkeypatch.setattr("photochrom.web.pictures.uploads.check_upload", busy)
    pages[0].save(document := io.BytesIO(), "PDF", save_all=True, append_images=pages[1:])
    again = [upload(client, (document.getvalue(), "once.pdf")) for _ in range(2)]
    assert [answer.status_code for answer in again] == [429, 201]
    assert client.get("/library?q=once").text.count('class="card"') == 2, "as scripts send it again"
    pages[0].save(document := io.BytesIO(), "PDF", save_all=True, append_images=pages * 10)
    answer = upload(client, (document.getvalue(), "book.pdf"))
    assert "has too many pages: 21 instead of at most 20" in answer.get_json()["error"]


def test_a_mistake_of_ours_fails_one_picture_only(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    photo: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    urls = [upload_picture(client, photo), upload_picture(client, photo)]
    color = render.render

    def broken(order: render.RenderTask, *rest: object) -> render.RenderResult:
        if order.picture_id == url_id(urls[0]):
            raise ZeroDivisionError(str(settings.data_dir))
        return color(order, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("photochrom.web.worker.render", broken)
    color_all(app, settings)
    record = [client.get(f"{url}/state").get_json() for url in urls]
    assert [one["state"] for one in record] == ["failed", "done"]
    assert str(settings.data_dir) not in record[0]["problem"]


def test_a_film_is_coloured_with_a_preview_and_goes_on_after_a_stop(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    film = make_film(tmp_path / "film.mkv", Film(frames=30, audio="flac"))
    url = upload_picture(client, film.read_bytes(), "wedding.mkv")
    worker = make_worker(app, settings)
    monkeypatch.setattr("photochrom.web.render._REPORT_INTERVAL_S", 0.0)
    record, tell = [], jobs.report_progress

    def stop_now(
        picture_id: str, revision: int, name: str, progress: float, left_s: float | None
    ) -> bool:
        record.append(progress)
        if 0.7 < progress < 0.95 and not worker._stop.is_set():
            worker.stop()
        return tell(picture_id, revision, name, progress, left_s)

    monkeypatch.setattr("photochrom.web.jobs.report_progress", stop_now)
    worker.work(url_id(url), 1)
    assert client.get(f"{url}/state").get_json()["state"] == "waiting"
    assert record == sorted(record)
    assert record[0] == 0.0
    assert 0 < record[1] < 0.1, "from the first frame of the preview on"
    make_worker(app, settings).work(url_id(url), 1)
    assert client.get(f"{url}/state").get_json()["state"] == "done"
    storage = Storage(settings.data_dir)
    result = storage.result(url_id(url), 1)
    assert result is not None
    assert probe(result).streams == ("audio: flac, eng",)
    assert probe(storage.film_preview(url_id(url))).width == 2 * probe(film).width
    assert client.get(f"{url}/preview.mp4").mimetype == "video/mp4"
    assert (
        client.get(f"{url}/download").headers["Content-Disposition"].endswith("wedding.color.mkv")
    )
    assert not list(storage.folder(url_id(url)).glob(".*"))
    assert client.get(f"{url}/variants").status_code == 400


@pytest.mark.long
def test_nothing_is_lost_or_done_twice_when_web_and_worker_are_killed(
    tmp_path: Path, photo: bytes
) -> None:
    dice = random.Random(5)
    studio = Studio(tmp_path / "studio", model_in(tmp_path))
    accepted: list[str] = []
    finished: dict[str, tuple[int, int]] = {}
    storage = Storage(tmp_path / "studio")

    def note_finished() -> None:
        """Remember which file is the result of what is done."""
        for url in accepted:
            if url not in finished and studio.state(url)["state"] == "done":
                finished[url] = identity(storage, url)

    with run_studio(studio):
        for round_ in range(5):
            accepted += [studio.upload(photo) for _ in range(3)]
            if round_ % 2:
                note_finished()
                killer = threading.Timer(dice.uniform(0.0, 0.3), studio.stop, [signal.SIGKILL])
                killer.start()
                with contextlib.suppress(OSError, http.client.HTTPException):
                    while True:  # killed in the middle of an upload, or between two
                        accepted.append(studio.upload(photo))
                killer.join()
                studio.start()
            elif (worker := studio.worker_pid()) is not None:
                time.sleep(dice.uniform(0.0, 0.4))
                os.kill(worker, signal.SIGKILL)
        states = [studio.wait_until_done(url) for url in accepted]
        note_finished()
    assert {state["state"] for state in states} == {"done"}
    assert len(accepted) >= 15
    for url in accepted:
        assert finished[url] == identity(storage, url)
        results = list(storage.folder(url_id(url)).glob("result-*"))
        assert [path.name for path in results] == ["result-1.jpg"]
        assert read(results[0]).pixels.shape == (90, 120, 3)


def identity(storage: Storage, url: str) -> tuple[int, int]:
    """Which file a result is, and when it was written."""
    path = storage.result(url_id(url), 1)
    assert path is not None
    return path.stat().st_ino, path.stat().st_mtime_ns


def test_a_second_worker_of_a_folder_waits_without_noise(
    settings: WebSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("photochrom.web.worker._LOCK_TIMEOUT_S", 0.02)
    monkeypatch.setattr(logging.getLogger("photochrom"), "propagate", True)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    reading, writing = os.pipe()
    with file_lock(settings.data_dir / "worker.lock", 1), os.fdopen(reading) as stream:
        with worker._lock_folder(settings, None) as alone:
            assert not alone
        parent = worker._Parent(stream)
        threading.Timer(0.2, os.close, (writing,)).start()
        with worker._lock_folder(settings, parent) as alone:
            assert not alone
        assert parent.is_gone
    assert caplog.text.count("this one waits") == 1
    with worker._lock_folder(settings, parent) as alone:
        assert alone
