"""What films are written as: one row for each codec, and the containers that hold them.

A row is all that there is to know of a codec; the command line, the documentation and the contract
tests take it from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from photochrom.errors import OutputError

CONTAINERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
}
"""Suffix of the film to write: libav's name of its format."""
X264_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)

Options: TypeAlias = dict[str, str]
EncoderOptions: TypeAlias = Callable[["int | None", "str | None", int], Options]
"""crf, preset and threads (0: as many as the encoder likes) to libav's options of the encoder.
Nothing is left to its own version's taste that we choose."""


@dataclass(frozen=True)
class Codec:
    """A codec that films are written with."""

    encoder: str
    """libav's."""
    summary: str
    """What it is good for, to follow its name in the help: "plays everywhere"."""
    options: EncoderOptions
    crf: int | None = None
    """Its constant quality unless another is asked for; None: it has none."""
    crf_max: int = 0
    preset: str | None = None
    """Unless another is asked for; None: it has none."""
    presets: tuple[str, ...] = ()
    lossless: bool = False
    """Whether every code comes back as it was, without being asked to."""
    deterministic: bool = True
    """Whether the same frames always become the same bits."""
    even_sizes: bool = False
    """Whether it has no odd heights and widths."""
    sampling: Literal["yuv420p", "yuv422p"] = "yuv420p"
    ten_bits: bool = False
    """Whether 8-bit films become 10-bit ones, too."""
    segment_format: str = "nut"
    """The container of a segment; NUT has any time base, and no table at the end."""
    tells_aspect: bool = False
    """Whether it tells the shape of the pixels itself; else `matroska_display` does, in .mkv."""
    captions: bool = False
    """Whether closed captions of the source's frames go into it."""
    unsupported_containers: tuple[str, ...] = ()
    """Containers into which libav says it could write it, and then does not."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """By containers: what it is called there, where libav's own choice is not the best."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that the encoder reads, set unless they are."""


def _x264(crf: int | None, preset: str | None, _threads: int) -> Options:
    # qp 0 is without loss at 8 and at 10 bits, crf 0 at 8 bits only.
    return {"preset": str(preset)} | ({"qp": "0"} if crf == 0 else {"crf": str(crf)})


def _x265(crf: int | None, preset: str | None, threads: int) -> Options:
    lossless = ":lossless=1" if crf == 0 else ""
    pools = f":pools={threads}" if threads else ""
    parameters = f"log-level=none{lossless}{pools}"
    return {"preset": str(preset), "crf": str(crf), "x265-params": parameters}


def _svt_av1(crf: int | None, preset: str | None, _threads: int) -> Options:
    return {"preset": str(preset), "crf": str(crf)}


def _prores(_crf: int | None, _preset: str | None, _threads: int) -> Options:
    return {"profile": "hq", "vendor": "apl0"}


def _ffv1(_crf: int | None, _preset: str | None, _threads: int) -> Options:
    return {"level": "3", "slicecrc": "1"}


CODECS: dict[str, Codec] = {
    # 480p films with noise, 2 threads: ms of processor / kB of film per frame / PSNR of luma in dB
    # superfast crf 19: 10 / 34 / 39.5; veryfast crf 18: 16 / 32 / 40.1; faster crf 19: 26 / 31 /
    # 40.4; fast crf 19: 39 / 31 / 41.0. superfast makes the whole command at 1080p
    # faster than veryfast does, for files 14 % larger and 0.4 dB less.
    "h264": Codec(
        "libx264",
        "plays everywhere",
        _x264,
        crf=18,
        crf_max=51,
        preset="superfast",
        presets=X264_PRESETS,
        even_sizes=True,
        tells_aspect=True,
        captions=True,
    ),
    "hevc": Codec(
        "libx265",
        "is smaller and slower",
        _x265,
        crf=21,
        crf_max=51,
        preset="fast",
        presets=X264_PRESETS,
        deterministic=False,
        even_sizes=True,
        tells_aspect=True,
        tags={"mp4": "hvc1", "mov": "hvc1"},  # Apple's players read no other
    ),
    "av1": Codec(
        "libsvtav1",
        "as well",
        _svt_av1,
        crf=26,
        crf_max=63,
        preset="8",
        presets=tuple(map(str, range(14))),
        unsupported_containers=("mov",),
        environment={"SVT_LOG": "1"},  # it tells its settings on stderr otherwise
    ),
    "prores": Codec(
        "prores_ks",
        "is for editing",
        _prores,
        sampling="yuv422p",
        ten_bits=True,
        segment_format="mov",  # NUT does not hold it
    ),
    "ffv1": Codec("ffv1", "loses nothing (into .mkv)", _ffv1, lossless=True),
}
"""Each by libav's name of it."""


@dataclass(frozen=True)
class Encoding:
    """How a film is encoded.

    codec: one of `CODECS`.
    crf: constant quality, 0 (h264, hevc: without any loss) to 51, av1 to 63; None: the codec's
        own. prores and ffv1 have none.
    preset: "ultrafast" to "placebo", av1 "0" (slow) to "13"; None: the codec's own.
    threads: of the encoder, 0: as many as it likes. Another number can change a lossy result.
    Raises OutputError for values that the codec does not have.
    """

    codec: str = "h264"
    crf: int | None = None
    preset: str | None = None
    threads: int = 0

    def __post_init__(self) -> None:
        codec = CODECS.get(self.codec)
        if codec is None:
            raise OutputError(f"codec {self.codec!r} is unknown; use one of {', '.join(CODECS)}")
        if self.crf is not None and (codec.crf is None or not 0 <= self.crf <= codec.crf_max):
            takes = f"a number from 0 to {codec.crf_max}" if codec.crf is not None else "none"
            raise OutputError(f"--crf {self.crf} does not go with {self.codec}; it takes {takes}")
        if self.preset is not None and self.preset not in codec.presets:
            takes = f"one of {', '.join(codec.presets)}" if codec.presets else "none"
            raise OutputError(
                f"--preset {self.preset} does not go with {self.codec}; it takes {takes}"
            )

    def options(self) -> Options:
        """libav's options of the encoder."""
        codec = CODECS[self.codec]
        crf = codec.crf if self.crf is None else self.crf
        return codec.options(crf, self.preset or codec.preset, self.threads)
