"""Trained networks as methods to evaluate."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from photochrom.engine import Network, load
from photochrom.errors import ModelError
from photochrom.evaluation.options import EvaluationOptions
from photochrom.evaluation.run import Method
from photochrom.pipeline import colorize


def load_methods(models: Sequence[str], settings: EvaluationOptions) -> list[Method]:
    """One method per model, in order, named by its card; one for each number of points.

    models: names, paths or addresses, as `photochrom.engine.load` takes them. Two models whose
    cards give the same name and version are told apart by their file names.
    Raises ModelError for models that do not load, or for the same file given twice.
    """
    networks = [load(model, device=settings.device) for model in models]
    sources = Counter((network.source, network.card.title) for network in networks)
    twice = [source for (source, _title), count in sources.items() if count > 1]
    if twice:
        raise ModelError(f"the same model is given twice: {', '.join(twice)}")
    titles = Counter(network.card.title for network in networks)
    methods = []
    for network in networks:
        path = Path(network.source)
        title = network.card.title
        if titles[title] > 1:
            title = f"{title} ({path.parent.name}/{path.name})"
        for points in settings.points:
            hints = f", {points} point{'s' * (points != 1)}" if len(settings.points) > 1 else ""
            methods.append(network_method(f"{title}{hints}", network, settings, points))
    return methods


def network_method(
    name: str, network: Network, settings: EvaluationOptions, points: int = 0
) -> Method:
    """A loaded network as a row of the report under this name, with so many hints.

    Raises ModelError for one that colours drawings.
    """
    network.card.check_photographs("an evaluation on photographs")
    color = partial(colorize, model=network, size=settings.size, vividness=settings.vividness)
    paths = [Path(one.source) for one in network.members or (network,)]
    return Method(
        name,
        color,
        facts={
            "file": "+".join(path.name for path in paths),
            "sha256": "+".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths),
            "device": network.device,
            "card": dataclasses.asdict(network.card),
            "points": points,
        },
        points=points,
    )
