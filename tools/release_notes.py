"""What the changelog says about a version, for its release page.

python tools/release_notes.py 0.1.0        exit code 1 where the changelog has no such section
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"


def section(changelog: str, version: str) -> str | None:
    """The text below ``## VERSION (DATE)``; None where there is none, or it is not released."""
    heading = re.compile(rf"^## {re.escape(version)}(?: \((?P<when>[^)]*)\))?\n", re.MULTILINE)
    match = heading.search(changelog)
    if match is None or match["when"] == "not released":
        return None
    return re.split(r"^## ", changelog[match.end() :], maxsplit=1, flags=re.MULTILINE)[0].strip()


def main() -> int:
    """Print the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version")
    version = parser.parse_args().version
    text = section(CHANGELOG.read_text(encoding="utf-8"), version)
    if text is None:
        message = f"{CHANGELOG.name} has no section of {version} with its date; write it first"
        print(message, file=sys.stderr)
        return 1
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
