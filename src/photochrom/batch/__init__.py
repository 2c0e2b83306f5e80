"""Colouring picture files, one or a hundred thousand: what becomes what, and getting it done."""

from __future__ import annotations

from photochrom.batch.pipe import PIPE, color_stream
from photochrom.batch.plan import Job, plan
from photochrom.batch.run import DEFAULT_JOBS, BatchOptions, Outcome, Status, color_files

__all__ = [
    "DEFAULT_JOBS",
    "PIPE",
    "BatchOptions",
    "Job",
    "Outcome",
    "Status",
    "color_files",
    "color_stream",
    "plan",
]
