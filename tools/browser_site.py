"""Assemble the page that colours on the device into a folder, ready for any static host.

python tools/browser_site.py OUT [--runtime FILE.tgz]

The runtime is the npm package onnxruntime-web, in the version that `photochrom.web.private.site`
names; npm fetches it into build/ unless its file is given. Its checksum is compared.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path

from photochrom.web.private.site import RUNTIME, RUNTIME_SHA512, assemble, first_visit

BUILD = Path(__file__).parents[1] / "build"


def fetch_runtime() -> Path:
    """The package's file, from build/ or by npm."""
    package, version = RUNTIME
    path = BUILD / f"{package}-{version}.tgz"
    if not path.is_file():
        BUILD.mkdir(exist_ok=True)
        command = ["npm", "pack", "--silent", f"{package}@{version}"]
        subprocess.run(command, cwd=BUILD, check=True, stdout=subprocess.DEVNULL)
    return path


def unpack_runtime(package: Path, folder: Path) -> Path:
    """Unpack the package into a folder; returns its folder dist. SystemExit for another file."""
    found = hashlib.sha512(package.read_bytes()).hexdigest()
    if found != RUNTIME_SHA512:
        raise SystemExit(f"{package} is not {'-'.join(RUNTIME)}: its SHA-512 is {found}")
    with tarfile.open(package) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package" / "dist"


def megabytes_of_first_visit(out: Path) -> dict[str, float]:
    """What a first visit fetches, compressed by gzip, in MB: by a processor, and by WebGPU."""
    wasm = ("ort-wasm-simd-threaded.wasm", "ort-wasm-simd-threaded.jspi.wasm")
    return {
        name: sum(len(gzip.compress(file.read_bytes(), 9)) for file in first_visit(out, file_name))
        / 1e6
        for name, file_name in zip(("processor", "WebGPU"), wasm, strict=True)
    }


def main() -> None:
    """Fetch, check, assemble; say what a first visit costs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--runtime", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runtime = unpack_runtime(arguments.runtime or fetch_runtime(), Path(folder))
        files = assemble(arguments.out, runtime)
    visits = ", ".join(
        f"{mb:.1f} MB by {way}" for way, mb in megabytes_of_first_visit(arguments.out).items()
    )
    print(f"{arguments.out}: {len(files)} files; first visit, compressed: {visits}")


if __name__ == "__main__":
    main()
