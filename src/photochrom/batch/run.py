"""Colouring files: several pictures in flight, one failure at a time, nothing half written."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, TypeVar

from photochrom.atomic import check_target, make_folder, remove_leftovers
from photochrom.batch.plan import Job, is_folder
from photochrom.color.look import DEFAULT_STRENGTH, Look, Match, common_look
from photochrom.color.own_colors import keeps_places
from photochrom.color.smoothing import Smoothing
from photochrom.color.tone import ToneJudgement, judge
from photochrom.damage import DEFAULT_DAMAGE_POLICY, DamagePolicy
from photochrom.engine import (
    ConfidenceDetail,
    ModelCard,
    ModelIdentity,
    Network,
    load,
    local_model,
    model_identity,
)
from photochrom.errors import InputError, OutputError, PhotochromError
from photochrom.guided.notes import clip_notes, spread_notes
from photochrom.hints import ColorHint
from photochrom.imageio import (
    DEFAULT_MAX_PIXELS,
    Picture,
    Source,
    is_transparent,
    read,
    read_generator,
    with_one_channel,
    write,
    writing_notes,
)
from photochrom.pipeline import (
    NO_SHIFT,
    Guide,
    NetworkSettings,
    Spread,
    WhiteBalance,
    guessed_look,
)
from photochrom.processors import limit_threads, share_size, thread_count
from photochrom.restoration import Kind
from photochrom.variants import CONFIDENCE, VARIANTS, Variant, colorize_variant, confidence_picture

if TYPE_CHECKING:
    from photochrom.guided.alternatives import AlternativeMaker
    from photochrom.guided.color_file import ColorFile
    from photochrom.guided.reference import ReferenceGuide, ReferenceScore
    from photochrom.guided.reference_files import ReferenceFiles
    from photochrom.restoration.repair import Finding, Restoration

Status: TypeAlias = Literal[
    "coloured", "restored", "undamaged", "finished", "in colour", "left out", "failed"
]
"""Coloured now; mended now, and not coloured; copied, since there was nothing to mend; was finished
before; had colours and was left alone; is in a folder and no picture; could not be coloured, or
mended."""

DEFAULT_JOBS = thread_count(2)
"""Pictures in flight. With two, one is decoded or encoded while the other is coloured: 11 % sooner
for pictures of 1 MP, no difference at 12 MP (2 cores). They share the processors, so more only need
more memory."""

_Job = TypeVar("_Job")
_Outcome = TypeVar("_Outcome")
_log = logging.getLogger(__name__)
_PATIENCE_S = 0.5
_KEPT_COLORS = (
    "it is grey but for some places, which keep their colours; --no-keep-colors colours them anew"
)


@dataclass(frozen=True)
class BatchOptions(NetworkSettings):
    """How files are coloured."""

    hints: tuple[ColorHint, ...] = ()
    """For one picture; where they overlap, the later one counts."""
    white_balance: WhiteBalance = NO_SHIFT
    spread: Spread = "auto"
    smooth: Smoothing = "none"
    overwrite: bool = False
    """Colour again what is finished."""
    keep_finished: bool = False
    """Colour the others also where what is finished is of another model."""
    force: bool = False
    """Colour also what is in colour already, and coloured places of grey pictures."""
    keep_colors: bool = True
    """Coloured places of otherwise grey pictures keep their colours."""
    max_pixels: int = DEFAULT_MAX_PIXELS
    damage: DamagePolicy = DEFAULT_DAMAGE_POLICY
    page: int | None = None
    """Number of the picture in files of several, from 1; None: the first."""
    keep_time: bool = False
    """Give results the times of their files."""
    references: tuple[Path, ...] = ()
    """Pictures in colours, which give theirs to what shows the same."""
    reference_folder: Path | None = None
    """In place of `references`: a folder of which each picture gets the best one."""
    color_file: Path | None = None
    """Saved colours and their accepted places, which are hints before `hints`."""
    alternatives: int = 1
    """Versions of each picture, with the network's own answer."""
    match: tuple[Path, ...] | Literal["series"] = ()
    """Pictures in colours, and folders of them, whose common look all get; or that of all that are
    coloured now or were before, as the network has them."""
    match_strength: float = DEFAULT_STRENGTH
    """Which share of the way to that look, [0, 1]."""
    restore: bool | tuple[Kind, ...] = False
    """Whether damage is mended before a picture is coloured, or which kinds of it."""


@dataclass(frozen=True)
class Outcome:
    """What became of one job."""

    job: Job
    status: Status
    message: str = ""
    """Why it failed or was left alone; empty when it was coloured."""
    notes: tuple[str, ...] = ()
    """What the file had that its result has not."""
    size: tuple[int, int] | None = None
    """Height and width, px."""
    model: str = ""
    """Which coloured it, now or, where that is known, before: name and version."""
    device: str = ""
    seconds: float = 0.0
    references: tuple[ReferenceScore, ...] = ()
    """How much of the picture each reference shows, the best first."""
    findings: tuple[Finding, ...] = ()
    """What was mended."""


def color_files(
    jobs: Sequence[Job], options: BatchOptions, *, in_flight: int = DEFAULT_JOBS
) -> Iterator[Outcome]:
    """Colour files and tell what became of each, as they are done.

    What is finished already is skipped, a failure concerns one file only. When the caller stops
    early (or Ctrl-C stops it), files that are being written are still completed: all work is done
    in threads, which Ctrl-C does not reach.
    Raises ModelError when the model cannot be used at all, OutputError where what is finished is
    of another model, and others are to be coloured beside it without `keep_finished`.
    """
    for folder in {job.target.parent for job in jobs}:
        remove_leftovers(folder)
    waiting: list[Job] = []
    known: list[Outcome] = []
    makers: dict[Path, ModelIdentity] = {}
    for job in jobs:
        outcome = known_outcome(job, "colours", overwrite=options.overwrite)
        if outcome is None:
            waiting.append(job)
            continue
        maker = _maker(outcome.job.target) if outcome.status == "finished" else None
        if maker is not None:
            makers[outcome.job.target] = maker
            outcome = dataclasses.replace(outcome, model=maker.title)
        known.append(outcome)
    if waiting and makers and not options.keep_finished:
        _check_makers(makers, options)
    yield from known
    if waiting:
        yield from _color_in_threads(waiting, jobs, options, in_flight)


def _check_makers(makers: Mapping[Path, ModelIdentity], options: BatchOptions) -> None:
    """Raise OutputError where a finished picture has the colours of another model."""
    now = model_identity(local_model(options.model))
    others = {target: maker for target, maker in makers.items() if not maker.is_same(now)}
    if not others:
        return
    titles = sorted({maker.title for maker in others.values()})
    what = " and ".join(titles) if titles != [now.title] else f"another {now.title}"
    raise OutputError(
        f"{len(others)} of {len(makers)} finished pictures were coloured by {what}, such as "
        f"{next(iter(others))}, and this is {now.title}; --overwrite colours them again, "
        "--keep-finished keeps them and goes on beside them"
    )


def _maker(path: Path) -> ModelIdentity | None:
    """The model that coloured a file, by the file's mark; None where it has none of ours."""
    generator = read_generator(path)
    return None if generator is None else ModelIdentity.parse(generator)


def read_picture(
    source: Source, options: BatchOptions, *, name: str = "", page: int | None = None
) -> Picture:
    """A picture as it is coloured. source, name: as for `photochrom.imageio.read`. page: in place
    of the options' own. Raises InputError, MissingDependencyError.
    """
    picture = read(
        source,
        name=name,
        max_pixels=options.max_pixels,
        damage=options.damage,
        page=options.page if page is None else page,
    )
    return with_one_channel(picture)


def judge_tone(picture: Picture, options: BatchOptions) -> ToneJudgement | None:
    """Whether a picture is in colour already, and then is left alone; and its coloured places.

    None where nobody asks: everything is coloured.
    """
    return None if options.force else judge(picture.pixels)


def color_notes(
    picture: Picture,
    judgement: ToneJudgement | None,
    options: BatchOptions,
    card: ModelCard,
    guide: Guide | None,
) -> tuple[str, ...]:
    """The notes on a picture's colours: those that it keeps, how they spread, what cannot be had.

    card: of the model. guide: as for `color_picture`.
    """
    kept = judgement is not None and options.keep_colors and keeps_places(judgement)
    notes = spread_notes(picture.pixels, options.hints, options.spread, card, guide)
    notes += clip_notes(picture.pixels, options.hints)
    return ((_KEPT_COLORS,) if kept else ()) + notes


def color_picture(
    picture: Picture,
    options: BatchOptions,
    network: Network,
    name: str,
    variant: Variant = VARIANTS[0],
    keep: ToneJudgement | None = None,
    guide: Guide | None = None,
    match: Match | None = None,
) -> Picture:
    """The picture in colour, signed by the model. name: what messages call it. keep: its tone.

    guide, match: as for `photochrom.pipeline.colorize`.
    """
    try:
        if variant == CONFIDENCE:
            sure = confidence_picture(picture.pixels, network, options.size)
            return dataclasses.replace(picture, pixels=sure)
        rgb = colorize_variant(
            picture.pixels,
            variant,
            network,
            size=options.size,
            vividness=options.vividness,
            hints=options.hints,
            keep=keep if options.keep_colors else None,
            white_balance=options.white_balance,
            spread=options.spread,
            smooth=options.smooth,
            guide=guide,
            match=match,
        )
    except PhotochromError as error:
        raise type(error)(f"cannot colour {name}: {error}") from error
    return dataclasses.replace(picture, pixels=rgb, generator=network.identity.signature)


def restore_picture(
    picture: Picture, kinds: bool | tuple[Kind, ...]
) -> tuple[Picture, Restoration | None]:
    """A picture without damage of these kinds, and what was mended; None where nobody asks."""
    if kinds is False or kinds == ():
        return picture, None
    from photochrom.restoration.repair import restore_pixels

    done = restore_pixels(picture.pixels, None if kinds is True else kinds)
    return dataclasses.replace(picture, pixels=done.pixels), done


def restoration_notes(done: Restoration | None) -> tuple[str, ...]:
    """What was mended of one picture before it was coloured."""
    return (f"mended before: {done.description}",) if done is not None and done.findings else ()


def _color_in_threads(
    jobs: Sequence[Job], series: Sequence[Job], options: BatchOptions, in_flight: int
) -> Iterator[Outcome]:
    """series: the jobs with those that are finished, which have a look in common."""
    # A download belongs to this thread, where Ctrl-C can stop it; and so does what looks through
    # many pictures before the first one is coloured.
    model = local_model(options.model)
    confidence: ConfidenceDetail = (
        "full" if any(job.variant == CONFIDENCE for job in jobs) else "none"
    )
    sharers = min(in_flight, len(jobs))
    load = partial(load_tools, model, options, series, callers=sharers, confidence=confidence)
    tools: Future[Tools] = Future()
    if options.match or options.reference_folder is not None:
        tools.set_result(load())
    pool = ThreadPoolExecutor(in_flight + 1)
    if not tools.done():
        tools = pool.submit(load)

    def check() -> None:
        if tools.done():
            tools.result()

    def work(job: Job) -> Outcome:
        with limit_threads(share_size(sharers)):
            return guarded_outcome(job, lambda: _color(job, options, tools), "coloured")

    yield from work_in_threads(pool, jobs, work, in_flight, check)


def work_in_threads(
    pool: ThreadPoolExecutor,
    jobs: Iterable[_Job],
    work: Callable[[_Job], _Outcome],
    in_flight: int,
    check: Callable[[], None] = lambda: None,
) -> Iterator[_Outcome]:
    """The outcomes of jobs, as they are done, some of them at the same time; then the pool is over.

    jobs: taken as there is room for them.

    check: called now and then; what it raises ends the work.
    """
    try:
        todo = iter(jobs)
        running: set[Future[_Outcome]] = set()
        while True:
            for job in itertools.islice(todo, in_flight - len(running)):
                running.add(pool.submit(work, job))
            if not running:
                return
            # On Windows, Ctrl-C is not seen while waiting: wait a little at a time.
            done, running = wait(running, timeout=_PATIENCE_S, return_when=FIRST_COMPLETED)
            check()
            for outcome in done:
                yield outcome.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class Tools(NamedTuple):
    """What all pictures share; make them with `load_tools`."""

    network: Network
    references: ReferenceFiles | None
    alternatives: AlternativeMaker | None
    colors: ColorFile | None
    match: Match | None


def load_tools(
    model: str | Path,
    options: BatchOptions,
    series: Sequence[Job] = (),
    *,
    callers: int = 1,
    confidence: ConfidenceDetail = "none",
) -> Tools:
    """The network, and what the options name beside it. model: as `local_model` returns it.

    series: jobs that have a look in common, where the options match that. callers, confidence: as
    for `photochrom.engine.load`.
    Raises ModelError, and InputError for references, albums and saved colours that cannot be used.
    """
    network = load(
        model,
        device=options.device,
        threads=options.threads,
        callers=callers,
        confidence=confidence,
    )
    maker = colors = None
    if options.alternatives > 1:
        from photochrom.guided.alternatives import AlternativeMaker

        maker = AlternativeMaker(network, threads=options.threads)
    if options.color_file is not None:
        from photochrom.guided.color_file import ColorFile

        colors = ColorFile(options.color_file)
    references = load_references(network, options)
    return Tools(network, references, maker, colors, load_match(network, options, series))


def load_match(network: Network, options: BatchOptions, series: Sequence[Job]) -> Match | None:
    """The look that the options name; None where they name none.

    Raises InputError as `album_look`, and where no picture of the series can be coloured.
    """
    if options.match == ():
        return None
    if options.match != "series":
        from photochrom.guided.look_files import album_look

        return Match(album_look(options.match), options.match_strength)
    pages = {(job.source, job.page): job for job in series if not job.skip_reason}
    looks = [_series_look(job, network, options) for job in pages.values()]
    known = [look for look in looks if look is not None]
    if not known:
        raise InputError("no picture of the series can be coloured, so it has no look in common")
    return Match(common_look(known), options.match_strength)


def _series_look(job: Job, network: Network, options: BatchOptions) -> Look | None:
    """The look that a picture of a series would get by itself; None where it is left alone.

    What is wrong with its file is told when it is coloured.
    """
    page = options.page if job.page is None else job.page
    try:
        picture = read(job.source, max_pixels=options.max_pixels, damage=options.damage, page=page)
        judgement = judge_tone(picture, options)
        if judgement is not None and judgement.tone == "colour":
            return None
        picture, _ = restore_picture(picture, options.restore)
        return guessed_look(picture.pixels, network, size=options.size, vividness=options.vividness)
    except PhotochromError as error:
        _log.info("no part of the series: %s", error)
        return None


def load_references(network: Network, options: BatchOptions) -> ReferenceFiles | None:
    """The references that the options name; None where they name none.

    Raises InputError where one cannot be read or has no colours.
    """
    if not options.references and options.reference_folder is None:
        return None
    from photochrom.guided.reference_files import ReferenceFiles

    return ReferenceFiles(
        network, options.references, options.reference_folder, threads=options.threads
    )


def reference_notes(guide: ReferenceGuide | None) -> tuple[str, ...]:
    """What became of the references of one picture."""
    if guide is None or not guide.scores:
        return ()
    best = guide.scores[0]
    if not best.is_same_scene:
        return (
            f"nothing in it matches a reference (best: {_percent(best)}); they gave no colours",
        )
    used = [_percent(score) for score in guide.scores if score.is_same_scene]
    return (f"it has colours of {', '.join(used[:1] if guide.best_alone else used)}",)


def _percent(score: ReferenceScore) -> str:
    return f"{score.name}, which shows {score.agreement:.0%} of it"


def known_outcome(job: Job, again: str, *, overwrite: bool) -> Outcome | None:
    """The outcome of a job that need not be started. again: what overwriting does once more."""
    if job.problem is not None:
        return Outcome(job, "failed", str(job.problem))
    if job.skip_reason:
        return Outcome(job, "left out", f"{job.source} was left out: {job.skip_reason}")
    if overwrite or not _is_file(job.source):
        return None
    for target in (job.target, job.transparent_target):
        if target is not None and _is_file(target):
            job = dataclasses.replace(job, target=target)
            return Outcome(job, "finished", f"{target} exists; --overwrite {again} it again")
    return None


def _is_file(path: Path) -> bool:
    """Whether there is such a file; where the system refuses to say, trying it will tell why."""
    try:
        return path.is_file()
    except OSError:
        return False


def guarded_outcome(job: Job, work: Callable[[], Outcome], goal: str) -> Outcome:
    """Work on one file; whatever goes wrong concerns this file alone. goal: "coloured"."""
    start = time.perf_counter()
    try:
        outcome = work()
    except PhotochromError as error:
        outcome = Outcome(job, "failed", str(error))
    except Exception as error:  # noqa: BLE001  # told, and a night's work goes on
        _log.debug("where the error of %s came from", job.source, exc_info=error)
        outcome = Outcome(job, "failed", failure_message(job, error, goal))
    return dataclasses.replace(outcome, seconds=time.perf_counter() - start)


def failure_message(job: Job, error: Exception, goal: str) -> str:
    """What people can make of an error that is none of ours. goal: as of `guarded_outcome`."""
    if isinstance(error, MemoryError) or "Insufficient memory" in str(error):  # OpenCV's own error
        return (
            f"{job.source} needs more memory than there is; close other programs, or try it with "
            "--jobs 1"
        )
    if isinstance(error, OSError):
        return f"{job.source} could not be {goal}: {error.strerror or error}"
    return (
        f"{job.source} could not be {goal}, by a mistake in photochrom "
        f"({type(error).__name__}: {error}); please report it"
    )


def _color(job: Job, options: BatchOptions, tools: Future[Tools]) -> Outcome:
    meanwhile = known_outcome(job, "colours", overwrite=options.overwrite)
    if meanwhile is not None:  # another run has finished it
        return meanwhile
    check_place(job, overwrite=options.overwrite)
    _log.debug("reading %s", job.source)
    picture = read_picture(job.source, options, page=job.page)
    judgement = judge_tone(picture, options)
    if judgement is not None and judgement.tone == "colour":
        return Outcome(job, "in colour", f"{job.source} is in colour already; --force colours it")
    if job.transparent_target is not None and is_transparent(picture):
        job = dataclasses.replace(job, target=job.transparent_target)
        check_place(job, overwrite=options.overwrite)
    height, width = picture.pixels.shape[:2]
    _log.debug("colouring %s, %d x %d px %s", job.source, width, height, picture.pixels.dtype)
    ready = tools.result()
    done = color_with_tools(
        picture, judgement, options, ready, source=job.source, variant=job.variant, page=job.page
    )
    _log.debug("writing %s", job.target)
    make_folder(job.target.parent)
    write(job.target, done.picture, overwrite=options.overwrite)
    notes = done.notes + writing_notes(job.target, picture)
    if options.keep_time:
        notes += copy_times(job.source, job.target)
    return Outcome(
        job,
        "coloured",
        notes=notes,
        size=(height, width),
        model=ready.network.card.title,
        device=ready.network.device,
        references=done.references,
        findings=done.findings,
    )


class ColoredPicture(NamedTuple):
    """One picture in colour, and what is to be said of it."""

    picture: Picture
    notes: tuple[str, ...]
    """All but those on what its file cannot hold."""
    references: tuple[ReferenceScore, ...]
    findings: tuple[Finding, ...]


def color_with_tools(
    picture: Picture,
    judgement: ToneJudgement | None,
    options: BatchOptions,
    tools: Tools,
    *,
    source: Path,
    variant: Variant = VARIANTS[0],
    page: int | None = None,
) -> ColoredPicture:
    """Mend and colour one picture as the options say: what every way of colouring files does.

    judgement: of `judge_tone`. source: what messages call it, and where saved colours know it.
    page: in place of the options' own; saved colours are of the first.
    Raises InputError, ModelError.
    """
    picture, mended = restore_picture(picture, options.restore)
    network, references, maker, colors, match = tools
    if colors is not None and (page or options.page or 1) == 1:
        options = dataclasses.replace(options, hints=(*colors.hints(source), *options.hints))
    matched = None if references is None else references.guide()
    guide: Guide | None = matched
    if maker is not None and variant.alternative is not None:
        guide = maker.guide(variant.alternative, options.alternatives, vividness=options.vividness)
    colored = color_picture(
        picture, options, network, str(source), variant, judgement, guide, match
    )
    notes = picture.notes + restoration_notes(mended)
    notes += color_notes(picture, judgement, options, network.card, guide)
    notes += reference_notes(matched)
    return ColoredPicture(
        colored,
        notes,
        () if matched is None else matched.scores,
        () if mended is None else mended.findings,
    )


def copy_times(source: Path, target: Path) -> tuple[str, ...]:
    """Give a result the times of its file; returns the note where the system does not let us."""
    try:
        status = source.stat()
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    except OSError as error:
        return (f"its times could not be kept: {error.strerror or error}",)
    return ()


def check_place(job: Job, *, overwrite: bool) -> None:
    """Raise OutputError before any work is done, where the result could not be kept."""
    folder = job.target.parent
    if not is_folder(folder):  # it is made once there is something to put into it
        above = next((place for place in folder.parents if is_folder(place)), folder)
        if not os.access(above, os.W_OK):
            raise OutputError(
                f"the folder {folder} cannot be made: {above} is not writable; give another to -o"
            )
        return
    check_target(job.target, overwrite=overwrite)
    if job.target.exists() and job.source.exists() and job.target.samefile(job.source):
        raise OutputError(
            f"{job.target} is the input {job.source} itself; give another output to -o"
        )
