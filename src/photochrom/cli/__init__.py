"""The command line: arguments to calls, errors to exit codes, progress bars."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: all well; some or all inputs failed; called wrongly; stopped by Ctrl-C."""

_SMALL_MATRICES = ("image", "archive", "film", "bench", "serve", "worker")
"""Commands whose products of matrices are all 3 × 3 to n, strip by strip, in threads of our own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``photochrom`` with these arguments (those of the process unless given).

    Returns the exit code. Imports wait until here, so that Ctrl-C is told politely from the
    first moment on.
    """
    if next(iter(sys.argv[1:] if arguments is None else arguments), None) in _SMALL_MATRICES:
        # Read when NumPy is imported. Threads of OpenBLAS would wait for each other in busy loops.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from photochrom.cli.app import run

        return run(arguments)
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write("\nInterrupted.\n")
        return INTERRUPTED
