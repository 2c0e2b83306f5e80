"""An option that would do nothing beside another, or without one, is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from photochrom.cli import USAGE, main

REFUSED = [
    ("image a.png --match-strength 0.5", "--match-strength is of --match"),
    ("image a.png --force --keep-colors", "--keep-colors keeps what --force"),
    ("image a.png --overwrite --keep-finished", "give one"),
    ("film a.mp4 --stills out --codec ffv1", "--codec is of a film"),
    ("film a.mp4 --stills out -o b.mp4", "--out is of a film"),
    ("film a.mp4 --stills out --every-frame", "--every-frame is of a film"),
    ("restore a.png --crf 20", "--crf is of films"),
    ("restore a.mp4 b.mp4 --network net.onnx", "--network is of photographs"),
    ("restore a.mp4 --page 2", "--page is of photographs"),
    ("restore a.mp4 - -o out", "is one photograph"),
    ("archive a b --sample 3", "--sample is what --dry-run"),
    ("archive a b --film-model photochrom-base", "--film-model is of films"),
    ("archive a b --c2pa-algorithm es384", "--c2pa-algorithm is of --c2pa-certificate"),
    ("archive a b --watch 9 --json", "--json is printed at the end"),
    ("archive a b --actors 2 --jobs 3", "--jobs is of this process"),
    ("archive a b --force --keep-colors", "--keep-colors keeps what --force"),
    ("archive a b --overwrite --keep-finished", "give one"),
    ("evaluate --data . --steady 0.5", "--steady is of films"),
    ("evaluate --data . --sort-by psnr", "--sort-by is of --gallery"),
    ("evaluate --data . --gallery a.html --sheet-pictures 3", "--sheet-pictures is of --contact"),
    ("evaluate --film a.mp4 --seed 3", "--seed is of photographs"),
    ("evaluate --data . --no-truth --gallery a.html --lpips-weights w", "--lpips-weights is for"),
    ("explain a.png --run runs/a --model photochrom-base", "--model is another network"),
    ("bench --film a.mp4 --megapixels 2", "--megapixels is of pictures"),
    (
        "combine r g b -o a.png --stretch linear --softening 0.2",
        "--softening is of --stretch",
    ),
    ("combine r g b -o a.png --stretch none --no-balance", "--balance is of a stretch"),
    ("style a.png b.png --content-layer conv2_1", "--content-layer counts with --full"),
    ("train smoke --prior a.json --resume", "--resume is of training"),
    ("export checkpoint.pt a.onnx --hints none", "--hints is of a standalone graph"),
]


@pytest.mark.parametrize(("command", "message"), REFUSED, ids=[command for command, _ in REFUSED])
def test_what_would_be_passed_over_is_refused(
    command: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    films = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for film in films:
        film.touch()
    assert main(command.split()) == USAGE
    error = capsys.readouterr().err
    assert message in error
    assert sorted(tmp_path.iterdir()) == films
