"""From a model's name, path or address to a checked file on this machine."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from photochrom.engine.download import download
from photochrom.engine.guests import GUESTS, check_licence, split_guest
from photochrom.errors import ModelError
from photochrom.folders import cache_dir
from photochrom.models_package import DISTRIBUTION, MODULE, locate

DEFAULT_MODEL = "photochrom-base"
"""The model that colours photographs when none is named."""
FILM_MODEL = "photochrom-film"
"""The model that colours films when none is named: a third of the default model's arithmetic, once
for each frame, and on the clips that it was measured on the better colours (docs/films.md)."""
FACE_MODEL = "photochrom-faces"
"""The model that colours faces from close up when none is named."""

SHIPPED_DIR = Path(__file__).parent / "models"
ADDRESSES = ("https://", "http://", "hf:")
_TABLE = "SHA256SUMS"
_HUB = "https://huggingface.co"
_NAME_LENGTH = 80
_SHA256 = re.compile(r"[0-9a-f]{64}")
BLEND = "blend:"
"""What stands before two models and a weight, ``blend:A:B:WEIGHT``."""
FACES = "faces:"
"""What stands before two models, ``faces:A:B``, of which the second colours faces from close up."""
_ONE = rf"(?:(?:{'|'.join(GUESTS)}):)?(?:hf:[^:]+|https?://.+?|(?:[A-Za-z]:[\\/])?[^:]+)"
_BLEND = re.compile(rf"(?P<first>{_ONE}):(?P<second>{_ONE}):(?P<weight>\d*\.?\d+)")

_PAIR = re.compile(rf"(?P<first>{_ONE}):(?P<second>{_ONE})")


def shipped_models(directory: Path = SHIPPED_DIR) -> tuple[str, ...]:
    """Names of the models that came with the package, in the order of their table.

    Where photochrom-models is not installed, those of photochrom alone.
    """
    return tuple(name for name in _checksums(directory) if _is_here(name, directory))


def read_model(model: str | Path, *, shipped_dir: Path = SHIPPED_DIR) -> tuple[Path, bytes]:
    """Find a model and read it; shipped and downloaded files are checked against their SHA-256.

    model: a shipped name; a path; ``https://host/file.onnx#sha256=HEX``;
        ``hf:owner/repo/file.onnx#sha256=HEX`` (``hf:owner/repo@revision/...`` for a revision); or a
        path or address behind a guest's name, ``ddcolor:ddcolor.onnx``.
    Returns the file's path and content.
    Raises ModelError when there is no such model, or when it cannot be fetched or is damaged.
    """
    text = str(model)
    guest = split_guest(model)
    if guest is not None:
        name, text = guest
        if text.startswith(ADDRESSES):
            check_licence(name)
            return _fetch(text)
        return Path(text), _read(Path(text))
    if isinstance(model, str):
        if text.startswith(ADDRESSES):
            return _fetch(text)
        sums = _checksums(shipped_dir)
        if text in sums:
            path = _shipped_path(text, shipped_dir)
            return path, _verify(_read(path), sums[text], path)
    path = Path(model)
    if path.suffix == ".onnx" or len(path.parts) > 1 or _is_file(path):
        return path, _read(path)
    raise ModelError(f"there is no model called {text!r}; {_alternatives(text, shipped_dir)}")


def local_model(model: str | Path) -> str | Path:
    """The model on this machine: an address is fetched into the cache, others stay as they are.

    Raises ModelError when it cannot be fetched.
    """
    blend = split_blend(model)
    if blend is not None:
        first, second = (local_model(one) for one in blend[:2])
        return f"{BLEND}{first}:{second}:{blend[2]}"
    pair = split_faces(model)
    if pair is not None:
        return FACES + ":".join(str(local_model(one)) for one in pair)
    guest = split_guest(model)
    if guest is not None and guest[1].startswith(ADDRESSES):
        return f"{guest[0]}:{read_model(model)[0]}"
    if isinstance(model, str) and model.startswith(ADDRESSES):
        return _fetch(model)[0]
    return model


def split_blend(model: str | Path) -> tuple[str, str, float] | None:
    """Both models of ``blend:A:B:WEIGHT`` and the weight of the second; None for a single model.

    Raises ModelError where that is no blend of two models.
    """
    text = str(model)
    if not text.startswith(BLEND):
        return None
    match = _BLEND.fullmatch(text.removeprefix(BLEND))
    if match is None or not 0.0 <= float(match["weight"]) <= 1.0:
        raise ModelError(
            f"{text.removeprefix(BLEND)!r} is no blend; write A:B:WEIGHT, two models and the "
            "weight of the second from 0 to 1, such as photochrom-base:photochrom-film:0.5"
        )
    return match["first"], match["second"], float(match["weight"])


def split_faces(model: str | Path) -> tuple[str, str] | None:
    """Both models of ``faces:A:B``; None for a single model. Raises ModelError for other texts."""
    text = str(model)
    if not text.startswith(FACES):
        return None
    match = _PAIR.fullmatch(text.removeprefix(FACES))
    if match is None or "" in match.groups():
        raise ModelError(
            f"{text!r} does not name two models; write faces:A:B, the model of the picture and the "
            "model of its faces, such as faces:photochrom-base:photochrom-faces"
        )
    return match["first"], match["second"]


def model_parts(model: str | Path) -> tuple[str, ...]:
    """The single models of a blend or of ``faces:A:B``, or the model itself. Raises ModelError."""
    blend, pair = split_blend(model), split_faces(model)
    return blend[:2] if blend is not None else pair or (str(model),)


def _fetch(address: str) -> tuple[Path, bytes]:
    """A model by address, from the cache when it is there and whole."""
    location, _, fragment = address.partition("#")
    checksum = fragment.removeprefix("sha256=").lower()
    if not fragment.startswith("sha256=") or not _SHA256.fullmatch(checksum):
        raise ModelError(
            f"{address}: a model from the network needs its checksum, so that it is the file you "
            "mean; add #sha256= and the 64 hex digits that its publisher (or sha256sum) gives"
        )
    url = _hub_url(location) if location.startswith("hf:") else location
    # Not the query: of a signed address it is long, and new every time.
    file = url.partition("?")[0].rsplit("/", 1)[-1]
    name = re.sub(r"[^\w.-]", "_", file, flags=re.ASCII)[-_NAME_LENGTH:] or "model.onnx"
    path = cache_dir() / "models" / f"{checksum[:16]}-{name}"
    if path.is_file():
        content = _read(path)
        if hashlib.sha256(content).hexdigest() == checksum:
            return path, content
    return path, download(url, checksum, path)


def _hub_url(location: str) -> str:
    """The download address of ``hf:owner/repo[@revision]/path/file.onnx``."""
    match = re.fullmatch(r"hf:([\w.-]+)/([\w.-]+)(?:@([\w.-]+))?/([\w./-]+)", location)
    if match is None:
        raise ModelError(
            f"{location} is not a Hugging Face model address; write "
            "hf:owner/repo/file.onnx#sha256=..."
        )
    owner, repo, revision, file = match.groups()
    hub = os.environ.get("HF_ENDPOINT", _HUB).rstrip("/")
    return f"{hub}/{owner}/{repo}/resolve/{revision or 'main'}/{file}"


def _checksums(directory: Path) -> dict[str, str]:
    """Shipped models and their SHA-256, from the table beside them."""
    table = directory / _TABLE
    if not table.is_file():
        return {}
    rows = (line.split() for line in table.read_text(encoding="utf-8").splitlines())
    return {Path(row[1].lstrip("*")).stem: row[0] for row in rows if row}


def _shipped_path(name: str, directory: Path) -> Path:
    """A shipped model's file. Raises ModelError where its package is not installed."""
    file = directory / f"{name}.onnx"
    if directory != SHIPPED_DIR or file.is_file():
        return file
    return locate(f"engine/models/{name}.onnx")


def _is_here(name: str, directory: Path) -> bool:
    try:
        return _is_file(_shipped_path(name, directory))
    except ModelError:
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for a file is none
        return False


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"there is no model file {path}; check the path") from None
    except OSError as error:
        raise ModelError(f"the model file {path} cannot be read: {error.strerror}") from None


def _verify(content: bytes, checksum: str, path: Path) -> bytes:
    if hashlib.sha256(content).hexdigest() != checksum:
        raise ModelError(
            f"{path} is not the file that was shipped (its SHA-256 differs from {_TABLE}); "
            f"install it again: pip install --force-reinstall {_owner(path)}"
        )
    return content


def _owner(path: Path) -> str:
    """The distribution that a shipped file came with."""
    return DISTRIBUTION if MODULE in path.parts else "photochrom"


def _alternatives(name: str, directory: Path) -> str:
    names = shipped_models(directory)
    if not names:
        return "this copy of photochrom ships none: give a path or an address of a .onnx file"
    import difflib  # for a mistake alone

    close = difflib.get_close_matches(name, names, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return f"{guess}shipped are {', '.join(names)}; a path or an address of a .onnx file works too"
