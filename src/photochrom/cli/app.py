"""The tree of commands: one row per command, one file per row, imported only when it is called.

click and not typer: typer 0.29 needs 0.2 s more to start (it imports pydantic).
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem

from photochrom import __version__
from photochrom.cli import FAILED, OK, verbosity
from photochrom.cli.messages import complain, stderr_session
from photochrom.errors import PhotochromError

_log = logging.getLogger(__name__)


class Row(NamedTuple):
    """One command of ``photochrom``."""

    module: str
    """Where it is; the click command there has the name of the row, with underscores."""
    summary: str
    """Its line in ``photochrom --help``."""


COMMANDS = {
    "image": Row("photochrom.cli.image", "Colour photographs: files or whole folders."),
    "archive": Row("photochrom.cli.archive", "Colour an archive: a share or bucket of scans."),
    "restore": Row("photochrom.cli.restore", "Mend photographs: scratches, dots, grain, fading."),
    "film": Row("photochrom.cli.film", "Colour films, with their sound."),
    "style": Row("photochrom.cli.style", "Give a photograph the colours of another picture."),
    "combine": Row("photochrom.cli.combine", "Make one picture of exposures through filters."),
    "suggest": Row("photochrom.cli.suggest", "Suggest colours for a place of a photograph."),
    "colors": Row("photochrom.cli.colors", "Name colours once, and find them in an album."),
    "models": Row("photochrom.cli.models", "Show the models and devices that can be used."),
    "bench": Row("photochrom.cli.bench", "Measure how fast pictures are coloured here."),
    "train": Row("photochrom.cli.train", "Train a network by a recipe."),
    "data": Row("photochrom.cli.data", "Fetch published data sets to train on."),
    "plots": Row("photochrom.cli.plots", "Draw a training run's plots and report."),
    "export": Row("photochrom.cli.export", "Turn a training checkpoint into a model file."),
    "evaluate": Row("photochrom.cli.evaluate", "Score a model on photographs with known colours."),
    "explain": Row("photochrom.cli.explain", "Show what a model does with one photograph."),
    "compare": Row("photochrom.cli.compare", "Compare training runs and models in one table."),
    "turning-point": Row(
        "photochrom.cli.turning_point", "Pick the best of a run's kept checkpoints."
    ),
    "transfer": Row(
        "photochrom.cli.transfer", "Measure what colorization has taught an encoder, by classes."
    ),
    "faces": Row("photochrom.cli.faces", "Find people again by their faces, on this machine."),
    "serve": Row("photochrom.cli.serve", "Run the studio: colouring in a browser."),
    "users": Row("photochrom.cli.users", "Look after the accounts of a studio."),
    "worker": Row("photochrom.cli.worker", "Colour the pictures of a studio that runs elsewhere."),
}
"""Every command by its name. A new command is a file beside this one and a row here."""


class LazyGroup(click.Group):
    """A group that knows its commands from the table and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The click command of a row; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name].module)
        gc.freeze()  # see `photochrom.cli.main`
        gc.enable()
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        if verbosity.OPTIONS[0] not in command.params:
            command.params.extend(verbosity.OPTIONS)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What a shell offers behind ``photochrom``, without importing a command."""
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        items = [CompletionItem(name, help=COMMANDS[name].summary) for name in names]
        return items + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(
        self,
        ctx: click.Context,
        formatter: click.HelpFormatter,
    ) -> None:
        """The list of commands, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.summary) for name, row in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    params=[*verbosity.OPTIONS],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Each command explains itself: photochrom image --help",
)
@click.version_option(__version__, "-V", "--version", message="photochrom %(version)s")
def app() -> None:
    """Black-and-white photographs in colour, on your own machine.

    \b
    photochrom image grandmother.jpg        writes grandmother.color.jpg
    photochrom image album/ -o coloured/    colours a whole folder
    """


def _silence_decoders() -> None:
    """Keep stderr to our own words: of a damaged file they say all that a person can use."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    warnings.filterwarnings("ignore", module=r"PIL\.")


@contextlib.contextmanager
def _any_text_on_stdout() -> Iterator[None]:
    """What the encoding of stdout has no characters for is escaped there, as it is on stderr: names
    of files may hold anything, and a pipe of Windows knows the letters of few languages.
    """
    stdout = sys.stdout
    if not isinstance(stdout, io.TextIOWrapper) or stdout.errors != "strict":
        yield
        return
    stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):  # whoever reads it may be gone
            stdout.reconfigure(errors="strict")


def run(arguments: Sequence[str] | None) -> int:
    """Run the command line and return its exit code; what went wrong is told on stderr."""
    _silence_decoders()
    with stderr_session(), _any_text_on_stdout():
        try:
            code = app.main(arguments, prog_name="photochrom", standalone_mode=False)
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except click.Abort:
            raise KeyboardInterrupt from None
        except PhotochromError as error:
            _log.debug("where the error came from", exc_info=error)
            for line in f"Error: {error}".splitlines():
                complain(line)
            return FAILED
    return code if isinstance(code, int) else OK
