"""What makes the studio an app on a phone: manifest, service worker, offline page, icons, words.

The service worker must be served from the root, or it could not answer for every page; that is why
these addresses are routes and not plain static files.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from flask import (
    Blueprint,
    Flask,
    Response,
    json,
    jsonify,
    make_response,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from markupsafe import Markup

from photochrom.web.database import MAX_NAME
from photochrom.web.i18n import _, current_language, plural_forms, use_language
from photochrom.web.pictures.history import MAX_PAST
from photochrom.web.pictures.names import file_endings, film_time, picture_title
from photochrom.web.settings import current_settings
from photochrom.web.static_files import KEPT_FOR_EVER, StaticFiles
from photochrom.web.storage import kept_suffixes

_STATIC_PATH: Final = "/static"
"""Of addresses, as Flask has it, too."""
STATIC: Final = Path(__file__).parent / "static"
ICON_SIZES: Final = (192, 512)
_DIRECTED: Final = ("back", "forward", "undo", "redo")
"""Icons that show the way of reading, and are mirrored where it goes to the left."""
PAPER: Final = "#f7f3ec"
"""The light background of every page, also of the app's splash screen."""

blueprint = Blueprint("pwa", __name__)


def init_pwa(app: Flask) -> None:
    """Add the app's frame to a Flask app: its routes, and what its templates call."""
    app.register_blueprint(blueprint)
    prefix = asset("")
    secure: bool = app.config["SESSION_COOKIE_SECURE"]
    files = StaticFiles(app.wsgi_app, STATIC, prefix, _static_digest(), secure=secure)
    app.wsgi_app = files  # type: ignore[method-assign]
    app.jinja_env.globals.update(
        asset=asset,
        icon=icon,
        is_local=is_local,
        script_messages_json=lambda: _script_messages_json(current_language().code),
        service_worker_url=service_worker_url,
        picture_title=picture_title,
        film_time=film_time,
        max_name=MAX_NAME,
        max_past=MAX_PAST,
        accepted_types=",".join((*kept_suffixes(), *file_endings())),
    )


@blueprint.get("/manifest.webmanifest")
def manifest() -> Response:
    """Serve the web app manifest, with the share target that a phone's gallery offers."""
    answer = jsonify(
        {
            "id": "/",
            "lang": current_language().code,
            "dir": current_language().direction,
            "name": _("Photochrom"),
            "short_name": _("Photochrom"),
            "description": _("Old black-and-white photographs and films in colour."),
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "background_color": PAPER,
            "theme_color": PAPER,
            "categories": ["photo"],
            "icons": _manifest_icons(),
            "shortcuts": [{"name": _("My pictures"), "url": "/library"}],
            "share_target": {
                "action": "/share-target",
                "method": "POST",
                "enctype": "multipart/form-data",
                "params": {"files": [{"name": "file", "accept": ["image/*", "video/*"]}]},
            },
        }
    )
    answer.mimetype = "application/manifest+json"
    return answer


@blueprint.get("/sw.js")
def service_worker() -> Response:
    """Serve the service worker from the root, never from a cache: it decides about caches."""
    answer = send_from_directory(STATIC, "sw.js", mimetype="text/javascript", max_age=0)
    answer.headers["Cache-Control"] = "no-cache"
    return answer


@blueprint.get("/static/<string(length=12):version>/<path:filename>")
def versioned_file(version: str, filename: str) -> Response:
    """Serve a static file, which browsers keep without asking again: another has another address.

    version: of all static files; of an older release's page what there is now, for once.
    """
    answer = send_from_directory(STATIC, filename)
    if version == _static_digest():
        answer.headers["Cache-Control"] = KEPT_FOR_EVER
    return answer


@blueprint.get("/offline")
def offline() -> Response:
    """Show what the service worker answers with where there is no connection.

    It asks without cookies, and names the language of the page that is open.
    """
    with use_language(request.args.get("language")):
        answer = make_response(render_template("offline.html"))
        answer.headers["Content-Language"] = current_language().code
    return answer


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    """Serve the icon that browsers ask for by this name, whatever a page says."""
    return send_from_directory(STATIC / "icons", "icon-192.png", max_age=86400)


def service_worker_url() -> str:
    """Give the service worker's address; it changes with every file that the worker keeps."""
    return url_for("pwa.service_worker", v=_static_digest())


def is_local() -> bool:
    """Whether this studio has no accounts, so that no page offers them."""
    return current_settings().local


def asset(filename: str) -> str:
    """Give the address of a static file, which changes with every static file.

    Scripts and styles name others beside them, whose addresses change with theirs.
    """
    return f"{_STATIC_PATH}/{_static_digest()}/{filename}"


def icon(name: str) -> Markup:
    """Draw one of our line icons, hidden from screen readers: the words beside it say it."""
    return icon_markup(asset("icons/lines.svg"), name)


@cache
def _script_messages_json(_language: str) -> Markup:
    """Those of the language that is spoken, as an attribute between single quotes holds them."""
    text = json.dumps(script_messages(), ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&#39;"))


@cache
def icon_markup(sheet: str, name: str) -> Markup:
    """One of our line icons, from the sheet at an address."""
    kind = "icon directed" if name in _DIRECTED else "icon"
    return Markup(
        '<svg class="{}" aria-hidden="true" focusable="false" width="24" height="24">'
        '<use href="{}#{}"></use></svg>'
    ).format(kind, sheet, name)


def script_messages() -> dict[str, str | dict[str, str]]:
    """Give the sentences that scripts say, by key; {name} is filled in by the script.

    Of what depends on a number: its forms, by CLDR's names.
    """
    return {
        "all_saved": _("All changes are saved."),
        "area_help": _("Touch a thing: all of it that is alike is chosen. Then choose its colour."),
        "area_share": _("About {percent} % of the picture is chosen."),
        "ask_no": _("No, keep it"),
        "brush_help": _("Choose a colour and draw. Two fingers or the wheel look closer."),
        "choose_picture": _("Choose {name}"),
        "chosen": plural_forms("{count} picture chosen", "{count} pictures chosen"),
        "coloring": _("Adding colour…"),
        "color_of_hint": _("Colour of spot {number}: {colour}"),
        "color_saved": _("“{name}” is saved, and looked for in your other pictures."),
        "connection_lost": _("There is no connection to the studio. We keep trying."),
        "copied": _("The link is copied."),
        "copy_by_hand": _("Press and hold the link to copy it."),
        "done": _("Your picture is in colour."),
        "failed": _("This picture could not be coloured."),
        "found_no": _("No, this is not: {name}"),
        "found_place": _("A place in this picture"),
        "found_yes": _("Yes, this is: {name}"),
        "hide_password": _("Hide"),
        "hint_help": _("Touch a spot in the picture, then choose its colour."),
        "hours_left": plural_forms("About {hours} hour left", "About {hours} hours left"),
        "load_again": _("Load the page again"),
        "log_in": _("Log in"),
        "minutes_left": plural_forms("About {minutes} minute left", "About {minutes} minutes left"),
        "no_tips": _("There is no such place: the colours that you gave are enough."),
        "no": _("No"),
        "no_space": _("Your storage has no space for it."),
        "not_saved": _("Not saved: {problem}"),
        "percent": _("{percent} %"),
        "percent_done": _("{percent} % done"),
        "pick_files": _("These files are no pictures or films."),
        "pipette_color": _("The colour here is {color}."),
        "redone": _("Done again."),
        "hint_removed": _("The spot is removed."),
        "saving": _("Saving…"),
        "show_password": _("Show"),
        "split_at": _("{percent} % before"),
        "try_again": _("Try again"),
        "shared_in_part": _(
            "This device has no space to keep all that was shared. Choose what is missing here."
        ),
        "signed_out": _("You were logged out. Log in again, please."),
        "hint": _("Spot {number}"),
        "suggested": _("{color}, {percent} % likely"),
        "stopped": _("You stopped it."),
        "stop_upload": _("Stop sending {name}"),
        "tip": _("Place {number}: give it a colour"),
        "tips_shown": plural_forms(
            "{count} place is marked where a colour would help most.",
            "{count} places are marked where a colour would help most.",
        ),
        "too_large": _("It is larger than {megabytes} MB."),
        "too_busy": _("The studio is busy. Try again in a moment, please."),
        "undone": _("Undone."),
        "upload_done": _("{name} is here."),
        "upload_failed": _("{name}: {problem}"),
        "upload_skipped": _("This is no picture or film that the studio takes."),
        "upload_rest": _("Show the others"),
        "upload_stopped": _("The connection broke."),
        "uploading": _("Sending {name}"),
        "variant": _("Version {number}"),
        "yes": _("Yes"),
        "waiting": _("Waiting for its turn…"),
        "waiting_behind": _("Waiting for its turn. Before it: {count}"),
    }


def _manifest_icons() -> list[dict[str, str]]:
    pictures = [
        {
            "src": asset(f"icons/icon-{side}.png"),
            "sizes": f"{side}x{side}",
            "type": "image/png",
            "purpose": "any",
        }
        for side in ICON_SIZES
    ]
    maskable = {
        "src": asset("icons/maskable-512.png"),
        "sizes": "512x512",
        "type": "image/png",
        "purpose": "maskable",
    }
    return [*pictures, maskable]


@cache
def _static_digest() -> str:
    """Name the state of all static files: another one means another cache in the browser."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(STATIC).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
