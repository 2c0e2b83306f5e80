"""A page that shows pictures blind and counts: which is true, and how natural is it?

The colorization Turing test is that of Zhang et al. (ECCV 2016): a pair of the true and the
coloured picture, side by side in random order. A method that nobody can tell from the truth is
taken for it in 50 % of pairs. The mean opinion score is that of ITU-T P.800: marks from 1 to 5.
"""

from __future__ import annotations

import base64
import json
from html import escape
from importlib.resources import files
from string import Template

from photochrom.evaluation.report import GREY, TRUE
from photochrom.evaluation.run import Evaluation


def blind_test_html(evaluation: Evaluation, *, title: str) -> str:
    """The page: pictures inside, no network, results at its end with 95 % intervals.

    evaluation: with thumbnails and true pictures; grey ones are not shown. Each method has a pair
    and a mark for each picture, and the true pictures have a mark.
    """
    trials: list[dict[str, str]] = []
    for sample in evaluation.samples:
        shown = {
            method: base64.b64encode(webp).decode()
            for method, webp in sample.thumbnails.items()
            if method != GREY
        }
        for method, source in shown.items():
            trial = {"method": method, "picture": sample.name, "colored": source}
            trials.append({**trial, "kind": "mark"})
            if method != TRUE:
                trials.append({**trial, "kind": "pair", "true": shown[TRUE]})
    page = files("photochrom.evaluation").joinpath("blind_test.html").read_text(encoding="utf-8")
    facts = (
        f"{len(evaluation.samples)} pictures, {len(trials)} questions in random order; stop when "
        "you like. Nothing is sent anywhere. The page holds the answers: do not look into it."
    )
    content = json.dumps(trials, ensure_ascii=True).replace("<", "\\u003c")
    return Template(page).substitute(title=escape(title), facts=escape(facts), trials=content)
