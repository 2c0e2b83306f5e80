"""An AppImage of a bundle that PyInstaller has made: one file that runs where it lies.

    python packaging/build_appimage.py dist/Photochrom --runtime runtime-x86_64 -o dist/p.AppImage

The runtime is the program of https://github.com/AppImage/type2-runtime for the processor, which
packaging/appimage_runtime.sh makes from its sources. `mksquashfs` is of squashfs-tools.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from build_deb import DESKTOP, ICON, ROOT

MARK = b"AI\x02"
MARK_OFFSET = 8
APP_RUN = '#!/bin/sh\nexec "$APPDIR/opt/photochrom/Photochrom" "$@"\n'


def lay_out(bundle: Path, folder: Path) -> None:
    """The AppDir: the bundle, what starts it, and how a desktop shows it."""
    shutil.copytree(bundle, folder / "opt" / "photochrom", symlinks=True)
    start = folder / "AppRun"
    start.write_text(APP_RUN, encoding="utf-8")
    start.chmod(0o755)
    entry = DESKTOP.replace("Exec=photochrom-window", "Exec=AppRun")
    (folder / "photochrom.desktop").write_text(entry, encoding="utf-8")
    shutil.copy(ICON, folder / "photochrom.png")
    (folder / ".DirIcon").symlink_to("photochrom.png")
    shutil.copy(ROOT / "LICENSE", folder)


def is_runtime(content: bytes) -> bool:
    """Whether a file is a program with the mark of an AppImage of the second type."""
    return content[:4] == b"\x7fELF" and content[MARK_OFFSET:].startswith(MARK)


def main() -> int:
    """Build it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    program = arguments.runtime.read_bytes()
    if not (arguments.bundle / "Photochrom").is_file():
        print(
            f"build_appimage: {arguments.bundle} holds no Photochrom; run PyInstaller",
            file=sys.stderr,
        )
        return 1
    if not is_runtime(program):
        print(
            f"build_appimage: {arguments.runtime} is no runtime of an AppImage; "
            "packaging/appimage_runtime.sh makes one",
            file=sys.stderr,
        )
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder, image = Path(name) / "AppDir", Path(name) / "image.squashfs"
        lay_out(arguments.bundle, folder)
        command = [
            "mksquashfs",
            str(folder),
            str(image),
            "-root-owned",
            "-noappend",
            "-no-progress",
        ]
        subprocess.run(
            [*command, "-quiet", "-comp", "zstd", "-Xcompression-level", "15"], check=True
        )
        with arguments.out.open("wb") as out, image.open("rb") as content:
            out.write(program)
            shutil.copyfileobj(content, out)
    arguments.out.chmod(0o755)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
