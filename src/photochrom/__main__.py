"""``python -m photochrom`` is the command ``photochrom``."""

from __future__ import annotations

import sys

from photochrom.cli import main

if __name__ == "__main__":
    sys.exit(main())
