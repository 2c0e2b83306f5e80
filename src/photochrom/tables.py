"""Tables of TOML and JSON as dataclasses; what is unknown, missing or wrong is refused by name."""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from photochrom.errors import PhotochromError

_T = TypeVar("_T")


class Range(NamedTuple):
    """Smallest and largest sensible value of a number, both included: ``Annotated[int, Range(1,
    9)]``.
    """

    low: float
    high: float


class Key(NamedTuple):
    """One key of a table.

    kind: its type; numbers may have their `Range` in it. required: whether a table has to have it.
    default: without meaning where it is required. doc: empty for what a dataclass explains itself,
    by the string below the field.
    """

    kind: Any
    required: bool
    default: Any
    doc: str


class Source(NamedTuple):
    """Where a table comes from, and how its mistakes are named.

    name: what it is, such as "the recipe". error: what is raised. key: what a key is called. place:
    the dotted name of a key, in lists with its index, as the messages have it. advice: what to do
    now, where a message does not say it.
    """

    name: str
    error: type[PhotochromError]
    key: str = "key"
    place: Callable[[str], str] = str
    advice: str = ""

    def refuse(self, message: str) -> PhotochromError:
        """The error with this message and the advice."""
        return self.error(f"{message}; {self.advice}" if self.advice else message)


def read_toml(path: Path, what: str, error: type[PhotochromError]) -> dict[str, Any]:
    """The table of a TOML file. what: such as "the recipe".

    Raises ``error`` where it cannot be read or is not TOML.
    """
    toml = _toml_module()
    try:
        table: dict[str, Any] = toml.loads(path.read_text(encoding="utf-8"))
    except OSError as cause:
        raise error(f"cannot read {what} {path}: {cause.strerror}") from cause
    except (toml.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise error(f"{path} is not valid TOML: {cause}") from cause
    return table


def read_toml_value(text: str) -> Any:
    """A TOML value; text that is none is taken as a string."""
    toml = _toml_module()
    try:
        return toml.loads(f"v = {text}")["v"]
    except toml.TOMLDecodeError:
        return text


def is_table(kind: Any) -> bool:
    """Whether values of this type are tables with `table_keys`."""
    return isinstance(kind, type) and (dataclasses.is_dataclass(kind) or hasattr(kind, _OWN_KEYS))


def table_keys(kind: type) -> dict[str, Key]:
    """The keys of the table that a dataclass, or a class with `table_keys` of its own, is read
    from.
    """
    if hasattr(kind, _OWN_KEYS):
        own: dict[str, Key] = getattr(kind, _OWN_KEYS)()
        return own
    kinds = typing.get_type_hints(kind, include_extras=True)
    keys = {}
    for field in dataclasses.fields(kind):
        default = field.default
        if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        required = default is dataclasses.MISSING
        keys[field.name] = Key(kinds[field.name], required, default, "")
    return keys


def build(kind: type[_T], table: Any, source: Source, where: str = "") -> _T:
    """The dataclass of a table. where: the table's own key, dotted; empty for the whole.

    Raises the source's error for unknown and missing keys, wrong types, and numbers out of range.
    """
    keys = _checked_keys(kind, table, source, where)
    missing = [name for name, key in keys.items() if key.required and name not in table]
    if missing:
        raise source.refuse(f"{_table_name(source, where)} lacks {', '.join(missing)}")
    return kind(**read_values(kind, table, source, where))


def read_values(kind: type, table: Any, source: Source, where: str = "") -> dict[str, Any]:
    """The values that a table has for a dataclass, by the names of its fields.

    Raises the source's error for unknown keys, wrong types, and numbers out of range.
    """
    keys = _checked_keys(kind, table, source, where)
    return {
        name: _value(keys[name].kind, value, source, f"{where}.{name}" if where else name)
        for name, value in table.items()
    }


_OWN_KEYS = "table_keys"


def _toml_module() -> Any:
    if sys.version_info >= (3, 11):
        import tomllib
    else:  # comes with the extras that read TOML
        import tomli as tomllib
    return tomllib


def _checked_keys(kind: type, table: Any, source: Source, where: str) -> dict[str, Key]:
    """The keys that a table may have; it has no others."""
    if not isinstance(table, Mapping):
        raise source.refuse(f"{_table_name(source, where)} must be a table, got {table!r}")
    keys = table_keys(kind)
    for name in table:
        if name not in keys:
            place = source.place(f"{where}.{name}" if where else name)
            raise source.refuse(
                f"unknown {source.key} {place}; known {source.key}s here: {', '.join(keys)}"
            )
    return keys


def _table_name(source: Source, where: str) -> str:
    return source.place(where) if where else source.name


def _value(kind: Any, value: Any, source: Source, where: str) -> Any:
    """A table's value as the type of its field."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        number = _value(arguments[0], value, source, where)
        return _check_range(number, arguments[1], source, where)
    if is_table(kind):
        return build(kind, value, source, where)
    if origin is tuple:
        return _list(arguments, value, source, where)
    if origin is Literal:
        return _check_choice(arguments, value, source, where)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise source.refuse(f"{source.place(where)} must be a table, got {value!r}")
        return {k: _value(arguments[1], v, source, f"{where}.{k}") for k, v in value.items()}
    choices = arguments or (kind,)
    lists = [choice for choice in choices if typing.get_origin(choice) is tuple]
    if lists and value is not None:  # a list, or nothing
        return _value(lists[0], value, source, where)
    if float in choices and int not in choices and type(value) is int:
        return float(value)
    if Path in choices and str not in choices and isinstance(value, str):
        return Path(value)
    if not any(isinstance(value, Path) if k is Path else type(value) is k for k in choices):
        name = " or ".join("str" if k is Path else k.__name__ for k in choices)
        raise source.refuse(f"{source.place(where)} must be {name}, got {value!r}")
    return value


def _list(kinds: tuple[Any, ...], value: Any, source: Source, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise source.refuse(f"{source.place(where)} must be a list, got {value!r}")
    if kinds[-1] is not Ellipsis and len(kinds) != len(value):
        raise source.refuse(f"{source.place(where)} must have {len(kinds)} entries, got {value!r}")
    return tuple(_value(kinds[0], v, source, f"{where}.{i}") for i, v in enumerate(value))


def _check_choice(choices: tuple[Any, ...], value: Any, source: Source, where: str) -> Any:
    if value not in choices:
        names = ", ".join(map(repr, choices))
        raise source.refuse(f"{source.place(where)} must be one of {names}, got {value!r}")
    return value


def _check_range(number: int | float, bounds: Range, source: Source, where: str) -> int | float:
    if not bounds.low <= number <= bounds.high:  # also refuses nan
        raise source.refuse(
            f"{source.place(where)} must be between {bounds.low:.10g} and {bounds.high:.10g}, "
            f"got {number}"
        )
    return number
