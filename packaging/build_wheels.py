"""Two wheels of one: photochrom, which colours photographs and films, and photochrom-models.

    python packaging/build_wheels.py dist

`pip install .` installs the whole, and so does `pip install photochrom photochrom-models`; the core
alone names the second where a model of it is asked for. Which file goes where is in EXTRA_FILES.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import re
import subprocess
import sys
import tempfile
import zipfile
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORE, MODELS, MODULE = "photochrom", "photochrom-models", "photochrom_models"
EXTRA_FILES = (
    "engine/models/photochrom-cartoon.*",
    "engine/models/photochrom-faces.*",
    "engine/models/photochrom-retina.*",
    "faces/weights/face-autoencoder.*",
    "pretrained/mobilenet_v2.safetensors",
    "pretrained/LICENSE-mobilenet.txt",
    "pretrained/vgg19-relu3_1.safetensors",
    "pretrained/LICENSE-vgg.txt",
)
"""Patterns of what photochrom-models has, as paths inside the package."""
_INIT = (
    b'"""Models and weights of photochrom beside its core; photochrom finds them by itself."""\n'
)
_DESCRIPTION = """\
Metadata-Version: 2.4
Name: {name}
Version: {version}
Summary: Models of photochrom for cartoons, faces and retinas, and weights to train from
License-Expression: Apache-2.0 AND CC-BY-4.0
Requires-Python: {python}
Description-Content-Type: text/markdown

photochrom colours photographs and films with the models that it brings; these are its others:
`pip install photochrom-models`, beside photochrom of the same version.
"""


def is_extra(name: str) -> bool:
    """Whether a file of the whole wheel goes to photochrom-models."""
    inside = name.partition("/")[2]
    return name.startswith(f"{CORE}/") and any(fnmatch(inside, kind) for kind in EXTRA_FILES)


def divide(whole: Path, out: Path, compression: int = zipfile.ZIP_DEFLATED) -> tuple[Path, Path]:
    """Divide a wheel of the whole; returns the core and the models.

    Raises ValueError where ``whole`` is no wheel of photochrom, or lacks what EXTRA_FILES names.
    """
    match = re.fullmatch(rf"{CORE}-([^-]+)-py3-none-any\.whl", whole.name)
    if match is None:
        raise ValueError(f"{whole.name} is no wheel of {CORE}; pip wheel --no-deps . makes one")
    version = match[1]
    info = f"{CORE}-{version}.dist-info"
    with zipfile.ZipFile(whole) as archive:
        names = [name for name in archive.namelist() if name != f"{info}/RECORD"]
        extra = {f"{MODULE}/{n.partition('/')[2]}": archive.read(n) for n in names if is_extra(n)}
        core = {name: archive.read(name) for name in names if not is_extra(name)}
    inside = [name.partition("/")[2] for name in extra]
    for pattern in EXTRA_FILES:
        if not any(fnmatch(name, pattern) for name in inside):
            raise ValueError(
                f"{whole.name} has no {pattern}; see EXTRA_FILES in {Path(__file__).name}"
            )
    metadata = core[f"{info}/METADATA"].decode()
    head, _, body = metadata.partition("\n\n")
    head += f"\nProvides-Extra: models\nRequires-Dist: {MODELS}=={version}; extra == 'models'"
    core[f"{info}/METADATA"] = f"{head}\n\n{body}".encode()
    (python,) = re.findall(r"^Requires-Python: (.*)$", head, re.MULTILINE)
    description = _DESCRIPTION.format(name=MODELS, version=version, python=python)
    own = f"{MODULE}-{version}.dist-info"
    extra |= {
        f"{MODULE}/__init__.py": _INIT,
        f"{own}/METADATA": description.encode(),
        f"{own}/WHEEL": core[f"{info}/WHEEL"],
        f"{own}/licenses/LICENSE": core[f"{info}/licenses/LICENSE"],
    }
    out.mkdir(parents=True, exist_ok=True)
    targets = out / whole.name, out / whole.name.replace(CORE, MODULE, 1)
    for target, folder, files in zip(targets, (info, own), (core, extra), strict=True):
        _write(target, folder, files, compression)
    return targets


def _write(target: Path, info: str, files: dict[str, bytes], compression: int) -> None:
    """A wheel: its files, and the record of them."""
    lines = io.StringIO()
    record = csv.writer(lines, lineterminator="\n")
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in files.items():
            digest = (
                base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            )
            record.writerow([name, f"sha256={digest}", len(content)])
            archive.writestr(zipfile.ZipInfo(name, (2020, 2, 2, 0, 0, 0)), content, compression)
        record.writerow([f"{info}/RECORD", "", ""])
        own = zipfile.ZipInfo(f"{info}/RECORD", (2020, 2, 2, 0, 0, 0))
        archive.writestr(own, lines.getvalue(), compression)


def main() -> int:
    """Build both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--wheel", type=Path, help="of the whole, where it has been built already")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        whole = arguments.wheel
        if whole is None:
            pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
            subprocess.run([*pip, "--wheel-dir", folder, str(ROOT)], check=True)
            (whole,) = Path(folder).glob(f"{CORE}-*.whl")
        for wheel in divide(whole, arguments.out):
            print(f"{wheel}: {wheel.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
