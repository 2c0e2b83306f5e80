"""``photochrom faces``: people enrolled on this machine, and found again in other pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from photochrom import imageio
from photochrom.atomic import check_target, make_folder, write_atomically
from photochrom.batch import plan
from photochrom.cli import FAILED, OK
from photochrom.cli.messages import note
from photochrom.cli.table import align_columns
from photochrom.errors import InputError, requires_extra
from photochrom.faces.album import find_album_faces, group_people, people_sheet
from photochrom.faces.detection import FaceDetector, read_faces_of_picture
from photochrom.faces.model import FaceNet
from photochrom.faces.preprocess import Box, Face
from photochrom.faces.recognition import (
    COMPARISONS,
    Comparison,
    Gallery,
    Query,
    make_query,
    make_template,
    rebuilt_picture,
)
from photochrom.faces.store import EnrolledFace, FaceStore
from photochrom.folders import faces_store

_RECIPE = "face-autoencoder"
_SHOWN_PEOPLE = 5
_SHOWN_FILES = 8
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _parse_box(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Box | None:
    """Four numbers of px."""
    if value is None:
        return None
    numbers = value.split(",")
    if len(numbers) != 4 or not all(number.strip().isdecimal() for number in numbers):
        raise click.BadParameter(f"{value!r} is not X,Y,WIDTH,HEIGHT in px.")
    return Box(*map(int, numbers))


def _parse_names(
    _ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> dict[int, str]:
    """Names by the number of their row, from 1."""
    names = {}
    for value in values:
        number, equals, name = value.partition("=")
        if not equals or not number.isdecimal() or int(number) < 1 or not name.strip():
            raise click.BadParameter(f"{value!r} is not NUMBER=NAME, such as 1=Ada.")
        names[int(number)] = name
    return names


_STORE = click.option(
    "--store",
    type=click.Path(path_type=Path),
    help="File of enrolled faces; photochrom's own in the user's data folder, unless given.",
)
_MODEL = click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="Model for faces, an .onnx file; the one that comes with photochrom, unless given.",
)
_BOX = click.option(
    "--box",
    metavar="X,Y,WIDTH,HEIGHT",
    callback=_parse_box,
    help="Where in the picture the face is, px; found by itself, unless given.",
)
_BY = click.option(
    "--by",
    type=click.Choice(COMPARISONS),
    default="embedding",
    show_default=True,
    help="What is compared: the metric head's embedding, the autoencoder's latent, or the "
    "decoder's picture.",
)
_FORCE = click.option(
    "--force", is_flag=True, help="Where no face is found, take the middle of the picture or box."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_PICTURE = click.Path(path_type=Path)


@click.group()
def faces() -> None:
    """Find people again by their faces; nothing leaves this machine.

    Faces are found in pictures by themselves; where there are several --box says which.
    docs/faces.md says what this must not be used for.

    \b
    photochrom faces enroll "Ada" ada-1.jpg ada-2.jpg
    photochrom faces identify unknown.jpg
    """


@faces.command()
@click.option(
    "--data", type=_PICTURE, multiple=True, help="Folder or zip file of faces; repeatable."
)
@click.option("--run", type=_PICTURE, help="Folder of the run.  [default: runs/face-autoencoder]")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change the recipe.")
@click.option("--resume", is_flag=True, help="Go on from the run's checkpoint.")
@click.option("--threads", type=click.IntRange(min=1), help="Of the processor; all, unless given.")
@click.pass_context
def train(
    ctx: click.Context, data: tuple[Path, ...], run: Path | None, overrides: tuple[str, ...],
    resume: bool, threads: int | None,
) -> int:  # fmt: skip
    """Train by the recipe face-autoencoder, as `photochrom train face-autoencoder` does.

    Each person's pictures are in a folder of their own.
    """
    from photochrom.cli.train import train as train_recipe

    code: int = ctx.invoke(
        train_recipe, recipe=_RECIPE, data=data, run=run, overrides=overrides, resume=resume,
        threads=threads,
    )  # fmt: skip
    return code


@faces.command()
@click.argument("checkpoint", type=_PICTURE)
@click.argument("out", type=_PICTURE)
@click.option(
    "--weights",
    type=click.Choice(["int8", "fp16", "fp32"]),
    default="int8",
    show_default=True,
    help="How large weights are stored.",
)
@click.option(
    "--report", type=_PICTURE, help="What `faces evaluate` has written: thresholds for the card."
)
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
def export(checkpoint: Path, out: Path, weights: str, report: Path | None, overwrite: bool) -> int:
    """Turn a run's CHECKPOINT into a model file for --model."""
    with requires_extra("train", "exporting"):
        from photochrom.training.faces.export import export_faces, read_metrics
    thresholds, metrics = read_metrics(report) if report else ({}, {})
    export_faces(
        checkpoint, out, weights=weights, thresholds=thresholds, metrics=metrics,  # type: ignore[arg-type]
        overwrite=overwrite,
    )  # fmt: skip
    note(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
    return OK


@faces.command()
@click.argument("name")
@click.argument("pictures", type=_PICTURE, nargs=-1, required=True)
@_BOX
@_FORCE
@_STORE
@_MODEL
def enroll(
    name: str,
    pictures: tuple[Path, ...],
    box: Box | None,
    force: bool,
    store: Path | None,
    model: Path | None,
) -> int:
    """Keep the faces in PICTURES under NAME; several of one person are better than one.

    What is kept are numbers, not the pictures; `faces forget` deletes them.
    """
    target, net = FaceStore(store or faces_store()), FaceNet(model)
    target.faces_of_model(net.identity)
    detector = FaceDetector()
    read = [(picture, _read_face(detector, picture, box, force)) for picture in pictures]
    for picture, face in read:
        target.enroll(name, picture.name, net.identity, make_template(net, face))
    note(f"{name}: {len(read)} enrolled in {target.path}")
    return OK


@faces.command()
@click.argument("pictures", type=_PICTURE, nargs=-1, required=True)
@_BY
@click.option(
    "--threshold", type=click.FloatRange(min=0),
    help="Farther people are not named; the model's own threshold, unless given.",
)  # fmt: skip
@_BOX
@_FORCE
@click.option(
    "--plot", type=_PICTURE,
    help="Draw the distance to every enrolled face into this PNG file (of one picture).",
)  # fmt: skip
@_STORE
@_MODEL
@_JSON
def identify(
    pictures: tuple[Path, ...], by: Comparison, threshold: float | None, box: Box | None,
    force: bool, plot: Path | None, store: Path | None, model: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Say which enrolled person each of PICTURES shows: the one at the least distance.

    Nobody is named beyond the threshold. The exit code is 1 where a face is nobody's who is
    enrolled.
    """
    if plot is not None and len(pictures) > 1:
        raise click.UsageError(f"--plot draws one picture, and {len(pictures)} are given.")
    if plot is not None:
        check_target(plot, overwrite=True)
        if plot.exists() and pictures[0].exists() and plot.samefile(pictures[0]):
            raise click.UsageError(f"--plot would be drawn over the picture {plot}.")
    net, enrolled = _load(store, model)
    limit = _threshold(net, by, threshold)
    gallery = Gallery([face.template for face in enrolled])
    detector = FaceDetector()
    unknown = 0
    for picture in pictures:
        faces = read_faces_of_picture(picture, str(picture), detector, box=box, force=force)
        if plot is not None and len(faces) > 1:
            raise InputError(f"--plot draws one face, and {picture} shows {len(faces)}; name one "
                             f"by --box, such as {_box_text(faces[0].box)}")  # fmt: skip
        for place, face in faces:
            query = make_query(net, face)
            apart = gallery.distances(query, by)
            nearest: dict[str, float] = {}
            for index in apart.argsort():
                nearest.setdefault(enrolled[index].name, float(apart[index]))
            best = next(iter(nearest))
            known = nearest[best] <= limit
            unknown += not known
            if as_json:
                answer = {"picture": str(picture), "box": place, "name": best if known else None}
                table = {**answer, "by": by, "threshold": limit, "distances": nearest}
                click.echo(json.dumps(table))
            else:
                others = ", ".join(f"{n} {d:.3f}" for n, d in list(nearest.items())[:_SHOWN_PEOPLE])
                where = "" if len(faces) == 1 else f" at {_box_text(place)}"
                name = best if known else "nobody enrolled"
                click.echo(f"{picture}{where}: {name} ({others})")
            if plot is not None:
                _draw(query, enrolled, apart, by, plot)
    return FAILED if unknown else OK


@faces.command()
@click.argument("picture", type=_PICTURE)
@click.argument("other")
@_BY
@click.option(
    "--threshold", type=click.FloatRange(min=0),
    help="Largest distance of one person's pictures; the model's own, unless given.",
)  # fmt: skip
@_BOX
@_FORCE
@_STORE
@_MODEL
@_JSON
def verify(
    picture: Path, other: str, by: Comparison, threshold: float | None, box: Box | None,
    force: bool, store: Path | None, model: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Say whether PICTURE shows OTHER: a person that is enrolled, or who another picture shows.

    --box is of PICTURE. The exit code is 1 where it does not.
    """
    net, detector = FaceNet(model), FaceDetector()
    target = FaceStore(store or faces_store())
    templates = [f.template for f in target.faces_of_model(net.identity) if f.name == other]
    if not templates:
        if not Path(other).is_file():
            raise InputError(
                f"{other!r} is neither enrolled in {target.path} nor the file of a picture; "
                "photochrom faces list shows who is enrolled"
            )
        templates = [make_template(net, _read_face(detector, Path(other), None, force))]
    limit = _threshold(net, by, threshold)
    query = make_query(net, _read_face(detector, picture, box, force))
    distance = float(Gallery(templates).distances(query, by).min())
    same = distance <= limit
    if as_json:
        answer = {"same": same, "distance": distance, "threshold": limit, "by": by}
        click.echo(json.dumps(answer))
    else:
        verdict = "the same person" if same else "not the same person"
        click.echo(f"{verdict}: distance {distance:.3f}, threshold {limit:.3f}")
    return OK if same else FAILED


@faces.command()
@click.argument("paths", metavar="PATH...", type=_PICTURE, nargs=-1, required=True)
@click.option("-r", "--recursive", is_flag=True, help="Look into subfolders, too.")
@click.option(
    "-o", "--out", type=_PICTURE, help="Write the faces, one row for each person, as a picture."
)
@click.option("--overwrite", is_flag=True, help="Replace --out if it exists.")
@click.option(
    "--name", "names", metavar="NUMBER=NAME", multiple=True, callback=_parse_names,
    help="Enroll the people of a row under a name, once you have looked at it; repeatable.",
)  # fmt: skip
@_STORE
@_MODEL
@_JSON
def group(
    paths: tuple[Path, ...], recursive: bool, out: Path | None, overwrite: bool,
    names: dict[int, str], store: Path | None, model: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Group the faces in an album's photographs by person.

    Each line is one person: a number, the name where somebody enrolled is near enough, and the
    photographs. Nothing is kept unless --name says so.

    \b
    photochrom faces group album/ -o people.png
    photochrom faces group album/ --name 1=Ada --name 3="Uncle Ben"
    """
    net = FaceNet(model)
    target = FaceStore(store or faces_store())
    enrolled = target.faces_of_model(net.identity)
    limit = _threshold(net, "embedding", None)
    for folder in paths:
        if out is not None and folder.is_dir() and out.resolve().is_relative_to(folder.resolve()):
            raise InputError(
                f"--out {out} lies in the album {folder}, of which it would be a photograph the "
                "next time; write it somewhere else"
            )
    if out is not None:
        check_target(out, overwrite=overwrite)
    jobs = plan(paths, recursive=recursive)
    for problem in (job.problem for job in jobs if job.problem):
        note(str(problem))
    pictures = [job.source for job in jobs if not job.problem and not job.skip_reason]
    faces_found = find_album_faces(pictures, net, note)
    if not faces_found:
        raise InputError(f"no face is found in {len(pictures)} photographs")
    groups = group_people(faces_found, limit, enrolled)
    if wrong := sorted(number for number in names if number > len(groups)):
        raise InputError(f"there is no row {wrong[0]}; there are {len(groups)}")
    if out is not None:
        imageio.write(out, imageio.Picture(people_sheet(groups)), overwrite=overwrite)
    for number, name in names.items():
        for face in groups[number - 1].faces:
            target.enroll(name, face.picture.name, net.identity, face.template)
        note(f"{name}: {len(groups[number - 1].faces)} enrolled in {target.path}")
    for number, people in enumerate(groups, 1):
        known_as = names.get(number, people.name)
        if as_json:
            places = [{"picture": str(f.picture), "box": f.box} for f in people.faces]
            click.echo(json.dumps({"number": number, "name": known_as, "faces": places}))
        else:
            files = sorted({str(face.picture) for face in people.faces})
            more = f" and {len(files) - _SHOWN_FILES} more" if len(files) > _SHOWN_FILES else ""
            listed = ", ".join(files[:_SHOWN_FILES])
            click.echo(
                f"{number}: {known_as or 'unnamed'}, {len(people.faces)} faces: {listed}{more}"
            )
    return OK


@faces.command("list")
@_STORE
@_JSON
def list_people(store: Path | None, as_json: bool) -> int:
    """Show who is enrolled."""
    target = FaceStore(store or faces_store())
    enrolled = target.faces()
    if as_json:
        rows = [{"name": f.name, "picture": f.picture, "added": f.added} for f in enrolled]
        click.echo(json.dumps({"store": str(target.path), "faces": rows}))
    elif enrolled:
        click.echo(align_columns([(f.name, f.picture, f.added) for f in enrolled]))
    else:
        click.echo(f"nobody is enrolled in {target.path}")
    return OK


@faces.command()
@click.argument("name", required=False)
@click.option("--all", "everybody", is_flag=True, help="Forget everybody.")
@_STORE
def forget(name: str | None, everybody: bool, store: Path | None) -> int:
    """Delete NAME and all faces of that person from the file, for good."""
    if (name is None) is not everybody:
        raise click.UsageError("give a NAME, or --all.")
    count = FaceStore(store or faces_store()).forget(name)
    note(f"forgotten: {name or 'everybody'}, {count} faces")
    return OK


@faces.command()
@click.argument("sources", type=_PICTURE, nargs=-1, required=True)
@click.option(
    "--people", type=_PICTURE,
    help="Text file of the people to measure, one a line, such as a run's held-out.txt.",
)  # fmt: skip
@click.option(
    "-o", "--out", type=_PICTURE, required=True, help="Folder for report.json and the plots."
)
@click.option(
    "--turned", type=click.IntRange(min=1), default=200, show_default=True,
    help="So many of the pictures, evenly spread over all people, are turned and looked for.",
)  # fmt: skip
@_MODEL
def evaluate(
    sources: tuple[Path, ...], people: Path | None, out: Path, turned: int, model: Path | None
) -> int:
    """Measure a model on SOURCES: folders or zip files, each person's pictures in one folder."""
    with requires_extra("train", "reading a training set"):
        from photochrom.training.faces.data import read_faces
    from photochrom.evaluation.faces import draw_report, evaluate_faces

    make_folder(out)
    net = FaceNet(model)
    face_set = read_faces(tuple(map(str, sources)), note)
    if people is not None:
        face_set = face_set.select(_read_names(people, set(face_set.people)))
    report = evaluate_faces(net, face_set.faces, face_set.people, turned=turned)
    table = report.to_table()
    content = json.dumps(table, indent=1).encode("utf-8")
    write_atomically(out / "report.json", content, overwrite=True)
    with requires_extra("evaluate", "drawing"):
        draw_report(table, out)
    note(
        f"{report.people} people with {report.pictures} pictures, {report.turned} of them turned; "
        f"{report.left_out} people with a single picture are left out"
    )
    rows: list[tuple[str, ...]] = [
        ("compared by", "AUC", "rank 1 (one enrolled)", "rank 1 (all others)", "turned 30°")
    ]
    for by in report.scores:
        metrics = table["card_metrics"]
        shares = (metrics[f"{by}_{key}"] for key in
                  ("auc", "rank_1_first", "rank_1_others", "found_within_30_degrees"))  # fmt: skip
        rows.append((by, *(f"{share:.1%}" for share in shares)))
    click.echo(align_columns(rows))
    grouping = report.grouping
    click.echo(
        f"albums of {grouping.people} people: {grouping.precision:.1%} of the pairs in one group "
        f"are one person's, {grouping.recall:.1%} of one person's pairs are in one group"
    )
    return OK


def _load(store: Path | None, model: Path | None) -> tuple[FaceNet, list[EnrolledFace]]:
    net = FaceNet(model)
    return net, FaceStore(store or faces_store()).faces_of_model(net.identity)


def _read_face(detector: FaceDetector, picture: Path, box: Box | None, force: bool) -> Face:
    """The one face of a picture. Raises InputError where it shows none or several."""
    faces = read_faces_of_picture(picture, str(picture), detector, box=box, force=force)
    if len(faces) > 1:
        places = "; ".join(_box_text(placed.box) for placed in faces[:_SHOWN_PEOPLE])
        raise InputError(
            f"{picture} shows {len(faces)} faces; name the place of one by --box: {places}"
            f"{' and others' if len(faces) > _SHOWN_PEOPLE else ''}"
        )
    return faces[0].face


def _box_text(box: Box | None) -> str:
    return "its middle" if box is None else ",".join(map(str, box))


def _threshold(net: FaceNet, by: Comparison, own: float | None) -> float:
    if own is not None:
        return own
    if by not in net.card.thresholds:
        raise InputError(
            f"the model {net.card.name!r} has no threshold for {by}; give --threshold, or export "
            "it with --report of faces evaluate"
        )
    threshold: float = net.card.thresholds[by]
    return threshold


def _draw(
    query: Query, enrolled: list[EnrolledFace], apart: Any, by: Comparison, plot: Path
) -> None:
    with requires_extra("evaluate", "drawing"):
        from photochrom.evaluation.faces import draw_identification

        best = rebuilt_picture(enrolled[int(apart.argmin())].template)
        names = [face.name for face in enrolled]
        content = draw_identification(query.views[len(query.views) // 2], best, apart, names, by)
    write_atomically(plot, content, overwrite=True)


def _read_names(path: Path, known: set[str]) -> set[str]:
    try:
        names = {line.strip() for line in path.read_text(encoding="utf-8").splitlines()} - {""}
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the names in {path}: {error}") from error
    if missing := sorted(names - known):
        raise InputError(
            f"{len(missing)} of the {len(names)} people in {path} have no pictures, the first: "
            f"{missing[0]}; name the sources that they are in"
        )
    return names
