"""How long a film takes is told from its first second, and learned from the films before it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.film import Film, make_film
from fixtures.studio import make_worker, model_in, upload_picture
from fixtures.web import MakeApp

from photochrom.web import jobs
from photochrom.web.database import Picture, db
from photochrom.web.film_time import FilmClock, usual_pace
from photochrom.web.settings import WebSettings


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What `FilmClock` takes for the time."""
    now = [50.0]
    monkeypatch.setattr("photochrom.web.film_time.time.monotonic", lambda: now[0])
    return now


def test_a_guess_gives_way_to_what_is_seen(clock: list[float]) -> None:
    film = FilmClock(frames=1000, megapixels=1.0, usual_pace=2.0)
    assert film.seconds_left(0.0, 0.0) == pytest.approx(86.0)
    clock[0] += 100.0  # ten times slower than guessed
    assert film.seconds_left(0.25, 0.25) == pytest.approx(0.75 * 104.3 / 0.3)
    assert film.pace(0.25) is None
    clock[0] += 300.0
    assert film.seconds_left(1.0, 1.0) == 0.0
    assert film.pace(1.0) == pytest.approx(400 / 43)


def test_what_was_there_before_took_no_time(clock: list[float]) -> None:
    film = FilmClock(frames=1000, megapixels=1.0, usual_pace=1.0)
    clock[0] += 4.3
    # Four fifths were there; of the rest a tenth of the film is done, as fast as it was guessed.
    assert film.seconds_left(0.9, 0.1) == pytest.approx(4.3)
    assert film.pace(0.2) is None


def test_a_film_that_does_not_say_its_length_is_not_guessed(clock: list[float]) -> None:
    film = FilmClock(frames=0, megapixels=1.0, usual_pace=1.0)
    assert film.seconds_left(0.0, 0.0) is None
    clock[0] += 10.0
    assert film.seconds_left(0.5, 0.5) == pytest.approx(10.0)
    assert film.pace(1.0) is None


def test_the_page_knows_it_at_once_and_the_next_film_better(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_in(tmp_path)
    app = make_app(model=model, device="cpu", local=True)
    worker = make_worker(app, WebSettings(data_dir=tmp_path / "studio", model=model, local=True))
    browser, film = (
        app.test_client(),
        make_film(tmp_path / "film.mkv", Film(frames=30)).read_bytes(),
    )
    seen, tell = [], jobs.report_progress

    def watch(
        picture_id: str, revision: int, name: str, progress: float, left_s: float | None
    ) -> bool:
        answer = tell(picture_id, revision, name, progress, left_s)
        seen.append((progress, browser.get(f"{url}/state").get_json()["seconds_left"]))
        return answer

    monkeypatch.setattr("photochrom.web.jobs.report_progress", watch)
    url = upload_picture(browser, film, "wedding.mkv")
    assert browser.get(f"{url}/state").get_json()["seconds_left"] is None
    worker.work(url.rpartition("/")[2], 1)
    assert seen[0][0] == 0.0
    assert seen[0][1] == 1
    assert browser.get(f"{url}/state").get_json()["seconds_left"] is None
    with app.app_context():
        [first] = db.session.scalars(db.select(Picture.film_pace))
        assert first is not None
        assert first > 0
        assert usual_pace(restore=False) == first
        assert usual_pace(restore=True) == 1.0
