"""Each input of an archive has one result or one reason, whatever stops a run."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fixtures.film import Film, decoded, make_film
from fixtures.model import tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom.archive import (
    ArchiveSettings,
    LocalEngine,
    Manifest,
    Provenance,
    Result,
    RunReport,
    Store,
    apply_decisions,
    default_manifest,
    estimate,
    find_doubts,
    listed_entries,
    open_store,
    parse_shard,
    prepare_run,
    run_archive,
    stores,
    verify_originals,
    write_gallery,
)
from photochrom.archive.films import FilmPlaces
from photochrom.archive.manifest import Task
from photochrom.archive.run import check_places
from photochrom.archive.scan import in_shard, scan
from photochrom.archive.stores import TRIES, Entry, FolderStore, is_passing, try_again
from photochrom.batch import BatchOptions, color_files, plan
from photochrom.cli import main
from photochrom.errors import InputError, OutputError


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture
def settings(tiny: Path) -> ArchiveSettings:
    return ArchiveSettings(options=BatchOptions(model=tiny, device="cpu"))


@pytest.fixture
def scans(tmp_path: Path, grey_scene: NDArray[np.uint8], scene: NDArray[np.uint8]) -> Path:
    """Five good pictures, one in colour, one broken, one text."""
    folder = tmp_path / "scans"
    (folder / "box 1").mkdir(parents=True)
    for name in ("a.jpg", "b.png", "box 1/a.tif", "box 1/b.bmp", "box 1/c.webp"):
        Image.fromarray(grey_scene).save(folder / name)
    Image.fromarray(scene).save(folder / "vivid.png")
    (folder / "broken.jpg").write_bytes((folder / "a.jpg").read_bytes()[:900])
    (folder / "list.txt").write_text("a.jpg")
    return folder


RESULT_KEYS = {"a.jpg", "b.png", "box 1/a.tif", "box 1/b.bmp", "box 1/c.webp"}
RESULTS = {"a.jpg", "b.png", "box 1/a.tif", "box 1/b.bmp.png", "box 1/c.webp"}


class Archive:
    """The places of a test's archive, and runs over it."""

    def __init__(self, scans: Path, target: Path, settings: ArchiveSettings) -> None:
        self.source, self.target = open_store(str(scans)), open_store(str(target))
        self.settings, self.folder = settings, target
        self.manifest_path = target / ".photochrom-archive.sqlite"

    def run(self, engine: LocalEngine | None = None, **changes: object) -> RunReport:
        settings = dataclasses.replace(self.settings, **changes)  # type: ignore[arg-type]
        engine = engine or LocalEngine(settings.options.model, settings)
        with Manifest(self.manifest_path) as manifest:
            return run_archive(manifest, self.source, self.target, settings, engine)

    def files(self) -> dict[str, bytes]:
        """What is in the target but hidden files."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file() and not path.name.startswith(".photochrom-archive")
        }

    def states(self) -> dict[str, str]:
        with Manifest(self.manifest_path) as manifest:
            return {row["key"]: row["state"] for row in manifest.rows()}


@pytest.fixture
def archive(scans: Path, tmp_path: Path, settings: ArchiveSettings) -> Archive:
    return Archive(scans, tmp_path / "colored", settings)


def test_results_are_those_of_image_and_the_numbers_add_up(archive: Archive, scans: Path) -> None:
    before = {path: path.read_bytes() for path in scans.rglob("*") if path.is_file()}
    report = archive.run()
    assert report.counts.states == {"coloured": 5, "in colour": 1, "failed": 1, "left out": 1}
    assert report.counts.total == len(before) == 8
    assert report.results == {"coloured": 5, "in colour": 1, "failed": 1}
    assert report.verified == (7, ())
    jobs = plan([scans], archive.folder.with_name("image"), recursive=True)
    alone = {
        outcome.job.target.relative_to(archive.folder.with_name("image")).as_posix(): (
            outcome.job.target.read_bytes()
        )
        for outcome in color_files(jobs, archive.settings.options)
        if outcome.status == "coloured"
    }
    assert set(alone) == RESULTS
    assert archive.files() == alone
    assert {path: path.read_bytes() for path in scans.rglob("*") if path.is_file()} == before
    with Manifest(archive.manifest_path) as manifest:
        (row,) = manifest.rows("key = 'a.jpg'")
        assert manifest.reasons()[0][0].startswith("cannot read NAME: ")
    assert (row["width"], row["height"], row["tone"]) == (120, 90, "grey")
    assert row["model"].startswith("tiny 1.2.3 (photochrom ")
    assert 0.0 < row["confidence"] < 1.0 < row["cast_ab"]


def test_only_what_is_new_changed_or_gone_is_coloured_again(archive: Archive, scans: Path) -> None:
    archive.run()
    assert archive.run().results == {}
    (archive.folder / "a.jpg").unlink()
    (archive.folder / "b.png").write_bytes(b"")
    Image.new("L", (40, 30), 90).save(scans / "new.png")
    (scans / "box 1/c.webp").touch()
    Image.new("L", (40, 30), 90).save(scans / "box 1/a.tif")
    (scans / "box 1/b.bmp").unlink()
    assert archive.run().results == {"coloured": 4, "unchanged": 1}
    assert archive.states()["box 1/b.bmp"] == "missing"
    assert set(archive.files()) == RESULTS | {"new.png"}
    (scans / "new.png").write_bytes(b"")
    assert archive.run().results == {"failed": 1}
    assert set(archive.files()) == RESULTS, "the result of what is broken now is no result"


class Interrupted(LocalEngine):
    """Is killed after some results are written, before they are written down."""

    def run(self, tasks: Iterable[Task], source: Store, target: Store) -> Iterator[Result]:
        for number, result in enumerate(super().run(tasks, source, target)):
            if number == 3:
                raise KeyboardInterrupt
            yield result


def test_a_run_that_was_stopped_goes_on(archive: Archive, tmp_path: Path) -> None:
    whole = Archive(Path(archive.source.name), tmp_path / "whole", archive.settings)
    whole.run()
    with pytest.raises(KeyboardInterrupt):
        archive.run(Interrupted(archive.settings.options.model, archive.settings))
    done = sum(state != "waiting" for state in archive.states().values())
    assert done == 3 + 1, "and what is no picture"
    leftover = archive.folder / ".photochrom-0123456789abcdef.tmp"
    leftover.touch()
    assert sum(archive.run().results.values()) == 7 - 3
    assert not leftover.exists()
    assert archive.files() == whole.files()
    assert archive.states() == whole.states()


def test_results_of_other_settings_are_no_accident(archive: Archive) -> None:
    archive.run()
    options = dataclasses.replace(archive.settings.options, vividness=0.5)
    with pytest.raises(OutputError, match="with another vividness; --overwrite"):
        archive.run(options=options)
    assert archive.run(options=options, keep_finished=True).results == {}
    (Path(archive.source.name) / "a.jpg").touch()
    assert archive.run(options=options, overwrite=True).results == {"coloured": 5}


def test_shards_share_all_and_nothing_twice(archive: Archive) -> None:
    keys = [f"box {i}/{i}.tif" for i in range(400)]
    shares = [sum(in_shard(key, (k, 4)) for key in keys) for k in (1, 2, 3, 4)]
    assert sum(shares) == 400
    assert min(shares) > 70
    for k in (1, 2):
        archive.manifest_path = default_manifest(str(archive.folder), (k, 2)) or Path()
        archive.run(shard=(k, 2))
    assert set(archive.files()) == RESULTS
    with pytest.raises(InputError, match="manifest of the shard 2/2, not of 1/2"):
        archive.run(shard=(1, 2))
    for text in ("0/2", "3/2", "1", "x/2", "-1/2"):
        with pytest.raises(InputError, match="is no shard"):
            parse_shard(text)


def test_two_inputs_never_share_a_result(archive: Archive, scans: Path) -> None:
    Image.new("L", (40, 30), 90).save(scans / "box 1/b.bmp.png")
    report = archive.run()
    assert report.counts.states["failed"] == 2
    with Manifest(archive.manifest_path) as manifest:
        (reason,) = (text for text, _ in manifest.reasons() if "rename" in text)
    assert "b.bmp" in reason
    (scans / "box 1/b.bmp.png").touch()
    assert archive.run().results == {}, "neither is it coloured when it has changed"
    assert archive.states()["box 1/b.bmp.png"] == "failed"


def test_originals_are_safe_whatever_their_folder_is_called(
    scans: Path, settings: ArchiveSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(scans)
    for name in ("scans", "link"):
        with pytest.raises(InputError, match="is both source and target"):
            Archive(scans, Path(name), settings).run()
    (scans / "scans").mkdir()
    (scans / "scans" / "a.jpg").write_bytes((scans / "b.png").read_bytes())
    with Manifest(tmp_path / "manifest.sqlite") as manifest:
        prepare_run(manifest, open_store("scans"), open_store("."), settings)
        states = {row["key"]: row["state"] for row in manifest.rows()}
    assert states["a.jpg"] == "waiting"
    assert states["scans/a.jpg"] == "left out", "its result would be the original a.jpg"


def test_links_in_the_target_change_nothing_that_lies_elsewhere(
    archive: Archive, scans: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "c.webp").parent.mkdir()
    (elsewhere / "c.webp").write_bytes(b"of somebody else")
    before = {path: path.read_bytes() for path in scans.rglob("*") if path.is_file()}
    archive.folder.mkdir()
    (archive.folder / "a.jpg").symlink_to(scans / "a.jpg")
    (archive.folder / "b.png").symlink_to(elsewhere / "new.png")
    (archive.folder / "box 1").symlink_to(elsewhere)
    report = archive.run()
    assert report.results == {"in colour": 1, "failed": 6}
    with Manifest(archive.manifest_path) as manifest:
        errors = {row["key"]: row["error"] for row in manifest.rows("state = 'failed'")}
    assert f"is a link to {scans / 'a.jpg'}" in errors["a.jpg"]
    assert f"is a link to {elsewhere}, and" in errors["box 1/c.webp"]
    assert {path: path.read_bytes() for path in before} == before
    assert [path.name for path in elsewhere.iterdir()] == ["c.webp"]
    with pytest.raises(OutputError, match="is a link to"):
        archive.target.remove("box 1/c.webp")
    with pytest.raises(OutputError, match="is a link to"):
        archive.target.upload(scans / "b.png", "box 1/c.webp")
    film = FilmPlaces(
        Task("reel.mp4", "film", 1, "box 1/reel.mp4"), archive.source, archive.target, tmp_path
    )
    with pytest.raises(OutputError, match="is a link to"):
        film.result()
    assert (elsewhere / "c.webp").read_bytes() == b"of somebody else"
    archive.target.remove("a.jpg")
    assert (scans / "a.jpg").exists(), "the link alone is removed"


def test_one_place_has_one_name(tmp_path: Path, settings: ArchiveSettings) -> None:
    fsspec = pytest.importorskip("fsspec")
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for same in (
        ("memory://bucket/a", "memory://bucket//a/", "simplecache::memory:///bucket/a"),
        (str(tmp_path / "a"), f"local://{tmp_path}//a", f"file://{tmp_path}/link"),
    ):
        stores = [open_store(name) for name in same]
        assert len({store.place() for store in stores}) == 1
        for one, other in itertools.permutations(stores, 2):
            with (
                Manifest(tmp_path / "manifest.sqlite") as manifest,
                pytest.raises(InputError, match="is both source and target"),
            ):
                check_places(manifest, one, other)
    files = fsspec.filesystem("memory")
    for key in ("x.png", "colored/x.png"):
        files.pipe(f"/bucket/a/{key}", b"x")
    with Manifest(tmp_path / "inside.sqlite") as manifest:
        target = open_store("memory://bucket//a/colored/")
        prepare_run(manifest, open_store("memory://bucket/a"), target, settings)
        assert [row["key"] for row in manifest.rows()] == ["x.png"]
    files.rm("/bucket", recursive=True)


def test_a_list_names_files_of_the_source_alone(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = open_store("scans")
    lines = [f"{scans}/a.jpg\n", "scans/b.png\r\n", "./box 1//a.tif\n", "\n", "none.png"]
    keys = ["a.jpg", "b.png", "box 1/a.tif", "none.png"]
    assert [entry.key for entry in listed_entries(source, lines)] == keys
    for line in ("../other.jpg", "/elsewhere/a.jpg", f"{scans}/../other.jpg"):
        with pytest.raises(InputError, match="is not below scans"):
            list(listed_entries(source, [line]))
        with pytest.raises(InputError, match="lies outside of coloured"):
            open_store("coloured").path(line)


def test_films_that_were_left_out_are_coloured_later(
    archive: Archive, scans: Path, settings: ArchiveSettings
) -> None:
    (scans / "reel.mp4").write_bytes(b"film")
    for films, state in ((False, "left out"), (True, "waiting")):
        chosen = dataclasses.replace(settings, films=films)
        with Manifest(archive.manifest_path) as manifest:
            prepare_run(manifest, archive.source, archive.target, chosen)
            (row,) = manifest.rows("kind = 'film'")
            assert row["state"] == state
            tasks = list(manifest.tasks("film"))
    assert [(task.key, task.target) for task in tasks] == [("reel.mp4", "reel.mp4")]


def test_a_name_that_is_no_text_is_a_dead_letter(archive: Archive) -> None:
    entries = [Entry("caf\udce9.jpg", 1, ""), Entry("b.png", 1, "")]
    with Manifest(archive.manifest_path) as manifest:
        for _ in range(2):
            scan(manifest, archive.source, entries=entries)
        manifest.mark_absent([Entry("\udce9.jpg", 1, "")])
        assert manifest.counts().states == {"failed": 1, "waiting": 1}
        assert "is no UTF-8" in manifest.reasons()[0][0]


def test_what_nobody_colours_again_is_no_other_setting(archive: Archive, scans: Path) -> None:
    archive.run()
    with Manifest(archive.manifest_path) as manifest:
        manifest.decide("a.jpg", "reject")
    (scans / "b.png").unlink()
    options = dataclasses.replace(archive.settings.options, vividness=0.5)
    assert archive.run(options=options, overwrite=True).results == {"coloured": 3}
    assert archive.run(options=options).results == {}


def test_what_only_seems_to_be_changed_stays_as_it_is(archive: Archive, scans: Path) -> None:
    archive.run()
    with Manifest(archive.manifest_path) as manifest:
        manifest.decide("a.jpg", "reject")
    (archive.folder / "b.png").unlink()
    for name in ("a.jpg", "b.png"):
        (scans / name).touch()
    assert archive.run().results == {"unchanged": 1, "coloured": 1}
    assert archive.states()["a.jpg"] == "rejected"
    assert set(archive.files()) == RESULTS - {"a.jpg"}
    Image.new("L", (40, 30), 90).save(scans / "a.jpg")
    assert archive.run().results == {"coloured": 1}, "this is another photograph"
    assert set(archive.files()) == RESULTS


def test_a_full_disk_leaves_earlier_results_in_their_places(
    archive: Archive, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.run()
    before = archive.files()

    def fail(*_: object, **__: object) -> None:
        raise OutputError("the disk is full")

    options = dataclasses.replace(archive.settings.options, vividness=0.5)
    with monkeypatch.context() as full:
        full.setattr(archive.target, "write", fail)
        assert archive.run(options=options, overwrite=True).results == {"failed": 5}
    assert archive.files() == before
    (scans / "a.jpg").touch()
    with Manifest(archive.manifest_path) as manifest:
        assert manifest.requeue("error = 'the disk is full'") == 5
    assert archive.run(options=options).results == {"coloured": 5}, "none is taken for unchanged"
    assert set(archive.files()) == RESULTS
    assert not set(archive.files().values()) & set(before.values())


class Unmeasured(FolderStore):
    """Is on no disk of this machine, and does not say how large files are."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: list[str] = []

    def path(self, key: str) -> None:  # type: ignore[override]
        return None

    def download(self, key: str, path: Path) -> None:
        self.asked.append(key)
        path.write_bytes(b"film")


def test_a_film_of_unknown_size_is_fetched_once(tmp_path: Path) -> None:
    source = Unmeasured(tmp_path)
    places = FilmPlaces(
        Task("a.mp4", "film", -1, "a.mp4"), source, open_store(str(tmp_path)), tmp_path / "work"
    )
    assert places.original() == places.original()
    places.remove_copy()
    assert source.asked == ["a.mp4"]
    assert list((tmp_path / "work").iterdir()) == []


def test_connections_that_are_lost_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_FIRST_WAIT_S", 0.0)
    lost = type("EndpointConnectionError", (Exception,), {})  # as botocore's own, no OSError
    asked = []

    def ask() -> None:
        asked.append(1)
        raise lost("could not connect")

    with pytest.raises(OSError, match="could not connect"):
        try_again(ask, "a.jpg")
    assert len(asked) == TRIES
    assert not is_passing(PermissionError())


def test_a_film_comes_whole_to_other_stores_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec")
    (tmp_path / "film").write_bytes(b"new film")
    store = open_store(f"local://{tmp_path}/coloured")
    store.write("box/a.mp4", b"old film")

    def break_off(_: str, path: str) -> None:
        Path(path).write_bytes(b"new")
        raise PermissionError("the connection is closed")

    with monkeypatch.context() as broken:
        broken.setattr(store._files, "put_file", break_off)  # type: ignore[attr-defined]
        with pytest.raises(OutputError, match="the connection is closed"):
            store.upload(tmp_path / "film", "box/a.mp4")
    assert store.read("box/a.mp4") == b"old film"
    store.remove_leftovers()
    store.upload(tmp_path / "film", "box/a.mp4")
    assert store.read("box/a.mp4") == b"new film"
    assert [path.name for path in (tmp_path / "coloured" / "box").iterdir()] == ["a.mp4"]


def test_decisions_flow_back(archive: Archive, tmp_path: Path) -> None:
    archive.run()
    before = archive.files()
    decisions = tmp_path / "decisions.json"
    hints = [{"x": 0.5, "y": 0.5, "color": "#c81e1e", "radius": 0.2}]
    rows = [
        {"key": "a.jpg", "decision": "reject"},
        {"key": "b.png", "decision": "hint", "hints": hints},
        {"key": "box 1/a.tif", "decision": "approve"},
        {"key": "vivid.png", "decision": "color"},
        {"key": "none.png", "decision": "reject"},
    ]
    decisions.write_text(json.dumps(rows))
    with Manifest(archive.manifest_path) as manifest:
        counts = apply_decisions(manifest, archive.target, decisions)
    assert counts == {"reject": 1, "hint": 1, "approve": 1, "color": 1, "unknown": 1}
    assert "a.jpg" not in archive.files()
    assert archive.run().results == {"coloured": 2}
    after = archive.files()
    assert set(after) == (RESULTS | {"vivid.png"}) - {"a.jpg"}
    assert after["b.png"] != before["b.png"]
    assert after["box 1/a.tif"] == before["box 1/a.tif"]
    for wrong, message in (
        ("{}", "no list"),
        ('[{"decision": "reject"}]', "without a key"),
        ('[{"key": "a", "decision": "burn"}]', "choose of approve"),
        ('[{"key": "a", "decision": "hint"}]', "without hints"),
        ('[{"key": "a", "decision": "hint", "hints": [{"x": 7, "y": 0}]}]', "from 0 to 1"),
        ('[{"key": "a", "decision": "reject", "why": ""}]', "unknown why"),
    ):
        decisions.write_text(wrong)
        with (
            Manifest(archive.manifest_path) as manifest,
            pytest.raises(InputError, match=message),
        ):
            apply_decisions(manifest, archive.target, decisions)


def test_the_gallery_shows_what_is_doubtful(archive: Archive, scans: Path, tmp_path: Path) -> None:
    name = "<script><b>.png"
    Image.new("L", (40, 30), 90).save(scans / name)
    archive.run()
    with Manifest(archive.manifest_path) as manifest:
        manifest.decide("b.png", "approve")
        doubts = find_doubts(manifest, share=1.0, limit=5)
        done = write_gallery(tmp_path / "gallery", manifest, archive.source, archive.target, doubts)
    assert {doubt.key for doubt in doubts} == {"vivid.png", name, *RESULT_KEYS} - {"b.png"}
    assert done.shown == {"unsure": 5, "cast": 5, "in colour": 1, "damaged": 0}
    assert [path.name for path in done.sheets] == [
        "sheet-unsure-1.png", "sheet-cast-1.png", "sheet-in-colour-1.png"
    ]  # fmt: skip
    page = done.page.read_text()
    (data,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page)
    cards = json.loads(data)["cards"]
    assert {card["key"] for card in cards} == {doubt.key for doubt in doubts}
    for card in cards:
        for picture in (card["original"], card["result"]):
            assert picture is None or (done.page.parent / picture).is_file()
    assert [card["key"] for card in cards if card["result"] is None] == ["vivid.png"]


def test_an_altered_original_is_found(archive: Archive, scans: Path) -> None:
    archive.run(provenance=Provenance(sidecar=True), find_damage=True)
    assert set(archive.files()) == RESULTS | {f"{name}.xmp" for name in RESULTS}
    sidecar = archive.files()["a.jpg.xmp"]
    assert b"compositeWithTrainedAlgorithmicMedia" in sidecar
    (scans / "a.jpg").write_bytes(b"touched")
    with Manifest(archive.manifest_path) as manifest:
        assert verify_originals(manifest, archive.source) == (7, ("a.jpg",))


def test_an_estimate_touches_nothing(archive: Archive, settings: ArchiveSettings) -> None:
    with Manifest(archive.manifest_path) as manifest:
        prepare_run(manifest, archive.source, archive.target, settings)
        engine = LocalEngine(settings.options.model, settings)
        few = estimate(manifest, archive.source, engine, settings, 3)
        found = estimate(manifest, archive.source, engine, settings, 99)
    assert (few.pictures, few.sampled, few.error) == (7, 3, 0.0), "too few to be sure of"
    assert (found.pictures, found.sampled) == (7, 7)
    assert found.seconds > 7 * found.picture_s > 0
    assert archive.files() == {}


def test_an_address_with_a_password_is_not_taken() -> None:
    with pytest.raises(InputError, match="FSSPEC_SFTP_PASSWORD") as told:
        open_store("sftp://archive:tulip@scans.example/1931")
    assert "tulip" not in str(told.value)


def test_a_sample_is_of_all_endings_and_sizes(tmp_path: Path) -> None:
    endings = ["jpg"] * 60 + ["png"] * 30 + ["TIF"] * 10
    entries = [Entry(f"{n}.{ending}", 1000 - n, "") for n, ending in enumerate(endings)]
    with Manifest(tmp_path / "manifest.sqlite") as manifest:
        manifest.add_entries(
            [(entry, "picture", entry.key, None, "") for entry in entries], manifest.begin_scan()
        )
        for number in (1, 7, 20, 100, 999):
            total, tasks = manifest.sample("picture", number)
            assert (total, len(tasks)) == (100, min(100, number))
        _, tasks = manifest.sample("picture", 20)
    found = Counter(task.target[-3:] for task in tasks)
    assert found == {"jpg": 12, "png": 6, "TIF": 2}
    sizes = [task.size for task in tasks if task.target.endswith("jpg")]
    assert min(sizes) < 950 < 990 < max(sizes)


def test_the_command_tells_and_retries(
    archive: Archive, scans: Path, tiny: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    places = [str(scans), str(archive.folder)]
    options = ["--model", str(tiny), "--device", "cpu"]
    assert main(["archive", *places, "--dry-run", "--sample", "2", "--json", *options]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["inputs"] == 8 == sum(told["states"].values())
    assert told["estimate"]["pictures"] == 7
    names = tmp_path / "names.txt"
    names.write_text(f"a.jpg\n{scans}/b.png\n")
    assert main(["archive", *places, "--list", str(names), "--json", *options]) == 0
    assert json.loads(capsys.readouterr().out)["this_run"] == {"coloured": 2}
    assert main(["archive", *places, "-q", *options]) == 1
    assert "broken.jpg" in capsys.readouterr().err
    target = str(archive.folder)
    (scans / "broken.jpg").write_bytes((scans / "a.jpg").read_bytes())
    assert main(["archive", "retry", target, "--reason", "no such reason"]) == 0
    assert "0 inputs wait again" in capsys.readouterr().err
    assert main(["archive", "retry", target]) == 0
    assert main(["archive", *places, "-q", *options]) == 0
    capsys.readouterr()
    rows = tmp_path / "rows.csv"
    assert main(["archive", "report", target, "--json", "--rows", str(rows)]) == 0
    assert json.loads(capsys.readouterr().out)["states"]["coloured"] == 6
    assert len(rows.read_text().splitlines()) == 9
    assert main(["archive", "verify", target]) == 0
    assert "7 originals read, 0 not as they were" in capsys.readouterr().err
    assert main(["archive", "report", str(tmp_path)]) == 1
    assert "there is no manifest" in capsys.readouterr().err
    assert main(["archive", str(scans), "s3://bucket/x", *options]) == 2
    assert "--manifest FILE.sqlite" in capsys.readouterr().err
    assert main(["archive", places[0], places[0], *options]) == 1
    assert "is both source and target" in capsys.readouterr().err


def test_films_are_coloured_and_new_files_watched_for(
    archive: Archive,
    scans: Path,
    tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_film(scans / "box 1" / "reel.mp4", Film(encoder="libx264", format="mp4", frames=6))
    rounds = []

    def look_later(seconds: float) -> None:
        rounds.append(seconds)
        if len(rounds) == 1:
            Image.new("L", (40, 30), 90).save(scans / "new.png")
        elif len(rounds) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("photochrom.cli.archive.time.sleep", look_later)
    options = ["--model", str(tiny), "--film-model", str(tiny), "--size", "32", "--device", "cpu"]
    places = [str(scans), str(archive.folder)]
    assert main(["archive", *places, "--films", "--watch", "7", *options]) == 130
    assert rounds == [7.0] * 3
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("This run: ")]
    assert [line.partition(" (")[0] for line in told] == [
        "This run: 6 coloured, 1 failed, 1 in colour", "This run: 1 coloured"
    ]  # fmt: skip
    assert len(decoded(archive.folder / "box 1" / "reel.mp4")) == 6
    with Manifest(archive.manifest_path) as manifest:
        (row,) = manifest.rows("kind = 'film'")
    assert (row["state"], row["result"]) == ("coloured", "box 1/reel.mp4")
    assert set(archive.files()) == RESULTS | {"new.png", "box 1/reel.mp4"}


def test_a_foreign_file_is_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("Dear Sir or Madam,\n" * 99)
    with pytest.raises(InputError, match="is no manifest"):
        Manifest(tmp_path / "text")
    with sqlite3.connect(tmp_path / "later") as base:
        base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(InputError, match="is of format 99"):
        Manifest(tmp_path / "later")
