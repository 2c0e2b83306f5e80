"""A gallery to look at: one HTML file, no network, pictures inside, from worst to best."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from math import isfinite
from string import Template

from photochrom.evaluation.metric_table import METRICS, captions
from photochrom.evaluation.report import Estimate, Report, Row
from photochrom.evaluation.run import Evaluation, Sample

_FIGURE_PX = 190


def gallery_html(
    evaluation: Evaluation,
    report: Report | None,
    *,
    title: str,
    facts: Sequence[str],
    sort_by: str = "ciede2000",
    figures: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """The page.

    evaluation: with thumbnails. report: of the same evaluation, or None where there is no truth;
    the pictures then keep their order and have no figures. title, facts: the heading and the lines
    below it. sort_by: the metric of the first method (not of the grey floor) that orders the
    pictures; the page can re-order them by the others. figures: more lines of the table, by heading
    and method; every picture then has a line of the page to itself. Raises InputError for an
    unknown metric.
    """
    columns = len(evaluation.samples[0].thumbnails) if evaluation.samples else 1
    order = list(range(len(evaluation.samples)))
    ranks: dict[str, list[int]] = {}
    sorter = ""
    if report is not None:
        row = leading_row(report)
        order = report.order(sort_by, row)
        ranks = {metric: _ranks(report.order(metric, row)) for metric in row.pictures}
        sorter = _sorter(ranks, sort_by, row.method)
    articles = [_article(evaluation.samples[i], i, report, ranks) for i in order]
    lines = [*facts, *(f"Not measured: {name}: {why}" for name, why in evaluation.failures.items())]
    page = files("photochrom.evaluation").joinpath("gallery.html").read_text(encoding="utf-8")
    return Template(page).substitute(
        title=escape(title),
        facts="\n".join(f"<p>{escape(line)}</p>" for line in lines),
        table=_table(report, figures or {}) if report is not None else "",
        sorter=sorter,
        articles="\n".join(articles),
        columns=columns,
        width=f"{columns * _FIGURE_PX}px",
        card_min="100%" if figures else f"{columns * _FIGURE_PX}px",
    )


def leading_row(report: Report) -> Row:
    """The row that orders pictures: the first method, or the grey floor where it is alone."""
    return report.rows[min(1, len(report.rows) - 1)]


def _ranks(order: Sequence[int]) -> list[int]:
    ranks = [0] * len(order)
    for rank, index in enumerate(order):
        ranks[index] = rank
    return ranks


def _article(
    sample: Sample, index: int, report: Report | None, ranks: Mapping[str, Sequence[int]]
) -> str:
    data = "".join(f' data-{_attribute(m)}="{rank[index]}"' for m, rank in ranks.items())
    rows = {row.method: row for row in (*report.rows, report.truth)} if report is not None else {}
    figures = "".join(
        f'<figure><img src="data:image/webp;base64,{base64.b64encode(webp).decode()}" '
        f'alt="{escape(method)}: {escape(sample.name)}" loading="lazy">'
        f"<figcaption>{_caption(method, rows.get(method), index)}</figcaption></figure>"
        for method, webp in sample.thumbnails.items()
    )
    heading = f"{escape(sample.name)}, {sample.width}×{sample.height}"
    return f'<article{data}><h2>{heading}</h2><div class="row">{figures}</div></article>'


def _caption(method: str, row: Row | None, index: int) -> str:
    figures = []
    if row is not None:
        for metric, short in captions().items():
            values = row.pictures.get(metric)
            if values is not None and isfinite(values[index]):
                shown = METRICS[metric].show(values[index])
                figures.append(f"<span>{escape(short)} {shown}</span>")
    return f"<b>{escape(method)}</b><br>{' · '.join(figures)}"


def _table(report: Report, figures: Mapping[str, Mapping[str, str]]) -> str:
    rows = (*report.rows, report.truth)
    head = "".join(f"<th>{escape(row.method)}</th>" for row in rows)
    body = []
    for metric in METRICS:
        cells = "".join(f"<td>{_cell(metric, row.estimates[metric])}</td>" for row in report.rows)
        true = report.truth.estimates.get(metric)
        cells += f"<td>{_cell(metric, true)}</td>" if true is not None else "<td></td>"
        body.append(f"<tr><th>{escape(report.heading(metric))}</th>{cells}</tr>")
    for heading, texts in figures.items():
        cells = "".join(f"<td>{escape(texts.get(row.method, ''))}</td>" for row in rows)
        body.append(f"<tr><th>{escape(heading)}</th>{cells}</tr>")
    return f"<table><tr><th></th>{head}</tr>{''.join(body)}</table>"


def _cell(metric: str, estimate: Estimate | None) -> str:
    if estimate is None:
        return "not measured"
    value, _, interval = estimate.show(metric).partition(" ")
    return f"{value} <small>{interval}</small>"


def _sorter(ranks: Mapping[str, Sequence[int]], chosen: str, method: str) -> str:
    options = "".join(
        f'<option value="{_attribute(m)}"{" selected" if m == chosen else ""}>'
        f"{escape(METRICS[m].label)}</option>"
        for m in ranks
    )
    return f"<label>Worst to best by <select>{options}</select> of {escape(method)}</label>"


def _attribute(metric: str) -> str:
    """A metric's name as a data attribute that JavaScript reads under the same name."""
    return metric.replace("_", "")
