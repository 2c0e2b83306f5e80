"""``-v``, ``-q`` and ``--log-level``: options that every command has, before its name or behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from photochrom.cli.messages import LOG_LEVELS, set_verbosity

VARIABLE = "PHOTOCHROM_LOG_LEVEL"
_MEMO = "photochrom.cli.verbosity"


@dataclass
class _Verbosity:
    """What was said of it so far, before and behind the command's name."""

    verbose: int = 0
    quiet: bool = False
    level: str | None = None
    level_typed: bool = False
    """Not from the environment, over which -v and -q have their way."""

    def apply(self) -> None:
        """Show so much. Raises click.UsageError where it contradicts itself."""
        if self.verbose and self.quiet:
            raise click.UsageError("-v shows more and -q less; give one of them.")
        if self.verbose and self.level_typed:
            raise click.UsageError("-v is a log level, too; give -v or --log-level.")
        by_flag = "error" if self.quiet else (None, "info", "debug")[min(self.verbose, 2)]
        level = self.level if self.level_typed else by_flag or self.level
        set_verbosity(quiet=self.quiet, level=level)


def _collect(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """A callback of click: nothing of it reaches the command."""
    if not value or param.name is None:
        return
    chosen: _Verbosity = ctx.meta.setdefault(_MEMO, _Verbosity())
    if param.name == "log_level":
        source = ctx.get_parameter_source(param.name)
        typed = source is not click.core.ParameterSource.ENVIRONMENT
        if typed or not chosen.level_typed:
            chosen.level, chosen.level_typed = value, typed
    else:
        setattr(chosen, param.name, value)
    chosen.apply()


OPTIONS: tuple[click.Option, ...] = (
    click.Option(
        ["-v", "--verbose"],
        count=True,
        expose_value=False,
        callback=_collect,
        help="Tell on stderr what is done inside; -vv tells all, and where an error came from.",
    ),
    click.Option(
        ["-q", "--quiet"],
        is_flag=True,
        expose_value=False,
        callback=_collect,
        help="Neither progress nor notes; errors are shown all the same.",
    ),
    click.Option(
        ["--log-level"],
        type=click.Choice(LOG_LEVELS),
        envvar=VARIABLE,
        expose_value=False,
        callback=_collect,
        help="From which level on the log is shown on stderr: warning unless given; -v is info, "
        f"-vv debug, -q error. Also by {VARIABLE}.",
    ),
)
