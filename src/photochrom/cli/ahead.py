"""What a command needs for certain, begun before the command itself is imported.

The command line is looked at, not parsed: what is guessed wrong is loaded in vain, and nothing
else comes of it.
"""

from __future__ import annotations

from collections.abc import Sequence

_COMMANDS = frozenset({"image"})
"""Those that ask the network for every picture and are started for one."""
_OTHERWISE = frozenset({"-h", "--help", "--blend", "--confidence"})
"""With these no network is needed, or another one."""


def load_ahead(command: str, arguments: Sequence[str]) -> None:
    """Begin to load the network of a command. arguments: those behind its name."""
    if command not in _COMMANDS or not arguments or _OTHERWISE & set(arguments):
        return
    from photochrom import engine

    model = _option(arguments, "--model", engine.DEFAULT_MODEL)
    if ":" not in model:  # a download belongs to the main thread, where Ctrl-C stops it
        device = _option(arguments, "--device", "auto")
        engine.load_ahead(model, device=device, confidence="none")


def _option(arguments: Sequence[str], name: str, default: str) -> str:
    """The last value of an option."""
    value = default
    for argument, following in zip(arguments, (*arguments[1:], ""), strict=True):
        if argument == name:
            value = following
        elif argument.startswith(f"{name}="):
            value = argument.partition("=")[2]
    return value
