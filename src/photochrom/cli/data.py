"""``photochrom data``: data sets as they are published."""

from __future__ import annotations

from pathlib import Path

import click

from photochrom.cli import OK
from photochrom.cli.messages import Bar, note
from photochrom.cli.table import align_columns
from photochrom.training.data.published import PUBLISHED, PublishedData, download_data


@click.group()
def data() -> None:
    """Fetch data sets to train on, from their publishers.

    \b
    photochrom data list
    photochrom data get mnist
    """


@data.command("list")
def list_data() -> int:
    """Show what can be fetched: addresses, sizes, checksums, licences."""
    for name, published in PUBLISHED.items():
        click.echo(f"{name}\n{align_columns(_facts(name, published, None), 2)}\n")
    return OK


@data.command()
@click.argument("name", type=click.Choice(list(PUBLISHED)), metavar="|".join(PUBLISHED))
@click.option(
    "--out",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for its files.  [default: data/NAME]",
)
@click.option(
    "--accept-checksum",
    default="",
    metavar="SHA256",
    help="Say that the file of this checksum is the right one, where nobody publishes that of the "
    "whole; the command shows it after the download.",
)
def get(name: str, out: Path | None, accept_checksum: str) -> int:
    """Fetch a data set, check it, and say how to train on it.

    Address, checksum and licence are shown before. A download that broke off goes on where it
    stopped; files that are there are checked and kept. Nothing is unpacked: recipes read archives
    as they are.
    """
    published, folder = PUBLISHED[name], out or Path("data") / name
    for key, value in _facts(name, published, folder):
        note(f"{key}: {value}")
    with Bar(name, unit="bytes") as bar:
        files = download_data(
            published,
            folder,
            lambda file, done, total: bar.show(done, total, file),
            accept=accept_checksum,
        )
    for file in files:
        click.echo(file)
    note(f"train on it: photochrom train {published.use.replace('FOLDER', str(folder))}")
    return OK


def _facts(name: str, published: PublishedData, folder: Path | None) -> list[tuple[str, str]]:
    facts = [("what", published.title), ("page", published.page), ("licence", published.licence)]
    for file in published.files:
        size = "" if file.size_bytes is None else f", {file.size_bytes / 1e9:.2f} GB"
        facts += [("file", f"{file.url}{size}"), ("checksum", str(file.checksum))]
    if folder is None:
        folder = Path("data") / name
        facts.append(("train", f"photochrom train {published.use.replace('FOLDER', str(folder))}"))
    return [*facts, ("folder", str(folder))]
