"""What people see while pictures are coloured: on stderr, so that stdout stays with programs."""

from __future__ import annotations

from collections import Counter
from types import TracebackType

from photochrom.batch import Outcome, Status
from photochrom.cli.messages import Bar, complain, note

_SUMMARY: dict[Status, str] = {
    "coloured": "coloured",
    "restored": "mended",
    "undamaged": "copied without damage",
    "finished": "finished before",
    "in colour": "in colour already",
    "left out": "left out",
    "failed": "failed",
}


def outcome_record(outcome: Outcome) -> dict[str, object]:
    """An outcome for programs, as ``--json`` prints it."""
    height, width = outcome.size or (None, None)
    is_there = outcome.status in ("coloured", "restored", "undamaged", "finished")
    return {
        "input": str(outcome.job.source),
        "output": str(outcome.job.target) if is_there else None,
        "status": outcome.status,
        "variant": outcome.job.variant.name,
        "page": outcome.job.page,
        "message": outcome.message,
        "notes": outcome.notes,
        "restored": [finding._asdict() for finding in outcome.findings],
        "references": [
            {
                "name": score.name,
                "agreement": round(score.agreement, 4),
                "same_scene": score.is_same_scene,
            }
            for score in outcome.references
        ],
        "width": width,
        "height": height,
        "model": outcome.model or None,
        "device": outcome.device or None,
        "seconds": round(outcome.seconds, 3),
    }


class Reporter:
    """Reports outcomes line by line, with a progress bar where a person watches many.

    A context manager; on leaving it, a summary is printed.
    """

    def __init__(self, total: int) -> None:
        self.counts: Counter[Status] = Counter()
        self._total = total
        self._device = ""
        self._bar: Bar | None = None
        self._left_out: Counter[tuple[str, str]] = Counter()

    def __enter__(self) -> Reporter:
        if self._total > 1:
            self._bar = Bar(total=self._total)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        if (self._total > 1 or self._left_out) and self.counts:
            parts = [f"{self.counts[s]} {text}" for s, text in _SUMMARY.items() if self.counts[s]]
            note(f"{', '.join(parts)}.")
        for (ending, reason), count in sorted(self._left_out.items()):
            note(f"  left out: {count} x {ending}: {reason}")
        if kind is KeyboardInterrupt and self._total > 1:
            note("Finished pictures are kept; the same call goes on with the others.")

    def report(self, outcome: Outcome) -> None:
        """Say what became of one picture."""
        self.counts[outcome.status] += 1
        if outcome.status == "left out":
            job = outcome.job
            self._left_out[job.source.suffix.lower() or "(no ending)", job.skip_reason] += 1
            return
        if outcome.device and outcome.device != self._device:
            self._device = outcome.device
            note(f"{outcome.model} on {outcome.device}")
        if outcome.status == "coloured":
            note(f"{outcome.job.source} -> {outcome.job.target} ({outcome.seconds:.1f} s)")
        elif outcome.status == "restored":
            note(f"{outcome.job.source} -> {outcome.job.target}: {outcome.message}")
        elif outcome.status == "undamaged":
            note(f"{outcome.job.source} -> {outcome.job.target}: no damage found, as it was")
        elif outcome.status == "failed":
            complain(f"Error: {outcome.message}")
        else:
            note(f"Skipped: {outcome.message}")
        for text in outcome.notes:
            note(f"  note: {text}")
        if self._bar is not None:
            self._bar.advance()
