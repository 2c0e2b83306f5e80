"""Build the Android app from android/, with Debian's tools and without Google's SDK.

    python tools/build_apk.py -o build/photochrom.apk --page build/browser

Debian 12: apt-get install aapt android-framework-res apksigner default-jdk-headless libsmali-java
zipalign. --page: the folder of the page that colours on the phone itself. Unless --keystore names
the key of whoever publishes the app (its password in PHOTOCHROM_KEYSTORE_PASSWORD), it is signed by
a throw-away key, and an update of it cannot be installed over it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
ANDROID = ROOT / "android"
ICON = ROOT / "src" / "photochrom" / "web" / "static" / "icons" / "icon-192.png"
FRAMEWORK = Path("/usr/share/android-framework-res/framework-res.apk")
JAVA = Path("/usr/share/java")
JARS = ("smali", "dexlib2", "smali-util", "antlr3-runtime", "guava", "jcommander")
PROGRAMS = ("aapt2", "apksigner", "java", "keytool", "zipalign")
MIN_SDK, TARGET_SDK = 29, 34
PASSWORD = "PHOTOCHROM_KEYSTORE_PASSWORD"
START_PAGE = "index.html"


class BuildError(Exception):
    """The app cannot be built; the message says why, and what to do."""


def missing_tools() -> list[str]:
    """What is not installed here."""
    files = [FRAMEWORK, *(JAVA / f"{jar}.jar" for jar in JARS)]
    programs = [name for name in PROGRAMS if shutil.which(name) is None]
    return [*programs, *(str(file) for file in files if not file.is_file())]


def version() -> tuple[str, int]:
    """Name and number of the package's version: 0.1.0 is 100."""
    text = (ROOT / "src" / "photochrom" / "__init__.py").read_text(encoding="utf-8")
    name = text.partition('__version__ = "')[2].partition('"')[0]
    major, minor, patch = (int(part) for part in name.split(".")[:3])
    return name, 10_000 * major + 100 * minor + patch


def build(target: Path, page: Path | None, keystore: Path | None) -> None:
    """Write the app to ``target``. Raises BuildError."""
    if missing := missing_tools():
        raise BuildError(f"missing are {', '.join(missing)}; install what this file's head names")
    if page is not None and not (page / START_PAGE).is_file():
        raise BuildError(f"{page} has no {START_PAGE}; build the page first")
    password = os.environ.get(PASSWORD, "")
    if keystore is not None and not password:
        raise BuildError(f"the password of {keystore} is missing; set {PASSWORD}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        linked = _link(folder, page)
        _run("java", "-cp", _class_path(), "org.jf.smali.Main", "assemble", "--api", str(MIN_SDK),
             "-o", str(folder / "classes.dex"), str(ANDROID / "smali"))  # fmt: skip
        with zipfile.ZipFile(linked, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.write(folder / "classes.dex", "classes.dex")
        aligned = folder / "aligned.apk"
        _run("zipalign", "-f", "4", str(linked), str(aligned))
        if keystore is None:
            keystore, password = folder / "once.keystore", "photochrom"
            _run("keytool", "-genkeypair", "-keystore", str(keystore), "-storepass", password,
                 "-alias", "once", "-keyalg", "RSA", "-keysize", "2048", "-validity", "10000",
                 "-dname", "CN=photochrom")  # fmt: skip
        _run("apksigner", "sign", "--ks", str(keystore), "--ks-pass", "env:" + PASSWORD,
             "--out", str(folder / "signed.apk"), str(aligned), password=password)  # fmt: skip
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "signed.apk", target)


def _link(folder: Path, page: Path | None) -> Path:
    """Manifest, resources and pages in one archive."""
    resources, assets = folder / "res" / "drawable", folder / "assets"
    resources.mkdir(parents=True)
    shutil.copy(ICON, resources / "icon.png")
    shutil.copytree(ANDROID / "pages", assets)
    if page is not None:
        shutil.copytree(page, assets / "page")
    _run("aapt2", "compile", "--dir", str(folder / "res"), "-o", str(folder / "res.zip"))
    linked = folder / "linked.apk"
    name, number = version()
    _run("aapt2", "link", "-o", str(linked), "-I", str(FRAMEWORK),
         "--manifest", str(ANDROID / "AndroidManifest.xml"), "-A", str(assets),
         "--min-sdk-version", str(MIN_SDK), "--target-sdk-version", str(TARGET_SDK),
         "--version-name", name, "--version-code", str(number),
         str(folder / "res.zip"))  # fmt: skip
    return linked


def _class_path() -> str:
    return os.pathsep.join(str(JAVA / f"{jar}.jar") for jar in JARS)


def _run(*command: str, password: str = "") -> None:
    environment = {**os.environ, PASSWORD: password} if password else None
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if result.returncode:
        raise BuildError(f"{command[0]} failed: {(result.stderr or result.stdout).strip()}")


def main() -> int:
    """Build it, and say how large it is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "build" / "photochrom.apk")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--keystore", type=Path)
    arguments = parser.parse_args()
    try:
        build(arguments.out, arguments.page, arguments.keystore)
    except BuildError as error:
        print(f"build_apk: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
