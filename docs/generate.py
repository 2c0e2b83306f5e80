"""Write the pages that repeat what the code says: see `PAGES`.

``python docs/generate.py`` writes them, ``--check`` only tells (exit code 1) which are out of date.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import inspect
import itertools
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import click

from photochrom.cli import verbosity
from photochrom.cli.app import app
from photochrom.engine import find
from photochrom.engine.card import ModelCard, read_card
from photochrom.evaluation.metric_table import METRICS
from photochrom.imageio import FORMATS, UNREAD_FORMATS
from photochrom.tables import Key, Range, is_table, table_keys
from photochrom.training.methods import METHODS
from photochrom.training.recipe import builtin as shipped
from photochrom.training.recipe.number_types import UNBOUNDED
from photochrom.training.recipe.recipe import NetRecipe, Recipe
from photochrom.web import settings as web_settings

DOCS = Path(__file__).parent
PART_BEGIN = "<!-- Made by `make docs`; do not edit. -->"
PART_END = "<!-- End of what is made. -->"
NOTE = f"{PART_BEGIN}\n"
SHARED = """The options of `photochrom` itself, above, may stand behind a command's name, too:
`photochrom -q image album/` and `photochrom image album/ -q` are the same. What programs read goes
to stdout; notes, progress and the log go to stderr, and with `-q` errors alone.
"""
COMPLETION = """## Completion in a shell

With a line in its start-up file a shell completes commands, options and file names with Tab:
"""
COMPLETION_LINES = (
    ("bash, from 4.4 on", "~/.bashrc", 'eval "$(_PHOTOCHROM_COMPLETE=bash_source photochrom)"'),
    ("zsh", "~/.zshrc", 'eval "$(_PHOTOCHROM_COMPLETE=zsh_source photochrom)"'),
    (
        "fish",
        "~/.config/fish/completions/photochrom.fish",
        "_PHOTOCHROM_COMPLETE=fish_source photochrom | source",
    ),
)


def cli_page() -> str:
    """Every command with its usage, its help and its options, as ``--help`` has them."""
    sections = [NOTE, "# The command line\n"]
    for context in contexts(top()):
        command = context.command
        sections.append(f"## `{context.command_path}`\n")
        sections.append(f"```\n{command.get_usage(context).removeprefix('Usage: ')}\n```\n")
        sections.append(help_text(command.help or ""))
        if isinstance(command, click.Group):
            names = command.list_commands(context)
            links = (f"* [`{name}`](#{context.info_name}-{name})" for name in names)
            sections.append("\n".join(links) + "\n")
        own = [p for p in command.get_params(context) if not is_shared(p, context)]
        rows = [record for p in own if (record := option_row(p, context))]
        sections.append(table(("option", "what"), rows))
        if context.parent is None:
            lines = [(name, f"`{file}`", f"`{line}`") for name, file, line in COMPLETION_LINES]
            sections += [SHARED, COMPLETION, table(("shell", "file", "line"), lines)]
    return "\n".join(sections)


def is_shared(parameter: click.Parameter, context: click.Context) -> bool:
    """Whether it is an option of every command, told once at `photochrom` itself."""
    return context.parent is not None and parameter in verbosity.OPTIONS


def top() -> click.Context:
    """The context of ``photochrom`` itself."""
    return click.Context(app, info_name="photochrom", **app.context_settings)


def contexts(context: click.Context) -> Iterator[click.Context]:
    """The context of a command and of all below it."""
    yield context
    command = context.command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from contexts(click.Context(child, info_name=name, parent=context))


def help_text(text: str) -> str:
    """A command's help as Markdown; click marks what must not be wrapped with ``\\b``."""
    blocks = inspect.cleandoc(text.partition("\f")[0]).split("\n\n")
    kept = (
        "```\n" + block.removeprefix("\b").strip("\n") + "\n```" if "\b" in block else block
        for block in blocks
    )
    return "\n\n".join(kept) + "\n"


def option_row(parameter: click.Parameter, context: click.Context) -> tuple[str, str] | None:
    """How an option is written, and its help; None for an argument, which the usage shows."""
    record = parameter.get_help_record(context)
    if record is None or isinstance(parameter, click.Argument):
        return None
    return f"`{record[0]}`", " ".join(record[1].split())


def models_page() -> str:
    """The shipped models, from the cards inside their files."""
    sections = [
        NOTE,
        "# Models\n",
        "What each shipped model says about itself: the card that travels inside its file.\n",
        "`pip install .` brings them all. `python packaging/build_wheels.py dist` divides that "
        "wheel for a package index: `photochrom` (15 MB) has what colours photographs and films, "
        "`photochrom-models` (29 MB) the other models and the weights to train from. Without the "
        "second, whatever asks for one of these says `pip install photochrom-models`.\n",
    ]
    for name in find.shipped_models():
        path, content = find.read_model(name)
        sections.append(model_section(read_card(content, path.name), len(content)))
    return "\n".join(sections)


def model_section(card: ModelCard, size_bytes: int) -> str:
    """One model's heading, facts and measured numbers."""
    facts = [
        ("version", card.version),
        ("file", f"{size_bytes / 1e6:.1f} MB, {card.parameters / 1e6:.1f} M parameters"),
        ("working size", f"{card.size} px short side, multiples of {card.multiple}"),
        ("licence", card.licence),
        ("training data", card.training_data),
        ("recipe", card.recipe),
        ("commit", f"`{card.commit}`"),
    ]
    lines = [f"## `{card.name}`\n", table(("", ""), facts)]
    if card.metrics:
        measured = [(name, f"{value:g}") for name, value in card.metrics.items()]
        lines.append(table(("measured ([what it means](metrics.md))", ""), measured))
    page = f"../src/photochrom/engine/models/{card.name}.md"
    lines.append(f"Measured on what, good for what, and what not for: [{card.name}]({page}).\n")
    return "\n".join(lines)


def formats_page() -> str:
    """Every picture format, from the table that reads and writes them."""
    rows = []
    for row in FORMATS.values():
        results = [row.result_format(transparent=clear).name for clear in (False, True)]
        if row.encode is None:
            kept = ("no", "", "", " or, where transparent, ".join(dict.fromkeys(results)))
        else:
            quality = "yes, without loss" if row.quality is None else f"yes, quality {row.quality}"
            bits = "8 or 16" if row.deep else "8"
            kept = (quality, bits, "yes" if row.alpha else "no", results[0])
        endings = ", ".join(f"`{suffix}`" for suffix in (*row.suffixes, *row.foreign_suffixes))
        never = isinstance(row.salvage, str) and row.salvage
        salvaged = f"no: {never}" if never else "yes"
        extra = f"`{row.extra}`" if row.extra else ""
        rows.append((row.name, endings, extra, *kept, salvaged))
    head = (
        "format",
        "endings",
        "needs the extra",
        "written",
        "bits per channel",
        "transparency",
        "coloured as",
        "salvaged",
    )
    words = (
        "All of them are read, with up to 16 bits per channel, and known by their content, "
        "whatever a file is called. Where an extra is named, it is needed for reading "
        "(`pip install 'photochrom[formats]'`); it also brings the rarer kinds of TIFF: BigTIFF, "
        "separate planes with 16 bits, 10, 12 or 14 bits, palettes of 16 bits, CMYK with "
        "transparency, JPEG 2000 inside; and profiles of look-up tables, as scanners have them, "
        "for 16 bits.\n"
    )
    unread = ", ".join(row.name for row in UNREAD_FORMATS)
    more = f"""
Of a file with several pictures (a TIFF or PDF with pages, an MPO, a HEIC, a FITS with planes, a
DICOM with frames) the first is coloured; `--page 2` takes another, `--pages all` every one. A raw
file is taken as the camera's own picture in it, if that has full size, and is developed otherwise.
The studio makes a picture of each page of a PDF, of up to 20, or of none where one is refused.

Damage around the pixels (a missing end marker, bytes between segments, a wrong checksum of a
comment, a profile that is not whole) is mended, and a note says so. A picture of which a part is
missing is refused; `--damaged salvage` colours what is there and says how much is missing, in the
formats that the table calls salvaged; the rest is black. `--damaged refuse` refuses all damage.

Known, and not read: {unread}.
"""
    return "\n".join([NOTE, "# Picture formats\n", words, table(head, rows), more.strip() + "\n"])


def recipes_page() -> str:
    """Every key of a training recipe, from the dataclasses that read it."""
    sections = [
        NOTE,
        "# Training recipes\n",
        "How to train is told in [training.md](training.md). These come with photochrom "
        "(`photochrom train --list`), and below them are all the keys that a recipe may have.\n",
        *map(recipe_section, shipped.recipe_names()),
        "# Keys of a training recipe\n",
        "Any of them can be set for one run: `photochrom train RECIPE --set stages.0.minutes=5`.\n",
    ]
    shown: set[type] = set()
    sections += key_sections(Recipe, "", shown)
    for name, method in METHODS.items():
        sections.append(f"# Keys of a recipe of the method `{name}`\n")
        sections.append(f"{method.summary}.\n")
        sections += key_sections(method.recipe, f" of `{name}`", shown)
    return "\n".join(sections)


def key_sections(recipe: type, suffix: str, shown: set[type]) -> list[str]:
    """The keys of a recipe's dataclass and of the tables in it.

    suffix: of the headings. shown: what stands on the page already, which a row refers to.
    """
    sections: list[str] = []
    todo: list[tuple[str, str, type]] = [("", "", recipe)]
    while todo:
        prefix, brackets, kind = todo.pop(0)
        shown.add(kind)
        heading = f"`{brackets.format(prefix)}`" if prefix else "Top level"
        sections.append(f"## {heading}{suffix}\n")
        sections.append(" ".join((inspect.getdoc(kind) or "").split()) + "\n")
        rows = []
        texts = {
            name: text
            for written in filter(dataclasses.is_dataclass, reversed(kind.__mro__))
            for name, _kind, _default, text in fields(class_node(written))
        }
        for name, key in table_keys(kind).items():
            inner, is_list = inner_table(key.kind)
            if inner is None:
                what = key.doc or texts[name]
                rows.append((f"`{name}`", *key_type(key.kind), default_text(key), what))
            elif inner in shown:
                rows.append((f"`{name}`", "table", "", "", f"as `[{name}]` above"))
            else:
                brackets = "[[{}]]" if is_list else "[{}]"
                todo.append((f"{prefix}.{name}".lstrip("."), brackets, inner))
        sections.append(table(("key", "type", "range", "default", "what"), rows))
    return sections


def class_node(kind: type) -> ast.ClassDef:
    """The class as it is written."""
    (node,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(node, ast.ClassDef)
    return node


def inner_table(kind: Any) -> tuple[type | None, bool]:
    """The class of a table inside a table, and whether it comes as a list; None for a value."""
    arguments = get_args(kind)
    is_list = get_origin(kind) is tuple
    inner = arguments[0] if is_list else kind
    return (inner, is_list) if is_table(inner) else (None, False)


def key_type(kind: Any) -> tuple[str, str]:
    """The type of a recipe's key, and the range of its numbers."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return f"`{arguments[0].__name__}`", range_text(arguments[1])
    if origin is Literal:
        return f"`{', '.join(map(repr, arguments))}`", ""
    if origin is tuple:
        inner, bounds = key_type(arguments[0])
        count = "" if arguments[-1] is Ellipsis else f"{len(arguments)} "
        return f"list of {count}{inner}", bounds
    return "`str`" if kind is str else "`bool`" if kind is bool else "table", ""


def range_text(bounds: Range) -> str:
    """In words; bounds that only keep nonsense away are left out."""
    if bounds.high < UNBOUNDED:
        return f"{bounds.low:.10g} to {bounds.high:.10g}"
    return "any whole number" if bounds.low < -UNBOUNDED else f"at least {bounds.low:.10g}"


def default_text(key: Key) -> str:
    """The default of a recipe's key as TOML has it; empty for none."""
    if key.required:
        return "required"
    if isinstance(key.default, bool):
        return f"`{str(key.default).lower()}`"
    if isinstance(key.default, tuple):
        return f"`{list(key.default)}`"
    if isinstance(key.default, str):
        return f'`"{key.default}"`' if key.default else ""
    return f"`{key.default}`" if isinstance(key.default, int | float) else ""


def recipe_section(name: str) -> str:
    """One shipped recipe: the remarks at its head, its paper, its cost, and what came out."""
    recipe = shipped.recipe_table(name)
    blocks = [f"## `{name}`\n", f"{recipe['summary']}.\n"]
    remarks = shipped.recipe_remarks(name)
    for command, lines in itertools.groupby(remarks, lambda line: line.startswith("  ")):
        text = "\n".join(line.strip() for line in lines)
        blocks.append(f"```sh\n{text}\n```\n" if command else f"{text}\n")
    told = ("paper", "cost", "outcome")
    facts: list[tuple[str, ...]] = [(key, str(recipe[key])) for key in told if key in recipe]
    if "method" in recipe:
        facts.append(("method", f"`{recipe['method']}`"))
    else:
        facts.append(("network", f"`{recipe['net'].get('name', NetRecipe.name)}`"))
        facts.append(("stages", ", ".join(f"`{stage['name']}`" for stage in recipe["stages"])))
    return "\n".join([*blocks, table(("", ""), facts)])


def studio_page() -> str:
    """The studio's page as it is, with the table of settings made anew."""
    tree = ast.parse(inspect.getsource(web_settings))
    node = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "WebSettings")
    rows = [
        (f"`{name}`", "" if default == "`()`" else re.sub(r"Path\('(.*)'\)", r"\1", default), text)
        for name, _kind, default, text in fields(node)
    ]
    return with_part("studio.md", table(("setting", "default", "what"), rows))


def metrics_page() -> str:
    """The page of metrics as it is, with their table made anew."""
    better = {"higher": "higher", "lower": "lower", "truth": "as the truth"}
    rows = [
        (m.label, m.show_range(), better[m.better], m.summary, m.source) for m in METRICS.values()
    ]
    return with_part("metrics.md", table(("metric", "range", "better", "in short", "source"), rows))


def with_part(name: str, made: str) -> str:
    """A page that is written by hand, with what stands between its marks made anew."""
    page = (DOCS / name).read_text(encoding="utf-8")
    before, _mark, rest = page.partition(PART_BEGIN)
    after = rest.partition(PART_END)[2]
    return f"{before}{PART_BEGIN}\n\n{made}\n{PART_END}{after}"


def fields(node: ast.ClassDef) -> Iterator[tuple[str, str, str, str]]:
    """(name, type, default, the string below it) of each field of a dataclass."""
    for statement, after in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        text = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            text = " ".join(str(after.value.value).split())
        value = "" if statement.value is None else ast.unparse(statement.value)
        default = "required" if not value else f"`{value}`"
        default = "" if value == "''" or value.startswith("field(") else default
        yield statement.target.id, ast.unparse(statement.annotation), default, text


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    cells = (" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines)
    return "\n".join(f"| {line} |" for line in cells) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "formats.md": formats_page,
    "metrics.md": metrics_page,
    "models.md": models_page,
    "recipes.md": recipes_page,
    "studio.md": studio_page,
}


def main() -> int:
    """Write the pages, or tell which are out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if out of date")
    check = parser.parse_args().check
    stale = []
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.write_text(text, encoding="utf-8")
    if stale and check:
        print(f"out of date: {', '.join(stale)}; run `make docs`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
