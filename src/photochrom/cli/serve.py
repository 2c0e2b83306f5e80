"""``photochrom serve``: the studio, in a browser."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from photochrom.cli.messages import note, stop_log_lines
from photochrom.cli.options import config_option
from photochrom.errors import requires_extra

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8000


@click.command()
@click.option(
    "--host",
    default=DEFAULT_HOST,
    show_default=True,
    help="Address to answer at; 0.0.0.0 is the whole network.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port to answer at; 0 takes any that is free.",
)
@click.option(
    "--local",
    is_flag=True,
    help="For one person on this machine: no accounts; only whoever opens the address that is "
    "printed is let in.",
)
@click.option(
    "--lan",
    is_flag=True,
    help="For the phones of your own network, without HTTPS: answers all of it, with accounts, "
    "shows the address as a QR code, and says what is not protected.",
)
@config_option
@click.option("--no-worker", is_flag=True, help="Only answer; `photochrom worker` colours.")
@click.option("--with-parent", is_flag=True, hidden=True)  # for the program with a window
def serve(
    host: str,
    port: int,
    local: bool,
    lan: bool,
    config: Path | None,
    no_worker: bool,
    with_parent: bool,
) -> None:
    """Run the studio: pictures coloured in a browser, with accounts, jobs and links to share.

    \b
    photochrom serve --local       for yourself: open the address that it prints
    photochrom serve --lan         for your phone, too: scan the code that it shows

    Settings come from the environment (PHOTOCHROM_WEB_...) and from --config; docs/studio.md
    lists them. Ctrl-C stops it.
    """
    with requires_extra("web", "the studio"):
        from photochrom.web.lan import ALL_ADDRESSES, announce, lan_address
        from photochrom.web.serve import serve as run
        from photochrom.web.settings import load_settings
    if lan and local:
        raise click.UsageError("--local answers this machine alone; leave out it or --lan.")
    overrides: dict[str, Any] = {"local": True} if local else {}
    own_address = ""
    if lan:
        own_address = lan_address() if host == DEFAULT_HOST else host
        host = ALL_ADDRESSES if host == DEFAULT_HOST else host
        overrides = {"secure_cookies": False, "allowed_hosts": [own_address]}
    settings = load_settings(config, overrides=overrides)

    def report(url: str) -> None:
        note(f"The studio is at {url}")
        if lan:
            announce(url, own_address, note)

    stop_log_lines()
    run(
        settings,
        host=host,
        port=port,
        config=config,
        with_worker=not no_worker,
        report=report,
        parent=sys.stdin if with_parent else None,
    )
