"""What a command needs for certain, begun before the command itself is imported.

The command line is looked at, not parsed: what is guessed wrong is loaded in vain, and nothing
else comes of it.
"""

from __future__ import annotations

import os.path
from collections.abc import Sequence

from photochrom.processors import thread_count

_COMMANDS = frozenset({"image", "film"})
"""Those that ask the network for every picture and are started for one."""
_OTHERWISE = frozenset({"-h", "--help", "--blend", "--confidence", "--faces"})
"""With these no network is needed, or another one."""
_FOLDERS = frozenset({"-o", "--out", "--match", "--reference-from"})
"""Options whose value may be a folder that is not coloured."""


def load_ahead(command: str, arguments: Sequence[str]) -> None:
    """Begin to load the network of a command. arguments: those behind its name."""
    if command not in _COMMANDS or not arguments or _OTHERWISE & set(arguments):
        return
    from photochrom import engine

    usual = engine.FILM_MODEL if command == "film" else engine.DEFAULT_MODEL
    model = _option(arguments, "--model", usual)
    if _option(arguments, "--threads", ""):
        return
    if ":" not in model:  # a download belongs to the main thread, where Ctrl-C stops it
        device = _option(arguments, "--device", "auto")
        callers = 1 if command == "film" else _callers(arguments)
        engine.load_ahead(model, device=device, callers=callers, confidence="none")


def _callers(arguments: Sequence[str]) -> int:
    """How many pictures will be in flight: one, or of several as many as by default."""
    paths = 0
    for option, argument in zip(("", *arguments), arguments, strict=False):
        if argument.startswith("-") or option in _FOLDERS:
            continue
        paths += 2 if os.path.isdir(argument) else not option.startswith("-")  # noqa: PTH112
    jobs = _option(arguments, "--jobs", str(thread_count(2)))
    return int(jobs) if paths > 1 and jobs.isdecimal() else 1


def _option(arguments: Sequence[str], name: str, default: str) -> str:
    """The last value of an option."""
    value = default
    for argument, following in zip(arguments, (*arguments[1:], ""), strict=True):
        if argument == name:
            value = following
        elif argument.startswith(f"{name}="):
            value = argument.partition("=")[2]
    return value
