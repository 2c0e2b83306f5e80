"""Is it in colour? How often `photochrom.color.tone` is right, by kinds of pictures, as a table.

    python benchmarks/tone_table.py                to look at
    python benchmarks/tone_table.py --write        into docs/tones.md

The pictures are those of tests/fixtures/tones.py: drawn, or made of photographs that come with
scikit-image, scikit-learn and Matplotlib, each kind in three grades of strength.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tones.md"
HEAD = """# Is it in colour?

`photochrom image` leaves photographs alone that are in colour already. A print is to be coloured
whatever it is toned with, lies on, or has written on it; places of it that are truly coloured keep
their colours (`--no-keep-colors` colours them, too, and `--force` colours everything).

Measured on {count} pictures of {kinds} kinds, each in three grades from weak to strong, by
`python benchmarks/tone_table.py --write`. {right:.1f} % are judged rightly; the least of any kind
is {least:.0f} %. *Coloured* is right for prints and for grey pictures with coloured places,
*left alone* for colour photographs.

"""


def main() -> None:
    """Judge every picture, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write docs/tones.md")
    parser.add_argument("--photographs", type=int, default=8, help="of each kind and grade")
    arguments = parser.parse_args()
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]
    from fixtures.tones import samples

    from photochrom.color.own_colors import keeps_places
    from photochrom.color.tone import judge

    table: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for sample in samples(arguments.photographs):
        judgement = judge(sample.pixels)
        answer = "left alone" if judgement.tone == "colour" else "coloured"
        if answer == "coloured" and keeps_places(judgement):
            answer = "coloured, places kept"
        table[sample.label, sample.kind][answer] += 1
    answers = ("coloured", "coloured, places kept", "left alone")
    lines, rights = [], []
    for (label, kind), counts in table.items():
        total = sum(counts.values())
        left = counts["left alone"]
        rights.append((left if label == "colour" else total - left, total))
        share = 100 * rights[-1][0] / total
        cells = " | ".join(str(counts[answer]) for answer in answers)
        lines.append(f"| {kind} | {label} | {cells} | {share:.0f} % |")
    head = HEAD.format(
        count=sum(total for _, total in rights),
        kinds=len(rights),
        right=100 * sum(right for right, _ in rights) / sum(total for _, total in rights),
        least=min(100 * right / total for right, total in rights),
    )
    page = head + "\n".join(
        [
            "| kind | what it is | coloured | coloured, places kept | left alone | right |",
            "| --- | --- | --- | --- | --- | --- |",
            *lines,
            "",
        ]
    )
    if arguments.write:
        PAGE.write_text(page, encoding="utf-8")
    else:
        print(page)


if __name__ == "__main__":
    main()
