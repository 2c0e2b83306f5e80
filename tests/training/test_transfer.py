"""Features reused for classification: what is read, how it is measured, runs, and the table."""

from __future__ import annotations

import csv
import json
import re
import signal
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from photochrom.cli import OK
from photochrom.cli.app import run as main
from photochrom.errors import InputError, RecipeError
from photochrom.nets import build
from photochrom.nets.reused_encoder import EncoderClassifier, EncoderSegmenter
from photochrom.training import checkpoint
from photochrom.training.checkpoint import Position
from photochrom.training.interrupts import TrainingStopped
from photochrom.training.recipe.recipe import DataRecipe, NetRecipe, Recipe
from photochrom.training.recipe.stage import Stage
from photochrom.training.recipe.toml import to_table
from photochrom.training.transfer.data import central_views, read_labelled
from photochrom.training.transfer.masks import NOT_COUNTED, read_masked, training_views
from photochrom.training.transfer.metrics import (
    accuracy,
    average_precision,
    confusion_matrix,
    mean_average_precision,
    mean_iou,
    pixel_accuracy,
    seed_mean,
)
from photochrom.training.transfer.recipe import TransferData, TransferRecipe
from photochrom.training.transfer.run import TransferRun, build_net
from photochrom.training.transfer.study import RowResult, study_rows, study_table
from photochrom.training.transfer.tasks import TASKS

NET = NetRecipe(name="unet", options={"levels": 4, "width": 4})


def write_classes(folder: Path, classes: tuple[str, ...], count: int = 8) -> Path:
    """Grey pictures: of each class a bar at a place of its own, on noise."""
    for index, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            picture = np.random.default_rng((index, number)).integers(0, 60, (40, 48), np.uint8)
            picture[:, 16 * index : 16 * index + 12] = 255
            cv2.imwrite(str(folder / name / f"{number}.png"), picture)
    return folder


def test_figures_are_those_worked_out_by_hand() -> None:
    # Ranks 1 and 3 of four: (1/1 + 2/3) / 2.
    scores, labels = np.array([0.9, 0.8, 0.7, 0.1]), np.array([True, False, True, False])
    assert average_precision(scores, labels) == pytest.approx(5 / 6)
    assert average_precision(np.zeros(4), labels) == pytest.approx(0.5)  # ties are one threshold
    both = np.stack([scores, scores, scores], axis=1)
    truths = np.stack([labels, ~labels, np.zeros(4, bool)], axis=1)
    # Of the second: ranks 2 and 4, (1/2 + 2/4) / 2; the third shows nothing and is left out.
    assert mean_average_precision(both, truths) == pytest.approx((5 / 6 + 0.5) / 2)
    one_label = np.eye(3, dtype=bool)
    assert accuracy(np.eye(3)[[0, 2, 2]], one_label, several=False) == pytest.approx(2 / 3)
    several = np.array([[True, True, False], [False, False, False]])
    # One of two labels found and none wrong; then nothing where nothing is.
    assert accuracy(np.array([[1.0, -1, -1], [-1, -1, -1]]), several, several=True) == 0.75
    mean, half_width = seed_mean([1.0, 2.0, 3.0])
    assert mean == 2.0
    assert half_width == pytest.approx(4.303 / 3**0.5, rel=1e-3)
    assert np.isnan(seed_mean([1.0]).half_width)


def test_labels_come_from_folders_parts_and_annotations(tmp_path: Path) -> None:
    plain = write_classes(tmp_path / "plain", ("cats", "dogs"))
    training, held_out = read_labelled(TransferData((str(plain),), held_out=0.25), 32, print)
    assert training.classes == ("cats", "dogs")
    assert (training.labels.sum(axis=0).tolist(), held_out.labels.sum(axis=0).tolist()) == (
        [6, 6], [2, 2],
    )  # fmt: skip
    views = central_views(held_out, np.arange(4), 32)
    assert views.shape == (4, 1, 32, 32)
    # White is L = 100, and the bar of cats is left of the middle.
    cats = views[torch.from_numpy(held_out.labels[:, 0])]
    assert float(cats[..., :4].mean()) == pytest.approx(100, abs=0.5)
    divided = tmp_path / "divided"
    write_classes(divided / "train", ("cats", "dogs"), 3)
    write_classes(divided / "test", ("cats", "dogs"), 2)
    training, held_out = read_labelled(TransferData((str(divided),)), 32, print)
    assert (len(training.pictures), len(held_out.pictures)) == (6, 4)
    write_classes(divided / "val", ("cats", "dogs"), 1)
    lines: list[str] = []
    training, held_out = read_labelled(TransferData((str(divided),)), 32, lines.append)
    assert (len(training.pictures), len(held_out.pictures)) == (6, 2)
    assert lines == ["divided: 4 pictures are its test set and left out"]

    coco = tmp_path / "coco"
    (coco / "annotations").mkdir(parents=True)
    for split in ("train2017", "val2017"):
        write_classes(coco, (split,), 3)
        rows = {
            "images": [{"id": n, "file_name": f"{n}.png"} for n in range(3)],
            "categories": [{"id": 7, "name": "boat"}, {"id": 9, "name": "bird"}],
            "annotations": [
                {"image_id": image, "category_id": category}
                for image, category in ((0, 7), (0, 9), (0, 9), (1, 9))
            ],
        }
        (coco / "annotations" / f"instances_{split}.json").write_text(json.dumps(rows))
    training, held_out = read_labelled(TransferData((str(coco),)), 32, print)
    assert training.several
    assert training.classes == ("bird", "boat")
    assert held_out.labels.tolist() == [[True, True], [True, False], [False, False]]
    with pytest.raises(InputError, match="learn from one kind"):
        read_labelled(TransferData((str(coco), str(plain))), 32, print)


def write_masks(folder: Path, count: int = 8, names: tuple[str, str] = ("images", "masks")) -> Path:
    """Grey pictures with a white block, which is of class 4; an unsure line of 255 beside it."""
    for name in names:
        (folder / name).mkdir(parents=True)
    for number in range(count):
        picture = np.random.default_rng(number).integers(0, 60, (40, 48), np.uint8)
        mask = np.zeros((40, 48), np.uint8)
        left = 4 * number % 24
        picture[8:32, left : left + 20], mask[8:32, left : left + 20] = 255, 4
        mask[8:32, left + 20] = 255
        cv2.imwrite(str(folder / names[0] / f"{number}.jpg"), picture)
        indexed = Image.fromarray(mask, "P")
        indexed.putpalette([value % 256 for value in range(768)])
        indexed.save(folder / names[1] / f"{number}.png")
    return folder


def test_masks_are_read_and_cut_as_their_pictures(tmp_path: Path) -> None:
    folder = write_masks(tmp_path / "plain")
    lines: list[str] = []
    cv2.imwrite(str(folder / "images" / "more.jpg"), np.zeros((40, 48), np.uint8))
    training, held_out = read_masked(TransferData((str(folder),), held_out=0.25), 32, lines.append)
    assert (len(training.pictures), len(held_out.pictures), training.classes) == (6, 2, ("0", "4"))
    assert lines == [f"{folder / 'images'}: 1 pictures have no mask and are left out"]
    random = np.random.default_rng(0)
    L, truth = training_views(training, np.arange(6), 32, 0.6, random)
    assert (L.shape, truth.shape) == ((6, 1, 32, 32), (6, 32, 32))
    assert set(truth.unique().tolist()) == {0, 1, NOT_COUNTED}
    sure = truth != NOT_COUNTED
    assert (((L[:, 0] > 60) == (truth == 1))[sure]).float().mean() > 0.95  # the block is white
    voc = write_masks(tmp_path / "VOC2012", 4, ("JPEGImages", "SegmentationClass"))
    lists = voc / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    for name, entries in (("train.txt", "0\n1\n3\n"), ("val.txt", "2\n")):
        (lists / name).write_text(entries)
    training, held_out = read_masked(TransferData((str(tmp_path / "VOC2012"),)), 32, print)
    assert (len(training.pictures), len(held_out.pictures)) == (3, 1)


def test_bad_masks_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_masks(tmp_path / "one", 1)
    flat = write_masks(tmp_path / "flat")
    for file in (flat / "masks").iterdir():
        cv2.imwrite(str(file), np.array([[0, 255]], np.uint8).repeat(40, 0).repeat(24, 1))
    colored = write_masks(tmp_path / "colored", 4)
    cv2.imwrite(str(colored / "masks" / "0.png"), np.zeros((40, 48, 3), np.uint8))
    small = write_masks(tmp_path / "small", 4)
    cv2.imwrite(str(small / "masks" / "0.png"), np.zeros((40, 40), np.uint8))
    broken = write_masks(tmp_path / "broken", 4)
    (broken / "images" / "0.jpg").write_bytes(b"no picture")
    for name, message in (
        ("empty", "neither JPEGImages beside SegmentationClass nor images beside masks"),
        ("one", "1 pictures with masks are too few"),
        ("flat", "have the value 0 alone, and 255 is not counted"),
        ("colored", "1 of 4 pictures .* is a picture of mode RGB; a mask is indexed or grey"),
        ("small", r"masks/0\.png is 40×40 px and its picture 48×40"),
        ("broken", r"1 of 4 pictures in broken cannot be used"),
    ):
        with pytest.raises(InputError, match=message):
            read_masked(TransferData((str(tmp_path / name),)), 32, print)
    with pytest.raises(RecipeError, match=r"fixed_views is 2, .* set it to 0 for segmentation"):
        TransferRecipe(name="a", task="segmentation", fixed_views=2)


def test_overlap_is_that_worked_out_by_hand() -> None:
    truth = np.array([[0, 0, 1, 1, 255]])
    found = np.array([[0, 1, 1, 1, 0]])
    confusion = confusion_matrix(truth, found, 3)
    assert confusion.tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 0]]
    assert pixel_accuracy(confusion) == 0.75
    # Of class 0 one of two pixels, of class 1 two of three; the third is of neither.
    assert mean_iou(confusion) == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_bad_pictures_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_classes(tmp_path / "one", ("cats",))
    write_classes(tmp_path, ("flat",))
    write_classes(write_classes(tmp_path / "single", ("cats", "dogs")), ("owls",), 1)
    broken = write_classes(tmp_path / "broken", ("cats", "dogs"), 4)
    for name in ("0.png", "1.png"):
        (broken / "cats" / name).write_bytes(b"no picture")
    for name, message in (
        ("empty", "holds no picture"),
        ("one", "the class 'cats' alone"),
        ("flat", "lies in no folder of a class"),
        ("single", r"1 of 3 classes .* owls \(1\)"),
        ("broken", "2 of 8 pictures in broken cannot be used"),
    ):
        with pytest.raises(InputError, match=message):
            read_labelled(TransferData((str(tmp_path / name),)), 32, print)
    with pytest.raises(InputError, match="sources is empty"):
        read_labelled(TransferData(), 32, print)
    with pytest.raises(RecipeError, match=r"fixed_epochs \(3\) is above epochs \(2\)"):
        TransferRecipe(name="a", epochs=2)


@pytest.mark.slow
@pytest.mark.parametrize("fixed_views", [0, 1])
def test_the_encoder_is_fixed_then_learns_and_a_stopped_run_comes_to_the_same(
    tmp_path: Path, fixed_views: int
) -> None:
    folder = write_classes(tmp_path / "plain", ("cats", "dogs"))
    recipe = TransferRecipe(
        name="a", data=TransferData((str(folder),)), net=NET, size=32, batch=4, epochs=4,
        fixed_epochs=2, init="normal",
    )  # fmt: skip

    recipe = replace(recipe, fixed_views=fixed_views)

    def open_run(name: str, *, resume: bool = False) -> TransferRun:
        return TransferRun(recipe, tmp_path / name, print, resume=resume, threads=1)

    run, encoders, steps = open_run("whole"), [], 0

    def watch(*_: object) -> None:
        nonlocal steps
        steps += 1
        encoders.append(run._net.net.down[0][0].weight.detach().clone())  # type: ignore[index,union-attr]

    run.run(watch)
    assert steps == 12  # of 12 pictures three batches in each epoch
    assert all(torch.equal(encoders[0], later) for later in encoders[:6])
    assert not torch.equal(encoders[5], encoders[6])

    def stop(*_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    for _ in range(4):  # after steps 2, 4, 6 and 8: amid an epoch, and where the phases meet
        with pytest.raises(TrainingStopped):
            open_run("parts", resume=(tmp_path / "parts").exists()).run(stop)
    open_run("parts", resume=True).run(lambda *_: None)
    logs = [(tmp_path / name / "epochs.csv").read_text() for name in ("whole", "parts")]
    assert logs[0] == logs[1]
    assert [row["stage"] for row in csv.DictReader(logs[0].splitlines())] == ["head"] * 2 + [
        "all"
    ] * 2
    other = replace(recipe, net=replace(NET, options={"levels": 4, "width": 8}))
    with pytest.raises(InputError, match="another network"):
        TransferRun(other, tmp_path / "parts", print, resume=True, threads=1)


@pytest.mark.slow
def test_the_command_compares_encoders_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_classes(tmp_path / "plain", ("cats", "dogs"))
    net = build(NET.name, NET.options)
    recipe = Recipe(
        name="colorizer", data=DataRecipe(("none",)), stages=(Stage(name="a", images=1),), net=NET
    )
    (tmp_path / "mine").mkdir()
    saved = tmp_path / "mine" / checkpoint.NAME
    checkpoint.save(saved, Position(), to_table(recipe), {"average": net.state_dict()})
    arguments = [
        "transfer", str(folder), "-o", str(tmp_path / "out"), "-e", "scratch", "-e", str(saved),
        "--seeds", "2", "--set", "size=32", "--set", "epochs=1", "--set", "batch=4", "--threads",
        "1", "--set", "fixed_epochs=0",
    ]  # fmt: skip
    assert main(arguments) == OK
    table = capsys.readouterr().out
    assert [line.split("|")[1].strip() for line in table.splitlines()[:5]] == [
        "encoder", "---", "scratch", "mine", "chance",
    ]  # fmt: skip
    assert "±" in table
    rows = list(csv.DictReader((tmp_path / "out" / "transfer.csv").read_text().splitlines()))
    assert [(row["encoder"], row["seed"]) for row in rows] == [
        ("scratch", "0"), ("scratch", "1"), ("mine", "0"), ("mine", "1"),
    ]  # fmt: skip
    assert json.loads((tmp_path / "out" / "transfer.json").read_text())["chance"]["mAP"] == 0.5
    assert (tmp_path / "out" / "transfer.png").stat().st_size > 5_000
    before = saved.parent.parent / "out" / "mine" / "seed-1" / checkpoint.NAME
    stamp = before.stat().st_mtime_ns
    assert main([*arguments, "--seeds", "2"]) == OK
    assert before.stat().st_mtime_ns == stamp
    assert main([*arguments, "--set", "lr=0.5"]) != OK
    assert "a run of other pictures or settings" in capsys.readouterr().err
    # Nothing is trained before all encoders are there, and fit.
    for encoder, message in (
        ("imagenet", "there are no ImageNet weights for the network 'unet'"),
        (str(tmp_path / "absent.onnx"), "absent.onnx"),
    ):
        assert main([*arguments, "-o", str(tmp_path / "other"), "-e", encoder]) != OK
        assert message in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
@pytest.mark.long  # it learns twice
def test_segmentation_learns_with_the_encoder_fixed_and_not(tmp_path: Path) -> None:
    folder = write_masks(tmp_path / "plain", 12)
    net = {"levels": 4, "width": 4}
    recipe = TransferRecipe(
        name="a", data=TransferData((str(folder),)), task="segmentation", size=32, batch=4,
        net=NetRecipe("unet", options=net), epochs=12, fixed_epochs=1, lr=0.02, init="normal",
    )  # fmt: skip
    lines: list[str] = []
    run = TransferRun(recipe, tmp_path / "run", lines.append, resume=False, threads=1)
    before = [p.clone() for p in run._net.encoder_parameters()]
    assert "a head for segmentation" in run.description
    run.run(lambda *_: None)
    assert any(not torch.equal(a, b) for a, b in zip(before, run._net.encoder_parameters()))
    assert re.fullmatch(r"epoch 12: pixel accuracy [\d.]+%, mean IoU [\d.]+%", lines[-1])
    curves = list(csv.DictReader((tmp_path / "run" / "epochs.csv").read_text().splitlines()))
    # A white block is easy: better than to call everything ground, which has at most a half.
    assert float(curves[-1]["mean IoU"]) > 0.5
    result = RowResult("mine", {"pixel accuracy": (0.75, 0.85), "mean IoU": (0.5, 0.5)}, ())
    table = study_table([result], TASKS["segmentation"], run._data)
    assert table.splitlines()[0] == "| encoder | pixel accuracy, % | mean IoU, % |"
    assert table.splitlines()[2] == "| mine | 80.0 ± 63.5 | 50.0 ± 0.0 |"
    assert "2 classes, a class for each pixel" in table


@pytest.mark.long
def test_the_command_segments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_masks(tmp_path / "plain", 12)
    arguments = [
        "transfer", str(folder), "--task", "segmentation", "-o", str(tmp_path / "out"), "--seeds",
        "1", "-e", "scratch", "--set", "size=32", "--set", "epochs=1", "--set", "batch=4",
        "--set", "fixed_epochs=0", "--threads", "1",
    ]  # fmt: skip
    assert main(arguments) == OK
    assert "| scratch | " in capsys.readouterr().out
    assert (tmp_path / "out" / "transfer.png").stat().st_size > 5_000


def test_a_segmenter_scores_every_pixel_by_features_of_three_strides() -> None:
    net = build("resnet-unet", {"depth": 18})
    segmenter = EncoderSegmenter(net, 3)
    segmenter.fix_encoder(True)
    segmenter.train()
    L = torch.full((2, 1, 64, 96), 50.0)
    assert [tuple(x.shape[1:]) for x in segmenter.features(L)] == [
        (128, 8, 12), (256, 4, 6), (512, 2, 3),
    ]  # fmt: skip
    scores = segmenter(L)
    assert scores.shape == (2, 3, 64, 96)
    scores.sum().backward()
    assert all(p.grad is None for p in segmenter.encoder_parameters())
    assert all(p.grad is not None for p in segmenter.head.parameters())


def test_rows_have_the_encoders_they_name(tmp_path: Path) -> None:
    rows = study_rows(("scratch", "imagenet", "photochrom-base"), (tmp_path,), ("epochs=5",))
    assert [row.name for row in rows] == ["scratch", "imagenet", "photochrom-base"]
    assert [(row.recipe.net.encoder_weights, row.recipe.net.start_from) for row in rows] == [
        ("", ""), ("efficientnet-lite2", ""), ("", "photochrom-base"),
    ]  # fmt: skip
    assert [(row.recipe.fixed_epochs, row.recipe.lr, row.recipe.init) for row in rows] == [
        (0, 2e-4, "normal"), (3, 1e-4, "torch"), (3, 1e-4, "torch"),
    ]  # fmt: skip
    with pytest.raises(RecipeError, match="two encoders are called 'scratch'"):
        study_rows(("scratch", "scratch"), (tmp_path,), ())


def test_a_model_of_another_network_brings_it_along(tmp_path: Path) -> None:
    rows = study_rows(("scratch", "imagenet", "photochrom-film"), (tmp_path,), ())
    assert {row.recipe.net.name for row in rows} == {"mobile-unet"}
    assert [(row.recipe.net.encoder_weights, row.recipe.net.start_from) for row in rows] == [
        ("", ""), ("mobilenet-v2", ""), ("", "photochrom-film"),
    ]  # fmt: skip
    rows = study_rows(("scratch", "photochrom-base", "photochrom-film"), (tmp_path,), ())
    assert [row.recipe.net.name for row in rows] == ["lite-unet", "lite-unet", "mobile-unet"]
    assert build_net(rows[-1].recipe).deepest_features(torch.zeros(1, 4, 32, 32)).shape[1] == 96


def test_a_classifier_learns_by_the_encoder_alone() -> None:
    net = build("unet", {"levels": 4, "width": 4})
    names = {p: name for name, p in net.named_parameters()}
    classifier = EncoderClassifier(net, 3)
    assert {names[p].partition(".")[0] for p in classifier.encoder_parameters()} == {"down"}
    assert classifier(torch.full((2, 1, 32, 48), 50.0)).shape == (2, 3)
