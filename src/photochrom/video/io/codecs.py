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
class Hardware:
    """Encoders of a graphics card or processor; they are fast, and their files larger."""

    title: str
    encoders: Mapping[str, str]
    """By the names of `CODECS`: libav's."""
    options: Callable[[int], Options]
    """crf to libav's options of the encoder."""
    formats: tuple[str, str]
    """libav's names of the pixels that it takes, for 8 and for 10 bits."""
    device: str | None = None
    """libav's name of the device that frames have to be brought to; None: it takes them so."""


def _nvenc(crf: int) -> Options:
    return {"preset": "p4", "rc": "vbr", "cq": str(crf), "b": "0"}


def _quick_sync(crf: int) -> Options:
    return {"preset": "medium", "global_quality": str(max(crf, 1))}


def _vaapi(crf: int) -> Options:
    return {"rc_mode": "CQP", "global_quality": str(max(crf, 1))}


def _videotoolbox(crf: int) -> Options:
    # Its scale goes from 1 to 100, best last, in libav's units of 118.
    return {"flags": "+qscale", "global_quality": str(118 * max(1, 100 - 2 * crf))}


HARDWARE = {
    "nvenc": Hardware(
        "NVENC (NVIDIA)",
        {"h264": "h264_nvenc", "hevc": "hevc_nvenc", "av1": "av1_nvenc"},
        _nvenc,
        ("yuv420p", "p010le"),
    ),
    "videotoolbox": Hardware(
        "VideoToolbox (Apple)",
        {"h264": "h264_videotoolbox", "hevc": "hevc_videotoolbox"},
        _videotoolbox,
        ("yuv420p", "p010le"),
    ),
    "qsv": Hardware(
        "Quick Sync (Intel)",
        {"h264": "h264_qsv", "hevc": "hevc_qsv", "av1": "av1_qsv"},
        _quick_sync,
        ("nv12", "p010le"),
    ),
    "vaapi": Hardware(
        "VA-API (Linux)",
        {"h264": "h264_vaapi", "hevc": "hevc_vaapi", "av1": "av1_vaapi"},
        _vaapi,
        ("nv12", "p010le"),
        device="vaapi",
    ),
}
"""By the names that `--hardware` has, in the order in which they are tried."""
ANY_HARDWARE = "auto"
"""In place of such a name: the first that starts."""


@dataclass(frozen=True)
class Encoding:
    """How a film is encoded.

    codec: one of `CODECS`.
    crf: constant quality, 0 (h264, hevc: without any loss) to 51, av1 to 63; None: the codec's
        own. prores and ffv1 have none.
    preset: "ultrafast" to "placebo", av1 "0" (slow) to "13"; None: the codec's own.
    threads: of the encoder, 0: as many as it likes. Another number can change a lossy result.
    hardware: one of `HARDWARE` or `ANY_HARDWARE` (`hardware.start_hardware` tells which that is);
        None: the processor encodes. It has no presets, and nothing without loss.
    Raises OutputError for values that the codec does not have.
    """

    codec: str = "h264"
    crf: int | None = None
    preset: str | None = None
    threads: int = 0
    hardware: str | None = None

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

        if self.hardware is not None:
            self._check_hardware(self.hardware)

    def _check_hardware(self, hardware: str) -> None:
        able = [name for name, row in HARDWARE.items() if self.codec in row.encoders]
        if hardware != ANY_HARDWARE and hardware not in HARDWARE:
            names = ", ".join((ANY_HARDWARE, *HARDWARE))
            raise OutputError(f"hardware {hardware!r} is unknown; use one of {names}")
        if not able or (hardware in HARDWARE and hardware not in able):
            codecs = ", ".join(dict.fromkeys(c for row in HARDWARE.values() for c in row.encoders))
            raise OutputError(
                f"--hardware {hardware} does not go with {self.codec}; it is for {codecs}"
            )
        if self.preset is not None:
            raise OutputError(
                f"--preset {self.preset} does not go with --hardware, which has none; leave it out"
            )
        if self.crf == 0:
            raise OutputError(
                "--crf 0 (no loss) does not go with --hardware; take another quality, or the "
                "processor"
            )

    @property
    def encoder(self) -> str:
        """libav's name of the encoder. Not for `ANY_HARDWARE`, which may be several."""
        if self.hardware is None:
            return CODECS[self.codec].encoder
        return HARDWARE[self.hardware].encoders[self.codec]

    def options(self) -> Options:
        """libav's options of the encoder."""
        codec = CODECS[self.codec]
        crf = codec.crf if self.crf is None else self.crf
        if self.hardware is not None and crf is not None:
            return HARDWARE[self.hardware].options(crf)
        return codec.options(crf, self.preset or codec.preset, self.threads)
