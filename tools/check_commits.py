"""Are the subjects of commits `room: what changed`, in at most 72 characters?

    python tools/check_commits.py [COMMIT]      those after COMMIT; exit code 1 if any is not

`git log --oneline` is then a table of contents, and `git log --grep '^video:'` the history of one
room. What a line cannot say, and why, stands in the body. Older commits are left as they are, and
where their history is missing (a shallow clone, an unpacked archive) nothing is checked, and said.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SINCE = "029540bbefb929f0b00690477b87dfee6d5c4c14"
"""The last commit before the rule."""
LIMIT = 72
ROOMS = (
    # src/photochrom, one name for each package or module there; src is several at once
    *(
        "api",
        "archive",
        "atomic",
        "batch",
        "cli",
        "color",
        "engine",
        "errors",
        "evaluation",
        "imageio",
    ),
    *("damage", "downloads", "faces", "folders", "guided", "hints", "locks", "models_package"),
    *("nets", "pipeline"),
    *("pretrained", "processors", "restoration", "src", "style_transfer", "tables", "training"),
    *("variants", "video", "web"),
    # everything else
    *(
        "android",
        "benchmarks",
        "build",
        "changelog",
        "ci",
        "docs",
        "examples",
        "integrations",
        "packaging",
    ),
    *("readme", "recipes", "tests", "tools"),
)
"""What a subject may begin with. A room that is renamed keeps its old name here, too."""
_SUBJECT = re.compile(r"(?P<rooms>[a-z_-]+(?:, [a-z_-]+)*): \S.*")


class HistoryMissing(Exception):
    """The commits are not here; the message says why."""


def problem(subject: str) -> str | None:
    """What is wrong with a subject; None if nothing is."""
    match = _SUBJECT.fullmatch(subject)
    if match is None:
        return "is not `room: what changed`"
    unknown = [room for room in match["rooms"].split(", ") if room not in ROOMS]
    if unknown:
        return f"names no room: {', '.join(unknown)}; there are {', '.join(sorted(ROOMS))}"
    if len(subject) > LIMIT:
        return f"has {len(subject)} characters; at most {LIMIT} fit"
    if subject.endswith("."):
        return "ends with a full stop"
    return None


def commits(since: str, repository: Path) -> list[tuple[str, str]]:
    """(hash, subject) of each commit after `since`, merges left out, newest first.

    Raises HistoryMissing.
    """
    if shutil.which("git") is None:
        raise HistoryMissing("git is not installed")
    if _git(repository, "rev-parse", "--git-dir").returncode:
        raise HistoryMissing(f"{repository} is no git repository")
    if _git(repository, "merge-base", "--is-ancestor", since, "HEAD").returncode:
        raise HistoryMissing(f"the history here does not reach back to {since[:7]}")
    log = _git(repository, "log", "--no-merges", "--format=%H %s", f"{since}..HEAD")
    log.check_returncode()
    parts = (line.partition(" ") for line in log.stdout.splitlines())
    return [(commit, subject) for commit, _space, subject in parts]


def main() -> int:
    """Check, and tell on stderr."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("since", nargs="?", default=SINCE, metavar="COMMIT")
    parser.add_argument("--repository", type=Path, default=ROOT)
    arguments = parser.parse_args()
    try:
        found = commits(arguments.since, arguments.repository)
    except HistoryMissing as reason:
        print(f"Commit subjects: not checked; {reason}.")
        return 0
    wrong = [(commit, subject, fault) for commit, subject in found if (fault := problem(subject))]
    for commit, subject, fault in wrong:
        print(f"{commit[:7]} {subject!r} {fault}", file=sys.stderr)
    print(f"Commit subjects: {len(found)} checked, {len(wrong)} wrong.")
    return 1 if wrong else 0


def _git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)


if __name__ == "__main__":
    sys.exit(main())
