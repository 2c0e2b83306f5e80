"""``photochrom worker``: what colours the pictures of a studio."""

from __future__ import annotations

from pathlib import Path

import click

from photochrom.cli.messages import stop_log_lines
from photochrom.cli.options import config_option
from photochrom.errors import requires_extra


@click.command()
@config_option
@click.option("--with-parent", is_flag=True, hidden=True)
def worker(config: Path | None, with_parent: bool) -> None:
    """Colour the pictures of a studio that runs with `photochrom serve --no-worker`.

    One worker is enough, and it takes the same settings as the studio. It stops at SIGTERM or
    Ctrl-C; what waits then waits for the next.
    """
    with requires_extra("web", "the studio"):
        from photochrom.web.settings import load_settings
        from photochrom.web.worker import run_worker
    stop_log_lines()
    run_worker(load_settings(config), with_parent=with_parent)
