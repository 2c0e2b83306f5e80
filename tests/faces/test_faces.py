from __future__ import annotations

import json
import os
import signal
import stat
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import pytest
import skimage.data
from click.testing import CliRunner
from fixtures.faces import draw_face, write_people

from photochrom import imageio
from photochrom.cli import OK
from photochrom.cli.app import app
from photochrom.errors import InputError, ModelError, OutputError, RecipeError
from photochrom.evaluation.faces import (
    GroupingScores,
    _grouping_scores,
    area_under_curve,
    draw_report,
    evaluate_faces,
    evenly_spread,
    turn,
)
from photochrom.faces.detection import FaceDetector, align
from photochrom.faces.grouping import group_by_distance
from photochrom.faces.model import SHIPPED_MODEL, FaceNet
from photochrom.faces.preprocess import (
    FACE_PX,
    INPUT_PX,
    Box,
    Pose,
    circle,
    face_of_rgb,
    network_input,
)
from photochrom.faces.recognition import (
    COMPARISONS,
    TWIN_ANGLES,
    Gallery,
    Template,
    make_query,
    make_template,
)
from photochrom.faces.store import FaceStore
from photochrom.models_package import locate
from photochrom.training import checkpoint
from photochrom.training.faces.data import read_faces
from photochrom.training.faces.export import export_faces
from photochrom.training.faces.metric_head import fit_head
from photochrom.training.faces.recipe import FaceRecipe
from photochrom.training.faces.run import FaceRun
from photochrom.training.interrupts import TrainingStopped
from photochrom.training.methods import find_method, read_method_recipe
from photochrom.training.recipe.builtin import recipe_path

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch")

SETTINGS = (
    "data.held_out=2", "latent=8", "embedding=5",
    "reconstruction.images=8", "reconstruction.batch=4", "identity.views=2",
    "identity.images=4", "identity.people=2", "identity.pictures=2",
)  # fmt: skip


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight drawn people with two pictures each."""
    return write_people(tmp_path_factory.mktemp("drawn") / "people", 8, 2)


def recipe(data: Path, *settings: str) -> FaceRecipe:
    path = recipe_path("face-autoencoder")
    method = find_method(path)
    assert method is not None
    loaded = read_method_recipe(method, path, (*SETTINGS, *settings), [data])
    assert isinstance(loaded, FaceRecipe)
    return loaded


@pytest.fixture(scope="module")
def run(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    FaceRun(recipe(people), folder, lambda _: None).run(lambda _share, _facts: None)
    return folder


@pytest.fixture(scope="module")
def model(run: Path) -> Path:
    thresholds = dict.fromkeys(COMPARISONS, 0.5)
    export_faces(run / checkpoint.NAME, run / "faces.onnx", thresholds=thresholds)
    return run / "faces.onnx"


@pytest.fixture(scope="module")
def net(model: Path) -> FaceNet:
    return FaceNet(model, threads=1)


def call(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["faces", *map(str, arguments)], standalone_mode=False)


def test_a_turned_face_shows_the_network_the_same_pixels_turned() -> None:
    face = face_of_rgb(draw_face(1, 0), "drawn")
    assert face.shape == (FACE_PX, FACE_PX)
    upright = network_input(face)
    inside = circle() > 0
    assert abs(float(upright[inside].mean())) < 1e-3
    assert float(upright[inside].std()) == pytest.approx(0.5, abs=1e-3)
    assert not upright[~inside].any()
    turned = network_input(turn(face, 30.0), Pose(angle=-30.0))
    assert (
        np.abs(turned - upright)[inside].mean()
        < 0.05
        < np.abs(network_input(turn(face, 30.0)) - upright)[inside].mean()
    )
    np.testing.assert_allclose(network_input(face, Pose(mirror=True)), upright[:, ::-1], atol=0.02)
    brighter = (face * 0.5 + 100).astype(np.uint8)
    assert np.abs(network_input(brighter) - upright).max() < 0.05


@pytest.mark.parametrize(
    ("rgb", "box", "words"),
    [
        (np.zeros((10, 90, 3), np.uint8), None, "90×10 px is too small for a face"),
        (np.full((64, 64, 3), 90, np.uint8), None, "one flat tone and no face"),
        (draw_face(1, 0), Box(100, 0, 40, 40), "the box 100,0,40,40 lies outside"),
    ],
)
def test_what_can_be_no_face_is_refused(
    rgb: np.ndarray[Any, Any], box: Box | None, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        face_of_rgb(rgb, "it", box)


def test_the_head_makes_one_persons_pictures_close(rng: np.random.Generator) -> None:
    people = np.repeat(np.arange(12), 4)
    nuisance = rng.normal(0, 5, (48, 3)) @ rng.normal(0, 1, (3, 40))
    features = rng.normal(0, 1, (12, 40))[people] + nuisance + rng.normal(0, 0.1, (48, 40))
    tensor = torch.from_numpy(features.astype(np.float32))
    weight, bias = fit_head(tensor, torch.from_numpy(people), 11, 0)

    def auc(points: Any) -> float:
        points = points / np.linalg.norm(points, axis=1, keepdims=True)
        apart, pairs = 1 - points @ points.T, np.triu_indices(48, 1)
        same = (people[:, None] == people)[pairs]
        return area_under_curve(apart[pairs][same], apart[pairs][~same])

    assert auc((tensor @ weight.T + bias).numpy()) > 0.99 > 0.8 > auc(features)


def test_faces_are_trained_by_command(people: Path, tmp_path: Path) -> None:
    """In as few steps as there can be: one of the autoencoder, and the head."""
    settings = (*SETTINGS, "reconstruction.images=4", "identity.images=0")
    words = [word for setting in settings for word in ("--set", setting)]
    run = tmp_path / "run"
    trained = call("train", "--data", people, "--run", run, "--threads", 1, *words)
    assert trained.exception is None, trained.exception
    assert trained.return_value == OK
    position, table, _ = checkpoint.load(run / checkpoint.NAME)
    assert position.images == 4
    assert table["name"] == "face-autoencoder"
    assert "6 people with two and more" in trained.output
    assert f"done: photochrom faces export {run / checkpoint.NAME}" in trained.output
    again = call("train", "--data", people, "--run", run, *words)
    assert "already holds a run" in str(again.exception)


@pytest.mark.long
def test_a_stopped_run_goes_on_to_the_same_weights(people: Path, run: Path, tmp_path: Path) -> None:
    def stop(_share: float, facts: str) -> None:
        if facts.startswith("reconstruction"):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(TrainingStopped):
        FaceRun(recipe(people), tmp_path, lambda _: None).run(stop)
    with pytest.raises(InputError, match="already holds a run"):
        FaceRun(recipe(people), tmp_path, lambda _: None)
    resumed = FaceRun(recipe(people), tmp_path, lambda _: None, resume=True)
    assert "6 people with two and more" in resumed.description
    resumed.run(lambda _share, _facts: None)
    position, _, state = checkpoint.load(tmp_path / checkpoint.NAME)
    whole_position, _, whole_state = checkpoint.load(run / checkpoint.NAME)
    assert position == whole_position
    assert position.images == 12
    for name, tensor in whole_state["net"].items():
        torch.testing.assert_close(state["net"][name], tensor)
    assert (run / "held-out.txt").read_text() == (tmp_path / "held-out.txt").read_text()
    assert len((run / "held-out.txt").read_text().split()) == 2
    assert "identity" in (run / "losses.csv").read_text()


def test_each_stage_logs_its_own_losses_and_a_resumed_one_learns_at_the_recipes_rate(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trivial(self: FaceRun, _: np.random.Generator) -> tuple[Any, dict[str, float], int]:
        names = ("reconstruction", "identity")[: 1 + self._position.stage // 2]
        return self._net.to_latent.bias.sum(), dict.fromkeys(names, 1.0), 4

    for name in ("_reconstruct", "_identify"):
        monkeypatch.setattr(FaceRun, name, trivial)
    monkeypatch.setattr(FaceRun, "_fit_head", lambda _: None)
    monkeypatch.setattr("photochrom.training.faces.run._LOG_STEPS", 2)
    settings = ("reconstruction.images=12", "identity.images=8", "encoder_weights=''")
    run = FaceRun(recipe(people, *settings), tmp_path, lambda _: None)
    run.run(lambda _share, _facts: None)
    rows = (tmp_path / "losses.csv").read_text().split()
    assert rows[1:] == ["reconstruction,8,1.0,", "identity,20,1.0,1.0"]

    run._position, run._optimizer = checkpoint.Position(), run._build_optimizer(0)
    run.save()
    lower = recipe(people, *settings, "reconstruction.lr=1e-5")
    resumed = FaceRun(lower, tmp_path, lambda _: None, resume=True)
    assert resumed._optimizer is not None
    assert resumed._optimizer.param_groups[0]["peak"] == 1e-5


def test_bad_data_is_refused_before_training(people: Path, tmp_path: Path) -> None:
    def refusal(data: Path, *settings: str) -> str:
        with pytest.raises((InputError, RecipeError)) as caught:
            FaceRun(recipe(data, *settings), tmp_path / "run", lambda _: None)
        assert not (tmp_path / "run").exists()
        return str(caught.value)

    empty = tmp_path / "empty"
    empty.mkdir()
    assert "empty holds no picture" in refusal(empty)
    one = write_people(tmp_path / "one", 1, 2)
    assert "1 of 1 people (the first: P0) have two pictures" in refusal(one)
    assert "none of the 2 pictures lies in a folder of a person" in refusal(one / "P0")
    assert "embedding is 5, and there are 2 people" in refusal(people, "data.held_out=6")
    assert "data.held_out keeps 9" in refusal(people, "data.held_out=9")
    broken = write_people(tmp_path / "broken", 4, 2)
    for file in broken.glob("P0/*.png"):
        file.write_bytes(b"no picture")
    assert "2 of 8 pictures in broken cannot be used, the first: " in refusal(broken)
    reports: list[str] = []
    few = write_people(tmp_path / "few", 4, 2)
    (few / "P0" / "P0_0.png").write_bytes(b"no picture")
    assert len(read_faces((str(few),), reports.append).people) == 7
    assert any(line.startswith("left out: ") for line in reports)


def test_enrolled_faces_are_found_again_turned(net: FaceNet) -> None:
    faces = [face_of_rgb(draw_face(person, 0), "drawn") for person in range(4)]
    templates = [make_template(net, face) for face in faces]
    assert templates[0].embeddings.shape == (len(TWIN_ANGLES), 5)
    assert templates[0].reconstruction.shape == (INPUT_PX, INPUT_PX)
    gallery = Gallery(templates)
    for angle in (-30.0, 20.0):
        query = make_query(net, turn(faces[3], angle))
        assert int(gallery.distances(query, "embedding").argmin()) == 3
        assert int(gallery.distances(query, "latent").argmin()) == 3
        assert (gallery.distances(query, "reconstruction") > 0).all()
    with pytest.raises(InputError, match="nobody is enrolled"):
        Gallery([])


def test_scores_count_as_they_are_defined(
    net: FaceNet, people: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    face_set = read_faces((str(people),), lambda _: None)
    report = evaluate_faces(net, face_set.faces[:8], face_set.people[:8], turned=1, angles=(0, 30))
    assert (report.people, report.left_out, report.pictures, report.turned) == (4, 0, 8, 1)
    assert evenly_spread(200, 350)[-1] == 348, "of the last people, too"
    assert evenly_spread(3, 7) == [0, 2, 4]
    assert evenly_spread(9, 3) == [0, 1, 2]
    for scores in report.scores.values():
        assert 0 <= scores.auc <= 1
        assert scores.rank_1_others >= 0
    assert report.grouping.people == 4
    assert 0 <= report.grouping.recall <= 1
    apart = np.asarray(1.0 - np.kron(np.eye(30), np.ones((3, 3))), np.float64)
    owners = np.repeat([f"P{i}" for i in range(30)], 3)
    assert _grouping_scores(apart, owners, 0.5) == GroupingScores(20, 1.0, 1.0)
    joined = _grouping_scores(apart, owners, 2.0)
    assert joined.precision == pytest.approx(2 / 59)
    table = json.loads(json.dumps(report.to_table()))
    assert set(table["thresholds"]) == set(COMPARISONS)
    assert all(file.stat().st_size for file in draw_report(table, tmp_path))
    with pytest.raises(InputError, match="0 people have two pictures"):
        evaluate_faces(net, face_set.faces[::2], face_set.people[::2])
    near, far = rng.integers(0, 5, 30).astype(float), rng.integers(2, 9, 40).astype(float)
    wins = (near[:, None] < far).mean() + (near[:, None] == far).mean() / 2
    assert area_under_curve(near, far) == pytest.approx(wins)


def test_the_store_is_private_and_forgets_for_good(tmp_path: Path) -> None:
    store = FaceStore(tmp_path / "data" / "faces.sqlite")
    assert store.faces() == []
    assert store.forget(None) == 0
    secret = np.random.default_rng(3).normal(size=(len(TWIN_ANGLES), 4)).astype(np.float32)
    other = Template(secret[::-1].copy(), secret[::-1].copy(), np.zeros((INPUT_PX,) * 2, np.uint8))
    template = Template(secret, secret, np.full((INPUT_PX,) * 2, 7, np.uint8))
    store.enroll("Ada Lovelace", "ada.jpg", "m1", template)
    store.enroll("Ben", "ben.jpg", "m1", other)
    if os.name == "posix":
        assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert [face.name for face in store.faces_of_model("m1")] == ["Ada Lovelace", "Ben"]
    np.testing.assert_allclose(store.faces()[0].template.latents, secret, atol=2e-3)
    with pytest.raises(InputError, match=r"Ada Lovelace, Ben in .* enrolled with another model"):
        store.faces_of_model("m2")
    with pytest.raises(InputError, match="'Eve' is not enrolled"):
        store.forget("Eve")
    blob = secret.astype("<f2").tobytes()
    assert blob in store.path.read_bytes()
    assert store.forget("Ada Lovelace") == 1
    content = store.path.read_bytes()
    assert b"Lovelace" not in content
    assert blob not in content
    assert bytes([7] * 64) not in content
    assert [path.name for path in store.path.parent.iterdir()] == ["faces.sqlite"]
    assert [face.name for face in store.faces()] == ["Ben"]
    with pytest.raises(InputError, match="give the person one"):
        store.enroll(" ", "x.jpg", "m1", other)
    bytes_of_latin_1 = os.fsdecode(b"caf\xe9.jpg")
    store.enroll("Ben", bytes_of_latin_1, "m1", other)
    assert store.faces()[-1].picture == r"caf\udce9.jpg"
    with pytest.raises(InputError, match="is no UTF-8"):
        store.enroll(bytes_of_latin_1, "x.jpg", "m1", other)
    store.path.write_bytes(b"no database" * 200)
    with pytest.raises(OutputError, match="cannot use the faces in"):
        store.faces()


def test_commands_enroll_identify_verify_and_forget(
    people: Path, model: Path, run: Path, tmp_path: Path
) -> None:
    own = ("--store", tmp_path / "faces.sqlite", "--model", model)
    store = own[:2]
    assert "nobody is enrolled" in call("list", *store).output
    for person in ("P0", "P1"):
        done = call("enroll", person, people / person / f"{person}_0.png", "--force", *own)
        assert done.return_value == 0, done.output
    plot = tmp_path / "plot.png"
    found = call("identify", people / "P1" / "P1_0.png", "--plot", plot, "--json", "--force", *own)
    assert found.return_value == 0
    assert json.loads(found.output)["name"] == "P1"
    assert imageio.read(plot).pixels.size
    before = plot.read_bytes()
    over = call("identify", plot, "--plot", plot, "--force", *own)
    assert isinstance(over.exception, click.UsageError)
    assert plot.read_bytes() == before
    with pytest.raises(OutputError, match=r"the folder .* does not exist"):
        raise call("identify", plot, "--plot", tmp_path / "no" / "plot.png", *own).exception
    with pytest.raises(OutputError, match="cannot be made"):
        raise call("evaluate", people, "-o", plot / "report", "--model", model).exception
    nobody = call("identify", people / "P4" / "P4_0.png", "--threshold", 0, "--force", *own)
    assert nobody.return_value == 1
    assert "nobody enrolled" in nobody.output
    assert call("verify", people / "P0" / "P0_0.png", "P0", "--force", *own).return_value == 0
    empty = tmp_path / "sky.png"
    imageio.write(empty, imageio.Picture(np.tile(np.arange(120, dtype=np.uint8), (90, 1))))
    for refused in (("enroll", "Sky"), ("identify",), ("verify",)):
        words = (*refused, empty, *(("P0",) if refused == ("verify",) else ()))
        with pytest.raises(InputError, match=r"no face is found in .*sky.png.* its middle"):
            raise call(*words, *own).exception
    with pytest.raises(InputError, match=r"no face is found in the box 10,0,80,80 of .* as it is"):
        raise call("enroll", "Sky", empty, "--box", "10,0,80,80", *own).exception
    assert call("enroll", "Sky", empty, "--force", *own).return_value == 0
    assert call("forget", "Sky", *store).return_value == 0
    other = people / "P1" / "P1_0.png"
    assert call("verify", other, other, "--force", *own).output.startswith(
        "the same person: distance 0.0"
    )
    with pytest.raises(InputError, match="'Eve' is neither enrolled in"):
        raise call("verify", other, "Eve", *own).exception
    listed = json.loads(call("list", "--json", *store).output)
    assert [face["name"] for face in listed["faces"]] == ["P0", "P1"]
    assert call("forget", "P0", *store).return_value == 0
    assert call("forget", "--all", *store).return_value == 0
    assert "nobody is enrolled" in call("list", *store).output
    report = call("evaluate", people, "-o", tmp_path / "report", "--turned", 1,
                  "--people", run / "held-out.txt", "--model", model)  # fmt: skip
    assert report.return_value == 0, report.exception
    assert json.loads((tmp_path / "report" / "report.json").read_text())["people"] == 2
    exported = call("export", run / checkpoint.NAME, tmp_path / "new.onnx", "--report",
                    tmp_path / "report" / "report.json")  # fmt: skip
    assert exported.return_value == 0, exported.exception
    assert set(FaceNet(tmp_path / "new.onnx").card.thresholds) == set(COMPARISONS)


def test_other_files_are_no_models_for_faces(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot read the model"):
        FaceNet(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match="does not load as a model"):
        FaceNet(tmp_path / "bad.onnx")


def test_the_shipped_model_is_whole_and_tells_two_photographs_apart() -> None:
    net = FaceNet(threads=1)
    assert set(net.card.thresholds) >= set(COMPARISONS)
    assert locate(SHIPPED_MODEL).stat().st_size < 5_000_000
    rgb = skimage.data.astronaut()
    face = face_of_rgb(rgb, "astronaut", Box(145, 35, 160, 160))
    query = make_query(net, turn(face, 17.0))
    other = face_of_rgb(skimage.data.chelsea(), "cat", Box(120, 30, 160, 160))
    gallery = Gallery([make_template(net, other), make_template(net, face)])
    for by in COMPARISONS:
        apart = gallery.distances(query, by)
        assert apart[1] < apart[0]
    assert gallery.distances(query)[1] < net.card.thresholds["embedding"]


def test_faces_are_found_turned_small_and_grey_and_come_out_upright() -> None:
    rgb = skimage.data.astronaut()
    grey = np.repeat(rgb.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    detector = FaceDetector()
    upright = align(rgb, detector.find(rgb)[0]).astype(float)
    height, width = rgb.shape[:2]
    small = grey[::2, ::2]
    turned = cv2.warpAffine(
        grey, cv2.getRotationMatrix2D((225, 110), 25, 1.0), (width, height), borderValue=(90,) * 3
    )
    pictures = (grey, small, turned, np.ascontiguousarray(grey[30:230, 120:330]))
    for picture in (np.asarray(pixels, np.uint8) for pixels in pictures):
        found = detector.find(picture)
        assert len(found) == 1
        assert found[0].score > 0.8
        left, right = found[0].eyes
        assert left[0] < right[0]
        face = align(picture, found[0]).astype(float)
        assert np.corrcoef(face.ravel(), upright.ravel())[0, 1] > 0.5
    assert detector.find(np.zeros((3, 500, 3), np.uint8)) == []
    assert detector.find(skimage.data.coffee()) == []


def test_groups_are_joined_by_the_mean_of_all_pairs(rng: np.random.Generator) -> None:
    apart = np.array([[0, 1, 4, 9], [1, 0, 5, 9], [4, 5, 0, 2], [9, 9, 2, 0]], float)
    assert group_by_distance(apart, 0.5) == [[0], [1], [2], [3]]
    assert group_by_distance(apart, 2.5) == [[0, 1], [2, 3]]
    assert group_by_distance(apart, 6.7) == [[0, 1], [2, 3]]
    assert group_by_distance(apart, 6.8) == [[0, 1, 2, 3]]
    assert group_by_distance(np.zeros((0, 0)), 1.0) == []
    from scipy.cluster.hierarchy import fcluster, linkage  # type: ignore[import-untyped]
    from scipy.spatial.distance import squareform  # type: ignore[import-untyped]

    points = rng.normal(size=(60, 3))
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    tree = linkage(squareform(apart, checks=False), "average")
    labels = fcluster(tree, 1.5, "distance")
    own = {tuple(group) for group in group_by_distance(apart, 1.5)}
    assert own == {tuple(np.flatnonzero(labels == label)) for label in set(labels)}


def test_an_albums_people_are_grouped_named_once_and_known_afterwards(tmp_path: Path) -> None:
    album, store = tmp_path / "album", ("--store", tmp_path / "faces.sqlite")
    album.mkdir()
    rgb = skimage.data.astronaut()
    for number, picture in enumerate((rgb, rgb[:, ::-1], skimage.data.coffee())):
        imageio.write(album / f"{number}.png", imageio.Picture(np.ascontiguousarray(picture)))
    (album / "broken.png").write_bytes(b"no picture")
    sheet = tmp_path / "people.png"
    with pytest.raises(InputError, match="next time; write it somewhere else"):
        raise call("group", album, "-o", album / "people.png", *store).exception
    first = call("group", album, "-o", sheet, *store)
    assert first.return_value == 0, first.exception
    assert "left out: " in first.output
    assert "1: unnamed, 2 faces: " in first.output
    assert imageio.read(sheet).pixels.shape[1] > 2 * FACE_PX
    assert "nobody is enrolled" in call("list", *store).output
    for wrong, words in (("9=Eve", "there is no row 9; there are 1"), ("Eve", "not NUMBER=NAME")):
        with pytest.raises((InputError, click.BadParameter), match=words):
            raise call("group", album, "--name", wrong, *store).exception
    assert call("group", album, "--name", "1=Eileen", *store).return_value == 0
    rows = [json.loads(line) for line in call("group", album, "--json", *store).stdout.splitlines()]
    assert [(row["name"], len(row["faces"])) for row in rows] == [("Eileen", 2)]
    both = tmp_path / "both.png"
    imageio.write(both, imageio.Picture(np.hstack([rgb, rgb[:, ::-1]])))
    found = call("identify", both, "--json", *store)
    assert [json.loads(line)["name"] for line in found.stdout.splitlines()] == ["Eileen"] * 2
    with pytest.raises(InputError, match=r"both.png shows 2 faces; name the place of one by --box"):
        raise call("enroll", "Two", both, *store).exception
    with pytest.raises(InputError, match="no face is found in 1 photographs"):
        raise call("group", album / "2.png", *store).exception
