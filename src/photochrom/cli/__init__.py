"""The command line: arguments to calls, errors to exit codes, progress bars."""

from __future__ import annotations

import sys
from collections.abc import Sequence

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: all well; some or all inputs failed; called wrongly; stopped by Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``photochrom`` with these arguments (those of the process unless given).

    Returns the exit code. Imports wait until here, so that Ctrl-C is told politely from the
    first moment on.
    """
    try:
        from photochrom.cli.app import run

        return run(arguments)
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write("\nInterrupted.\n")
        return INTERRUPTED
