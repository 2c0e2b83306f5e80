"""Does a bundle work? It starts its studio without a window, is asked, colours a file, and ends.

python packaging/try_bundle.py dist/Photochrom
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "examples" / "cat.jpg"


def main() -> int:
    """Exit code 0 where it works."""
    folder = Path(sys.argv[1])
    program = folder / ("Photochrom.exe" if os.name == "nt" else "Photochrom")
    with tempfile.TemporaryDirectory() as name:
        photo = Path(name) / "cat.jpg"
        photo.write_bytes(EXAMPLE.read_bytes())
        subprocess.run([str(program), "--no-window", str(photo)], check=True, timeout=300)
        size = (Path(name) / "cat.color.jpg").stat().st_size
        print(f"coloured by dragging it onto the icon: {size} bytes")
        environment = {**os.environ, "PHOTOCHROM_WEB_DATA_DIR": str(Path(name) / "studio")}
        studio = subprocess.Popen(
            [str(program), "--no-window"], stdout=subprocess.PIPE, text=True, env=environment
        )
        try:
            assert studio.stdout is not None
            address = studio.stdout.readline().strip()
            # As a browser: the address with its token gives a cookie, and leads on.
            cookies = urllib.request.HTTPCookieProcessor(CookieJar())
            with urllib.request.build_opener(cookies).open(address, timeout=60) as answer:
                print(f"{address.partition('?')[0]} answers {answer.status}")
                assert b"Photochrom" in answer.read()
        finally:
            studio.terminate()
            studio.wait(60)
    return 0


if __name__ == "__main__":
    sys.exit(main())
