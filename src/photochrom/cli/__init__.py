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

_SHORT = ("image", "film")
"""Commands that may be over in a second, of which Python's own taking apart would be a tenth."""


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
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write("\nInterrupted.\n")
        return INTERRUPTED
    finally:
        if collects:
            gc.enable()
    if arguments is None and command in _SHORT:
        _end_process(code)
    return code


def _end_process(code: int) -> None:
    """End this process with an exit code, its memory as it is; the system frees it in one go.

    Nothing is left to be done: no thread is at work, and what was registered for the end is called.
    Returns where a stream cannot be written to its end, which Python then tells in its own way.
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
