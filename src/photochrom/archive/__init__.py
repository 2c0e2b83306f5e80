"""A hundred thousand scans, on one machine or a hundred: coloured once, provably, restartably."""

from __future__ import annotations

from photochrom.archive.cluster import ClusterEngine, ClusterOptions
from photochrom.archive.decisions import apply_decisions
from photochrom.archive.estimate import DEFAULT_SAMPLE, Estimate, estimate
from photochrom.archive.gallery import (
    DEFAULT_LIMIT,
    DEFAULT_SHARE,
    REASONS,
    find_doubts,
    write_gallery,
)
from photochrom.archive.local import LocalEngine
from photochrom.archive.manifest import (
    Counts,
    Manifest,
    Result,
    State,
    default_manifest,
    open_manifests,
)
from photochrom.archive.places import open_store
from photochrom.archive.provenance import SIGNING_ALGORITHMS, Provenance, SigningAlgorithm
from photochrom.archive.rows import write_rows
from photochrom.archive.run import (
    Engine,
    RunReport,
    prepare_run,
    run_archive,
    verify_originals,
)
from photochrom.archive.scan import parse_shard
from photochrom.archive.settings import ArchiveSettings
from photochrom.archive.stores import Entry, Store, listed_entries

__all__ = [
    "DEFAULT_LIMIT",
    "DEFAULT_SAMPLE",
    "DEFAULT_SHARE",
    "REASONS",
    "SIGNING_ALGORITHMS",
    "ArchiveSettings",
    "ClusterEngine",
    "ClusterOptions",
    "Counts",
    "Engine",
    "Entry",
    "Estimate",
    "LocalEngine",
    "Manifest",
    "Provenance",
    "Result",
    "RunReport",
    "SigningAlgorithm",
    "State",
    "Store",
    "apply_decisions",
    "default_manifest",
    "estimate",
    "find_doubts",
    "listed_entries",
    "open_manifests",
    "open_store",
    "parse_shard",
    "prepare_run",
    "run_archive",
    "verify_originals",
    "write_gallery",
    "write_rows",
]
