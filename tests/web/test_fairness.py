"""Nobody's pictures keep everybody else's waiting."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from fixtures.model import tiny_model
from fixtures.web import MakeApp, csrf_token, send, sign_up
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from photochrom.engine import load
from photochrom.web import jobs
from photochrom.web.database import Picture, db
from photochrom.web.errors import TooMany
from photochrom.web.memory import memory_bytes, picture_limit_mp
from photochrom.web.pictures import decoding
from photochrom.web.pictures.decoding import DecodingSpace, current_decoding_space
from photochrom.web.pictures.live_preview import Previewer
from photochrom.web.render import RenderResult, RenderTask
from photochrom.web.settings import WebSettings
from photochrom.web.worker import Worker


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(device="cpu")


@pytest.fixture
def ada(app: Flask) -> FlaskClient:
    return sign_up(app)


@pytest.fixture
def ben(app: Flask) -> FlaskClient:
    return sign_up(app, "ben@example.org", "Ben")


def picture(width: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (width, 40), 90).save(buffer, "PNG")
    return buffer.getvalue()


def upload(browser: FlaskClient, width: int, name: str) -> None:
    files = {"file": (io.BytesIO(picture(width)), name)}
    assert send(browser, "/pictures", files).status_code == 303


def names_in_turn(app: Flask, is_due: Callable[[jobs.Job], bool] = lambda _job: True) -> list[str]:
    """The names of all that waits in the order in which it is taken."""
    turns, names = jobs.Turns(), []
    with app.app_context():
        while (job := turns.take("photo", is_due)) is not None:
            taken = jobs.claim(job.picture_id, job.revision, "worker")
            assert taken is not None
            names.append(taken.name)
    return names


def test_users_take_turns_and_small_pictures_come_first(
    app: Flask, ada: FlaskClient, ben: FlaskClient
) -> None:
    for number, width in enumerate((60, 90, 50, 70)):
        upload(ada, width, f"ada {width}.png")
        if number == 2:
            upload(ben, 900, "ben.png")
    assert names_in_turn(app) == ["ada 50.png", "ben.png", "ada 60.png", "ada 70.png", "ada 90.png"]


def test_who_waits_is_told_how_many_are_before(
    app: Flask, ada: FlaskClient, ben: FlaskClient
) -> None:
    for width in (60, 90, 50):
        upload(ada, width, f"{width}")
    upload(ben, 900, "900")
    with app.app_context():
        rows = {row.name: row for row in db.session.scalars(db.select(Picture))}
        ahead = {name: jobs.count_ahead(row) for name, row in rows.items()}
        assert ahead == {"50": 1, "60": 2, "90": 3, "900": 1}
        job = jobs.list_waiting("photo")[0]
        assert jobs.claim(job.picture_id, job.revision, "worker") is not None  # what is in hand
        assert jobs.count_ahead(rows["900"]) == 2


def test_what_is_not_due_keeps_nobody_waiting(
    app: Flask, ada: FlaskClient, ben: FlaskClient
) -> None:
    upload(ada, 60, "ada.png")
    upload(ben, 90, "ben.png")
    with app.app_context():
        hers = jobs.list_waiting("photo")[0].picture_id
    assert names_in_turn(app, lambda job: job.picture_id != hers) == ["ben.png"]


def test_a_long_film_lets_others_go_first_and_is_no_worse_for_it(
    app: Flask,
    ada: FlaskClient,
    ben: FlaskClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for browser in (ada, ben):
        upload(browser, 60, "film.png")
    with app.app_context():
        for row in db.session.scalars(db.select(Picture)):
            row.kind = "film"
        db.session.commit()
        first, second = (job.picture_id for job in jobs.list_waiting("film"))
    worked: list[str] = []

    def render(task: RenderTask, *_rest: object) -> RenderResult:
        worked.append(task.picture_id)
        on_progress = _rest[-1]
        assert callable(on_progress)
        if not on_progress(0.5, None):
            from photochrom.web.render import CancelledError

            raise CancelledError
        return RenderResult("tiny 2")

    monkeypatch.setattr("photochrom.web.worker._FILM_TURN_S", -1.0)
    monkeypatch.setattr("photochrom.web.worker.render", render)
    worker = Worker(app, app.config["STUDIO"], load(tiny_model(tmp_path / "tiny.onnx")))
    for _ in range(3):
        worker._work_next("film")
    # The first gives way; the second gives way to the first, which waits again; nobody is left.
    assert worked[:2] == [first, second]
    with app.app_context():
        tries = db.session.scalars(db.select(Picture.attempts)).all()
    assert max(tries) <= 1


def test_decoding_is_counted_in_megapixels_and_few_wait_for_it() -> None:
    space = DecodingSpace(40, at_once=2, waiting=1)
    entered = threading.Event()

    def wait() -> None:
        with space.take(25):
            entered.set()

    with space.take(30):
        thread = threading.Thread(target=wait)
        thread.start()
        while space.inside < 2:
            pass
        with space.take(8):  # which has space beside the large one
            assert not entered.is_set()
            with pytest.raises(TooMany, match="Try again in a moment"), space.take(1):
                pass
    thread.join(5)
    assert entered.is_set()
    with space.take(1000):  # more than there is: then alone
        assert space.inside == 1
    large = DecodingSpace(40)
    with large.take(1, 7), large.take(1, 7):
        with pytest.raises(TooMany), large.take(1, 7):  # there is space, and not for them alone
            pass
        assert large.inside == 2


def test_a_small_file_of_many_pixels_is_counted_by_its_pixels(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, taken = make_app(max_picture_mp=30), []
    buffer = io.BytesIO()
    Image.new("1", (4000, 3000)).save(buffer, "PNG")
    assert buffer.tell() < 10_000
    take = DecodingSpace.take

    def record(
        space: DecodingSpace, megapixels: int, user_id: int | None
    ) -> AbstractContextManager[None]:
        taken.append(megapixels)
        return take(space, megapixels, user_id)

    monkeypatch.setattr(DecodingSpace, "take", record)
    files = {"file": (io.BytesIO(buffer.getvalue()), "bomb.png")}
    assert send(sign_up(app), "/pictures", files).status_code == 303
    assert taken == [8, 24]
    files = {"file": (io.BytesIO(picture(60)), "a.png")}
    assert send(sign_up(app, "b@example.org"), "/pictures", files).status_code == 303
    assert taken == [8, 24, 8]


def test_the_largest_picture_follows_from_the_memory() -> None:
    sizes = [picture_limit_mp(memory) for memory in (10**9, 4 * 10**9, 64 * 10**9, None)]
    assert sizes == [20, 48, 100, 50]
    assert WebSettings(max_picture_mp=7).max_picture_mp == 7
    assert WebSettings().max_picture_mp == picture_limit_mp(memory_bytes())


def test_nobody_takes_all_previews() -> None:
    previewer = Previewer()
    with ExitStack() as stack:
        for user in (1, 2):
            stack.enter_context(previewer._count(user, TooMany("busy")))
        for _ in range(2):
            stack.enter_context(previewer._count(1, TooMany("busy")))
        with pytest.raises(TooMany, match="busy"), previewer._count(1, TooMany("busy")):
            pass
        with previewer._count(2, TooMany("busy")), previewer._count(None, TooMany("busy")):
            pass
    with previewer._count(1, TooMany("busy")):
        assert previewer._inside == {1: 1}


def test_an_upload_that_finds_no_place_is_told_when_to_come_back(
    app: Flask, ada: FlaskClient
) -> None:
    with app.app_context(), ExitStack() as stack:
        space = current_decoding_space()
        for _ in range(space.at_once):
            stack.enter_context(space.take(1))
        others = range(4 - space.at_once)
        waiting = [threading.Thread(target=enter_and_leave, args=(space,)) for _ in others]
        for thread in waiting:
            thread.start()
        while space.inside < 4:
            pass
        files = {"file": (io.BytesIO(picture(60)), "a.png")}
        answer = send(ada, "/pictures", files, headers={"Accept": "application/json"})
    for thread in waiting:
        thread.join(5)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) <= 5


@pytest.mark.parametrize(("processors", "at_once"), [(1, 1), (2, 1), (3, 2), (64, 2)])
def test_decoding_leaves_a_processor_for_what_is_coloured(
    app: Flask, monkeypatch: pytest.MonkeyPatch, processors: int, at_once: int
) -> None:
    monkeypatch.setattr(decoding, "available", lambda: processors)
    with app.app_context():
        assert current_decoding_space().at_once == at_once


def enter_and_leave(space: DecodingSpace) -> None:
    with space.take(1):
        pass


def test_a_jpeg_of_a_hundred_scans_is_not_decoded(ada: FlaskClient) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((48, 48), 50).save(buffer, "JPEG", progressive=True)
    content = buffer.getvalue()
    last_scan = content[content.rindex(b"\xff\xda") : -2]
    for scans, status in ((0, 303), (100, 400)):
        files = {"file": (io.BytesIO(content[:-2] + last_scan * scans + b"\xff\xd9"), "a.jpg")}
        answer = send(ada, "/pictures", files)
        assert answer.status_code == status
    assert "scans" in answer.get_data(as_text=True)


def test_quotas_count_results_before_they_are_there(make_app: MakeApp) -> None:
    app = make_app(quota_mb=1, total_quota_mb=2)
    noise = io.BytesIO()
    Image.effect_noise((340, 340), 80).save(noise, "PNG")
    assert 100_000 < noise.tell() < 200_000

    def status(browser: FlaskClient) -> int:
        return send(
            browser, "/pictures", {"file": (io.BytesIO(noise.getvalue()), "a.png")}
        ).status_code

    ada = sign_up(app)
    assert [status(ada), status(ada)] == [303, 413]
    with app.app_context():
        job = jobs.list_waiting("photo")[0]
        assert jobs.claim(job.picture_id, job.revision, "w") is not None
        jobs.finish(job.picture_id, job.revision, "w", 100_000, "tiny 2")
    assert [status(ada), status(ada)] == [303, 413], "what it takes is known now"
    others = [sign_up(app, f"{name}@example.org") for name in ("ben", "eve")]
    assert [status(browser) for browser in others] == [303, 507]


def test_what_goes_on_needs_the_space_that_it_gave_back(make_app: MakeApp) -> None:
    app = make_app(quota_mb=1)
    noise = io.BytesIO()
    Image.effect_noise((280, 280), 80).save(noise, "PNG")
    ada = sign_up(app)
    statuses = []
    for _ in range(2):
        files = {"file": (io.BytesIO(noise.getvalue()), "a.png")}
        answer = send(ada, "/pictures", files)
        statuses += [answer.status_code, send(ada, f"{answer.location}/stop", {}).status_code]
    assert statuses == [303] * 4
    with app.app_context():
        ids = list(db.session.scalars(db.select(Picture.id)))
    resumed = [send(ada, f"/pictures/{one}/resume", {}).status_code for one in ids]
    assert resumed == [303, 413]


def test_what_computes_has_a_rate(make_app: MakeApp) -> None:
    app = make_app(compute_rate="3 per minute")
    browser = sign_up(app)
    upload(browser, 60, "a.png")
    with app.app_context():
        url = f"/pictures/{jobs.list_waiting('photo')[0].picture_id}"
    headers = {"X-CSRFToken": csrf_token(browser)}
    asked = [
        ("GET", "download?form=original"), ("POST", "share"), ("POST", "edit"),
        ("POST", "preview"), ("POST", "suggestions"), ("GET", "variants/0.jpg"),
        ("GET", "download"), ("POST", "resume"),
    ]  # fmt: skip
    statuses = []
    for method, path in asked:
        with browser.open(f"{url}/{path}", method=method, json={}, headers=headers) as answer:
            statuses.append(answer.status_code)
            if path == "download?form=original":
                assert answer.headers["Cache-Control"] == "private, no-cache"
    assert statuses == [200, 404, 200, 429, 429, 429, 429, 429]
    assert browser.get(url).status_code == 200
    assert 'data-back="/library"' in browser.get(url).text
    assert browser.get("/healthz").headers["Cache-Control"] == "no-store"
    library = browser.get("/library").text
    assert 'data-max-bytes="64000000"' in library
    assert re.search(r'data-free-bytes="102\d{7}"', library), "what is reserved is not free"
