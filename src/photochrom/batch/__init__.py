"""Colouring picture files, one or a hundred thousand: what becomes what, and getting it done."""

from __future__ import annotations

from photochrom.batch.pipe import PIPE, color_stream
from photochrom.batch.plan import MARK, RESTORED_MARK, Job, plan
from photochrom.batch.restore import RestoreOptions, restore_files, restore_stream
from photochrom.batch.run import DEFAULT_JOBS, BatchOptions, Outcome, Status, color_files
from photochrom.color.smoothing import SMOOTHINGS, Smoothing, check_smoothing

__all__ = [
    "DEFAULT_JOBS",
    "MARK",
    "PIPE",
    "RESTORED_MARK",
    "SMOOTHINGS",
    "BatchOptions",
    "Job",
    "Outcome",
    "RestoreOptions",
    "Smoothing",
    "Status",
    "check_smoothing",
    "color_files",
    "color_stream",
    "plan",
    "restore_files",
    "restore_stream",
]
