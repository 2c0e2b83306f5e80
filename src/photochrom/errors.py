"""The exceptions that callers of photochrom are meant to catch.

Every message says what went wrong, with which value, and what to do now.
"""

from __future__ import annotations


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
