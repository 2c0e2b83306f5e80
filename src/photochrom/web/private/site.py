"""The site of the page that colours on the device: a folder of files for any static host.

All addresses are relative, so that it works under any path, and from the origin of an app.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import jinja2
from flask import json
from markupsafe import Markup

from photochrom.engine import DEFAULT_MODEL, ModelCard
from photochrom.engine.card import read_card
from photochrom.engine.find import read_model
from photochrom.engine.identity import ModelIdentity
from photochrom.engine.pruning import with_confidence
from photochrom.engine.single_precision import in_single_precision
from photochrom.errors import InputError
from photochrom.web.i18n import _, current_language, use_language
from photochrom.web.languages import ENGLISH, LANGUAGES
from photochrom.web.pwa import PAPER, icon_markup, script_messages

RUNTIME: Final = ("onnxruntime-web", "1.30.0")
"""The npm package that runs the model, and its version."""
RUNTIME_SHA512: Final = (
    "ab4cbe26baedba45d2cec05610c71c55fa97db92d19a8b171c5f8269126683ca"
    "590a5cdc57bb2f35ce2b298de32f4d956fb42644c0ecd528a0a91e025c07ca61"
)
"""Of the package's file, as the registry gives it."""
RUNTIME_FILES: Final = (
    "ort.wasm.bundle.min.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort.jspi.bundle.min.mjs",
    "ort-wasm-simd-threaded.jspi.wasm",
)
"""Of its folder dist: for processors, and for WebGPU. A device fetches one pair."""
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "img-src 'self' blob: data:",
        "style-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
"""The page speaks with nobody but where it came from."""
_MESSAGES: Final = (
    "color_of_hint",
    "done",
    "failed",
    "hint",
    "percent",
    "pick_files",
    "split_at",
    "suggested",
)
"""Of the studio's, what the scripts here show."""

_WEB: Final = Path(__file__).parents[1]
_STATIC: Final = _WEB / "static"
_OWN: Final = Path(__file__).parent
_SHARED_SCRIPTS: Final = ("compare.js", "hints.js", "history.js", "messages.js", "palette.js")
_ICONS: Final = ("icon-180.png", "icon-192.png", "icon-512.png", "icon.svg", "lines.svg",
                 "maskable-512.png")  # fmt: skip
_LATE: Final = ("runtime/", "model/", "fonts/figtree-latin-ext", "fonts/fraunces-latin-ext")
"""What the service worker keeps when it is first asked for, and not before."""
_VERSION, _FILES = 'const VERSION = "assembled-version";', "const FILES = [];"


def assemble(out: Path, runtime: Path, model: str | Path = DEFAULT_MODEL) -> list[Path]:
    """Write the site into a folder, which is made; returns its files, sorted.

    runtime: the folder dist of the npm package `RUNTIME`. model: as for `read_model`.
    Raises InputError where a file of the runtime is missing, ModelError.
    """
    path, content = read_model(model)
    card = read_card(content, str(path))
    card.check_photographs("the page in the browser")
    for name in RUNTIME_FILES:
        if not (runtime / name).is_file():
            package, version = RUNTIME
            raise InputError(
                f"{runtime} has no {name}; it must be the folder dist of the npm package "
                f"{package} {version}"
            )
    for target, source in _copies(runtime):
        (out / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, out / target)
    (out / "model").mkdir(exist_ok=True)
    # The page never asks for the confidence; WebGPU has no double precision.
    for_browsers = in_single_precision(with_confidence(content, "none"))
    (out / "model" / "model.onnx").write_bytes(for_browsers)
    generator = ModelIdentity.from_file(card, content).signature
    for code in LANGUAGES:
        with use_language(code):
            (out / _page_file(code)).write_text(_page(card, generator), encoding="utf-8")
    (out / "manifest.webmanifest").write_text(_manifest(), encoding="utf-8")
    (out / "sw.js").write_text(_service_worker(out), encoding="utf-8")
    return sorted(path for path in out.rglob("*") if path.is_file())


def first_visit(out: Path, runtime: str = "ort-wasm-simd-threaded.wasm") -> list[Path]:
    """The files of a site that a first visit fetches. runtime: the .wasm that the device needs."""
    chosen = {runtime, "ort.jspi.bundle.min.mjs" if "jspi" in runtime else RUNTIME_FILES[0]}
    files = [path for path in _kept_files(out) if path.name != "sw.js"]
    return [*files, out / "sw.js", out / "model" / "model.onnx",
            *(out / "runtime" / name for name in sorted(chosen))]  # fmt: skip


def _copies(runtime: Path) -> Iterator[tuple[str, Path]]:
    """Where the site's files come from, those that are made apart."""
    for name in RUNTIME_FILES:
        yield f"runtime/{name}", runtime / name
    for name in _SHARED_SCRIPTS:
        yield f"js/{name}", _STATIC / "js" / name
    for script in sorted((_OWN / "js").glob("*.js")):
        yield f"js/{script.name}", script
    yield "css/studio.css", _STATIC / "css" / "studio.css"
    yield "css/private.css", _OWN / "private.css"
    for font in sorted((_STATIC / "fonts").glob("*.*")):
        if font.suffix in (".woff2", ".txt"):
            yield f"fonts/{font.name}", font
    for name in _ICONS:
        yield f"icons/{name}", _STATIC / "icons" / name
    yield "img/example.webp", _STATIC / "img" / "welcome-grey.webp"


def _page_file(code: str) -> str:
    return "index.html" if code == ENGLISH.code else f"{code}.html"


def _page(card: ModelCard, generator: str) -> str:
    """The page in the language that is spoken."""
    loader = jinja2.FileSystemLoader(_WEB / "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.globals.update(
        _=lambda text: Markup(_(text)),  # of catalogues only
        icon=lambda name: icon_markup("icons/lines.svg", name),
        language=current_language,
    )
    messages = script_messages()
    shown = {key: messages[key] for key in _MESSAGES} | {
        "getting_ready": _("What colours is on its way to this device…"),
        "ready_offline": _("Ready, also without a connection."),
        "made_smaller": _(
            "This device holds no picture of that size: this one is coloured smaller, "
            "{width} × {height} pixels."
        ),
        "in_gallery": _("Saved in the gallery."),
        "not_in_gallery": _("It could not be saved in the gallery."),
    }
    return environment.get_template("private.html").render(
        card=card,
        generator=generator,
        policy=POLICY,
        own_file=_page_file(current_language().code),
        languages=[(code, _page_file(code), one) for code, one in LANGUAGES.items()],
        language_files=json.dumps({code: _page_file(code) for code in LANGUAGES}),
        messages=json.dumps(shown, ensure_ascii=False),
    )


def _manifest() -> str:
    """For the browser to install the page as an app."""
    sizes = [(f"icon-{side}.png", f"{side}x{side}", "any") for side in (192, 512)]
    return json.dumps(
        {
            "name": "Photochrom",
            "short_name": "Photochrom",
            "start_url": "./",
            "scope": "./",
            "display": "standalone",
            "background_color": PAPER,
            "theme_color": PAPER,
            "categories": ["photo"],
            "icons": [
                {"src": f"icons/{name}", "sizes": size, "type": "image/png", "purpose": purpose}
                for name, size, purpose in (*sizes, ("maskable-512.png", "512x512", "maskable"))
            ],
        }
    )


def _kept_files(out: Path) -> list[Path]:
    """What the service worker keeps from the start."""
    files = sorted(path for path in out.rglob("*") if path.is_file())
    names = [path.relative_to(out).as_posix() for path in files]
    return [
        path
        for path, name in zip(files, names, strict=True)
        if name != "sw.js" and not name.startswith(_LATE) and not name.endswith(".txt")
    ]


def _service_worker(out: Path) -> str:
    """The worker with the files that it keeps, and a version that changes with any file."""
    digest = hashlib.sha256()
    for path in sorted(path for path in out.rglob("*") if path.is_file() and path.name != "sw.js"):
        digest.update(path.relative_to(out).as_posix().encode())
        digest.update(path.read_bytes())
    names = [path.relative_to(out).as_posix() for path in _kept_files(out)]
    text = (_OWN / "sw.js").read_text(encoding="utf-8")
    for mark in (_VERSION, _FILES):
        if mark not in text:
            raise ValueError(f"sw.js has no line {mark!r}")
    return text.replace(_VERSION, f'const VERSION = "{digest.hexdigest()[:12]}";').replace(
        _FILES, f"const FILES = {json.dumps(names)};"
    )
