"""The command line: arguments to calls, errors to exit codes, progress bars."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: all well; some or all inputs failed; called wrongly; stopped by Ctrl-C."""

_SMALL_MATRICES = ("image", "archive", "film", "bench", "serve", "worker")
"""Commands whose products of matrices are all 3 × 3 to n, strip by strip, in threads of our own."""

_ENDED_AT_ONCE = ("image", "film", "serve", "worker")
"""Commands that Python does not take apart. The first two may be over in a second, of which that
would be a tenth; the others have threads, which it would end within compiled code: that aborts."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``photochrom`` with these arguments (those of the process unless given).

    Returns the exit code. Imports wait until here, so that Ctrl-C is told politely from the
    first moment on.
    """
    command, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if command in _SMALL_MATRICES:
        # Read when NumPy is imported. Threads of OpenBLAS would wait for each other in busy loops.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    collects = gc.isenabled()
    gc.disable()  # until the command is imported: all that imports make stays
    try:
        from photochrom.cli.ahead import load_ahead

        load_ahead(command, rest)
        from photochrom.cli.app import run

        code = run(arguments)
    except (KeyboardInterrupt, Exception) as error:
        if not _is_interrupt(error):
            raise
        if sys.stderr is not None:
            sys.stderr.write("\nInterrupted.\n")
        code = INTERRUPTED
    finally:
        if collects:
            gc.enable()
    if arguments is None and command in _ENDED_AT_ONCE:
        _end_process(code)
    return code


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether it is Ctrl-C, or what an import makes of it: a compiled module an ImportError, Python
    until 3.11 a RuntimeError while a class is made.
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None


def _end_process(code: int) -> None:
    """End this process with an exit code, its memory as it is; the system frees it in one go.

    Nothing is left to be done: what a thread may still be at is of no use to anybody, and what was
    registered for the end is called. Returns where a stream cannot be written to its end, which
    Python then tells in its own way.
    """
    import atexit

    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return
    atexit._run_exitfuncs()
    os._exit(code)
