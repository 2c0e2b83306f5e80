"""``photochrom users``: the accounts of a studio, looked after at its machine."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click

from photochrom.cli.messages import note
from photochrom.cli.options import config_option
from photochrom.cli.serve import DEFAULT_HOST, DEFAULT_PORT
from photochrom.cli.table import align_columns
from photochrom.errors import requires_extra

_address_option: Callable[[Any], Any] = click.option(
    "--address",
    metavar="URL",
    help=f"Where people reach the studio; by default its setting public_url, else "
    f"http://{DEFAULT_HOST}:{DEFAULT_PORT}.",
)
_MB: Final = 1_000_000


@contextlib.contextmanager
def _studio(config: Path | None) -> Iterator[Any]:
    """The studio's settings, within its app and with its database up to date."""
    with requires_extra("web", "the studio"):
        from photochrom.web.app import create_app
        from photochrom.web.settings import load_settings
        from photochrom.web.storage import make_private
        from photochrom.web.worker import migrate
    settings = load_settings(config)
    make_private(settings.data_dir)
    app = create_app(settings)
    migrate(app, settings)
    with app.app_context():
        yield settings


def _print_link(path: str, settings: Any, address: str | None) -> None:
    start = address or settings.public_url or f"http://{DEFAULT_HOST}:{DEFAULT_PORT}"
    click.echo(start.rstrip("/") + path)


@click.group()
def users() -> None:
    """Look after the accounts of a studio, at the machine that it runs on.

    The studio may be running meanwhile. It is found by the same settings as `photochrom serve`
    has (PHOTOCHROM_WEB_..., --config).
    """


@users.command("list")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_users(config: Path | None, as_json: bool) -> None:
    """Show every account: who, since when, how many pictures, how much space."""
    with _studio(config):
        from photochrom.web.accounts.admin import list_accounts

        accounts = list_accounts()
    if as_json:
        rows = [
            {**account._asdict(), "created_at": account.created_at.isoformat()}
            for account in accounts
        ]
        click.echo(json.dumps(rows, indent=1))
        return
    table = [
        (
            account.email,
            account.name,
            f"{account.created_at:%Y-%m-%d}",
            f"{account.pictures} pictures",
            f"{account.stored_bytes / _MB:.0f} of {account.quota_mb} MB",
            "disabled" if account.is_disabled else "admin" if account.is_admin else "",
        )
        for account in accounts
    ]
    click.echo(align_columns(table) if table else "There are no accounts.")


@users.command()
@click.argument("email")
@click.argument("name")
@config_option
@_address_option
def add(email: str, name: str, config: Path | None, address: str | None) -> None:
    """Make an account and print the link with which its owner sets a password, within an hour."""
    with _studio(config) as settings:
        from photochrom.web.accounts.admin import add_account

        _print_link(add_account(name, email), settings, address)


@users.command()
@config_option
@_address_option
def invite(config: Path | None, address: str | None) -> None:
    """Print a link with which one person can sign up, within 14 days."""
    with _studio(config) as settings:
        from photochrom.web.accounts.admin import invitation_path

        _print_link(invitation_path(), settings, address)
        if settings.sign_up == "closed":
            note("This studio's sign_up is closed; set it to invite, or the link opens nothing.")


@users.command()
@click.argument("email")
@click.option(
    "--second-factor", is_flag=True, help="Ask for no code of their phone any more, either."
)
@config_option
@_address_option
def reset(email: str, second_factor: bool, config: Path | None, address: str | None) -> None:
    """Print the link with which a user sets a new password, once, within an hour."""
    with _studio(config) as settings:
        from photochrom.web.accounts.admin import disable_second_factor, reset_path

        if second_factor:
            disable_second_factor(email)
        _print_link(reset_path(email), settings, address)


@users.command()
@click.argument("email")
@click.option("--undo", is_flag=True, help="Let them in again.")
@config_option
def disable(email: str, undo: bool, config: Path | None) -> None:
    """Keep a user out, with browsers and with programs; pictures stay, links open nothing."""
    with _studio(config):
        from photochrom.web.accounts.admin import set_disabled

        set_disabled(email, not undo)
    note(f"{email} can log in again." if undo else f"{email} is logged out and cannot log in.")


@users.command()
@click.argument("email")
@click.option("--undo", is_flag=True, help="They are one no longer.")
@config_option
def admin(email: str, undo: bool, config: Path | None) -> None:
    """Let a user look after the studio in a browser, at its address /admin."""
    with _studio(config):
        from photochrom.web.accounts.admin import set_admin

        set_admin(email, not undo)
    note(f"{email} is no admin any more." if undo else f"{email} is an admin: /admin.")


@users.command()
@click.argument("email")
@click.argument("megabytes", type=click.IntRange(min=1), required=False)
@config_option
def quota(email: str, megabytes: int | None, config: Path | None) -> None:
    """Give one user so much storage, in MB; without a number, as much as the others have."""
    with _studio(config) as settings:
        from photochrom.web.accounts.admin import set_quota

        set_quota(email, megabytes)
        note(f"{email} has {megabytes or settings.quota_mb} MB.")


@users.command()
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def delete(email: str, yes: bool, config: Path | None) -> None:
    """Delete an account with all its pictures, for good."""
    with _studio(config):
        from photochrom.web.accounts.admin import find_account
        from photochrom.web.accounts.service import delete_user

        user = find_account(email)
        if not yes:
            click.confirm(f"Delete {user.email} ({user.name}) and every picture?", abort=True)
        delete_user(user)
    note(f"{email} is deleted.")
