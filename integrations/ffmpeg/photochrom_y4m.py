"""Colour a stream of raw frames (YUV4MPEG2), as ffmpeg, mpv, vspipe and x264 write and read it.

    ffmpeg -v error -i old.mp4 -f yuv4mpegpipe - | python photochrom_y4m.py |
      ffmpeg -i - -i old.mp4 -map 0:v -map '1:a?' -c:a copy color.mp4

Needs: pip install 'photochrom[video]'. The luma goes out as it came in; the result is 4:2:0.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError, PhotochromError
from photochrom.video.luma_stream import LumaFormat, color_luma

MAGIC = b"YUV4MPEG2"
FRAME = b"FRAME"
# Chroma samples of both planes together, as halves of the luma's height and width.
SUBSAMPLING = {"mono": (0, 0), "420": (2, 2), "422": (1, 2), "444": (1, 1)}


def read_header(stream: IO[bytes]) -> dict[str, str]:
    """The parameters of a stream by their letters, "X" several joined. Raises InputError."""
    line = stream.readline(4096)
    if not line.startswith(MAGIC + b" "):
        raise InputError(
            f"the stream begins with {line[:16]!r}, not {MAGIC.decode()!r}; let ffmpeg write it by "
            "-f yuv4mpegpipe"
        )
    parameters: dict[str, str] = {}
    for word in line.decode("ascii", "replace").split()[1:]:
        parameters[word[0]] = (parameters.get(word[0], "") + " " + word[1:]).strip()
    if not {"W", "H"} <= parameters.keys():
        raise InputError(f"the stream's header {line!r} has no width and height; write it anew")
    return parameters


def parse_format(parameters: dict[str, str], matrix: Any) -> tuple[LumaFormat, int]:
    """What the luma is, and how many bytes of chroma follow it. Raises InputError."""
    name = parameters.get("C", "420")
    if parameters.get("I", "p") not in ("p", "?"):
        raise InputError("the stream is interlaced; let ffmpeg make whole frames by -vf bwdif")
    kind, _, depth = (
        name.removesuffix("jpeg").removesuffix("mpeg2").removesuffix("paldv").partition("p")
    )
    if kind.startswith("mono") and kind != "mono":
        kind, depth = "mono", kind[len("mono") :]
    if kind not in SUBSAMPLING or not (depth or "8").isdecimal():
        raise InputError(f"the stream's colour space is {name!r}; convert it by -pix_fmt yuv420p")
    bits, height, width = int(depth or 8), int(parameters["H"]), int(parameters["W"])
    full = "COLORRANGE=FULL" in parameters.get("X", "")
    form = LumaFormat(height, width, bits, full, matrix)
    down, across = SUBSAMPLING[kind]
    chroma = 2 * -(-height // down) * -(-width // across) if down else 0
    return form, chroma * (1 if bits == 8 else 2)


def read_lumas(stream: IO[bytes], form: LumaFormat, chroma_bytes: int) -> Iterator[NDArray[Any]]:
    """The luma of each frame, (H, W). Raises InputError where the stream breaks off."""
    dtype = np.dtype("u1" if form.bits == 8 else "<u2")
    luma_bytes = form.height * form.width * dtype.itemsize
    number = 0
    while line := stream.readline(4096):
        content = stream.read(luma_bytes + chroma_bytes) if line.startswith(FRAME) else b""
        if len(content) != luma_bytes + chroma_bytes:
            raise InputError(f"the stream breaks off within frame {number}; see what wrote it")
        yield np.frombuffer(content, dtype, form.height * form.width).reshape(form.height, -1)
        number += 1


def write_header(stream: IO[bytes], parameters: dict[str, str], form: LumaFormat) -> None:
    """The header of the result: that of the source, in 4:2:0."""
    space = "420jpeg" if form.bits == 8 else f"420p{form.bits}"
    kept = "".join(f" {key}{parameters[key]}" for key in "FA" if key in parameters)
    reach = "FULL" if form.full_range else "LIMITED"
    header = f" W{form.width} H{form.height}{kept} Ip C{space} XCOLORRANGE={reach}\n"
    stream.write(MAGIC + header.encode())


def color_y4m(source: IO[bytes], target: IO[bytes], matrix: Any = None, **options: Any) -> int:
    """Colour a whole stream. options: of `color_luma`. Returns how many frames it had."""
    parameters = read_header(source)
    form, chroma_bytes = parse_format(parameters, matrix)
    frames = color_luma(read_lumas(source, form, chroma_bytes), form, **options)
    write_header(target, parameters, form)
    count = 0
    for count, (luma, chroma) in enumerate(frames, 1):  # noqa: B007
        target.write(FRAME + b"\n")
        target.write(luma.tobytes())
        target.write(np.ascontiguousarray(chroma[..., 0]).tobytes())
        target.write(np.ascontiguousarray(chroma[..., 1]).tobytes())
    target.flush()
    return count


def main() -> int:
    """Standard input to standard output; exit code 1 where that fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default=None, help="as of photochrom film")
    parser.add_argument("--steady", type=float, default=None, help="0 colours each frame by itself")
    parser.add_argument("--vividness", type=float, default=None)
    parser.add_argument("--matrix", choices=("bt601", "bt709"), help="of the result's chroma")
    options = {key: value for key, value in vars(parser.parse_args()).items() if value is not None}
    try:
        color_y4m(sys.stdin.buffer, sys.stdout.buffer, **options)
    except BrokenPipeError:
        return 1  # whoever reads has said why
    except PhotochromError as error:
        print(f"photochrom_y4m: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
