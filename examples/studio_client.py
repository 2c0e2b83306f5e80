"""Colour a photograph with a studio.

PHOTOCHROM_TOKEN=... python studio_client.py https://photos.example.org grandmother.jpg
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import requests

pictures, photo = sys.argv[1].rstrip("/") + "/api/v1/pictures", Path(sys.argv[2])
with requests.Session() as studio:
    studio.headers["Authorization"] = f"Bearer {os.environ['PHOTOCHROM_TOKEN']}"
    studio.hooks["response"].append(lambda answer, **_: answer.raise_for_status())
    picture = studio.post(pictures, files={"file": (photo.name, photo.read_bytes())}).json()
    while picture["state"] in ("waiting", "working"):
        time.sleep(0.2)
        picture = studio.get(f"{pictures}/{picture['id']}").json()
    if picture["state"] == "failed":
        sys.exit(picture["problem"])
    result = studio.get(f"{pictures}/{picture['id']}/result").content
photo.with_suffix(".color" + photo.suffix).write_bytes(result)
