"""``photochrom models``: which models and devices can be used."""

from __future__ import annotations

import dataclasses
import json

import click

from photochrom.cli import OK
from photochrom.cli.table import align_columns
from photochrom.engine import (
    DEFAULT_MODEL,
    DEVICES,
    FILM_MODEL,
    ModelCard,
    choose_device,
    model_card,
    shipped_models,
)
from photochrom.folders import cache_dir


@click.command()
@click.argument("model", required=False, metavar="[NAME|FILE|ADDRESS]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(model: str | None, as_json: bool) -> int:
    """Show the models and devices that can be used; or the card of one model."""
    if model is not None:
        card = model_card(model)
        click.echo(card.to_json() if as_json else align_columns(_facts(card)))
        return OK
    cards = {name: model_card(name) for name in shipped_models()}
    available = {name: device.is_available() for name, device in DEVICES.items()}
    automatic = choose_device("auto").name
    if as_json:
        click.echo(
            json.dumps(
                {
                    "models": {name: dataclasses.asdict(card) for name, card in cards.items()},
                    "default_model": DEFAULT_MODEL,
                    "film_model": FILM_MODEL,
                    "devices": available,
                    "auto_device": automatic,
                    "cache": str(cache_dir()),
                },
                indent=1,
            )
        )
        return OK
    click.echo("Models (--model; an .onnx file or an address works, too):")
    click.echo(
        align_columns([_model_row(n, card) for n, card in cards.items()], 2) or "  none shipped"
    )
    click.echo("\nDevices (--device):")
    rows = []
    for name, device in DEVICES.items():
        state = "available" if available[name] else f"not available: {device.install}"
        rows.append((name, device.title, state + (" (auto)" if name == automatic else "")))
    click.echo(align_columns(rows, 2))
    click.echo(f"\nDownloaded models are kept in {cache_dir()}")
    return OK


_DEFAULT_FOR = {DEFAULT_MODEL: " (default)", FILM_MODEL: " (default for films)"}


def _model_row(name: str, card: ModelCard) -> tuple[str, ...]:
    return (
        name + _DEFAULT_FOR.get(name, ""),
        card.version,
        f"{card.parameters / 1e6:.1f} M parameters",
        f"works at {card.size} px",
        card.licence,
    )


def _facts(card: ModelCard) -> list[tuple[str, str]]:
    values = dataclasses.asdict(card)
    metrics = values.pop("metrics")
    facts = [(key.replace("_", " "), str(value)) for key, value in values.items()]
    return facts + [(name, f"{value:g}") for name, value in metrics.items()]
