"""The exceptions that callers of photochrom are meant to catch.

Every message says what went wrong, with which value, and what to do now.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class PhotochromError(Exception):
    """Base of all errors that photochrom raises on purpose."""


class InputError(PhotochromError):
    """A picture, folder or data set cannot be read or is not what it claims to be."""


class OutputError(PhotochromError):
    """A result cannot be written; what was there before is untouched."""


class ModelError(PhotochromError):
    """A model is unknown, damaged, breaks the contract, or cannot run on the device asked for."""


class RecipeError(PhotochromError):
    """A training recipe has an unknown key or a value that makes no sense."""


class MissingDependencyError(PhotochromError):
    """An optional package is needed; the message names the extra that installs it."""


@contextmanager
def requires_extra(extra: str, purpose: str, otherwise: str = "") -> Iterator[None]:
    """Around imports of packages that an extra installs.

    purpose: what needs them, in the singular. otherwise: what else can be done.
    Raises MissingDependencyError where one is not there, or cannot be loaded.
    """
    try:
        yield
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        if package == "photochrom":
            raise  # a mistake of ours, which no installing mends
        lacking = f"{purpose} needs {package or 'a package'}"
        if not isinstance(error, ModuleNotFoundError):
            lacking += f", which is there but cannot be loaded ({error})"
        raise MissingDependencyError(
            f"{lacking}: pip install 'photochrom[{extra}]'{otherwise}"
        ) from error
