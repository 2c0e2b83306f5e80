"""A Debian package of a bundle that PyInstaller has made.

    python packaging/build_deb.py dist/Photochrom -o dist/photochrom.deb

It installs into /opt/photochrom, with `photochrom` and `photochrom-window` on the path, an entry
in the menu, and as a program for pictures that file managers offer. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
ICON = ROOT / "src" / "photochrom" / "web" / "static" / "icons" / "icon-192.png"
COMMAND = '#!/bin/sh\nexec /opt/photochrom/Photochrom --photochrom "$@"\n'
WINDOW = '#!/bin/sh\nexec /opt/photochrom/Photochrom "$@"\n'
DESKTOP = """[Desktop Entry]
Type=Application
Name=Photochrom
Comment=Black-and-white photographs in colour
Exec=photochrom-window %F
Icon=photochrom
Terminal=false
Categories=Graphics;Photography;
MimeType=image/jpeg;image/png;image/tiff;image/webp;inode/directory;
"""
# What the bundle leaves to the system: C and C++, and what speaks with screens.
DEPENDS = ("libc6", "libdrm2", "libegl1", "libgcc-s1", "libgl1", "libstdc++6", "libwayland-client0",
           "libwayland-cursor0", "libwayland-egl1", "libwayland-server0", "libxcb-dri3-0",
           "libxcb1")  # fmt: skip


def version() -> str:
    """That of the package."""
    text = (ROOT / "src" / "photochrom" / "__init__.py").read_text(encoding="utf-8")
    return text.partition('__version__ = "')[2].partition('"')[0]


def lay_out(bundle: Path, folder: Path) -> None:
    """All files of the package below ``folder``."""
    shutil.copytree(bundle, folder / "opt" / "photochrom", symlinks=True)
    for name, text, mode in (
        ("usr/bin/photochrom", COMMAND, 0o755),
        ("usr/bin/photochrom-window", WINDOW, 0o755),
        ("usr/share/applications/photochrom.desktop", DESKTOP, 0o644),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
    icons = folder / "usr" / "share" / "icons" / "hicolor" / "192x192" / "apps"
    icons.mkdir(parents=True)
    shutil.copy(ICON, icons / "photochrom.png")
    licence = folder / "usr" / "share" / "doc" / "photochrom" / "copyright"
    licence.parent.mkdir(parents=True)
    shutil.copy(ROOT / "LICENSE", licence)
    kilobytes = (
        sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
        // 1024
    )
    control = folder / "DEBIAN" / "control"
    control.parent.mkdir()
    architecture = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()
    control.write_text(
        f"Package: photochrom\nVersion: {version()}\nArchitecture: {architecture}\n"
        f"Installed-Size: {kilobytes}\nSection: graphics\nPriority: optional\n"
        f"Depends: {', '.join(DEPENDS)}\n"
        "Maintainer: photochrom <https://github.com/photochrom/photochrom>\n"
        "Description: Black-and-white photographs and films in colour\n"
        " The studio in a window of its own, and the command photochrom.\n",
        encoding="utf-8",
    )


def main() -> int:
    """Build it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    if not (arguments.bundle / "Photochrom").is_file():
        print(
            f"build_deb: {arguments.bundle} holds no Photochrom; run PyInstaller", file=sys.stderr
        )
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "photochrom"
        folder.mkdir(mode=0o755)
        os.umask(0o022)
        lay_out(arguments.bundle, folder)
        command = ["dpkg-deb", "--root-owner-group", "-Zzstd", "--build", str(folder)]
        subprocess.run([*command, str(arguments.out)], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
