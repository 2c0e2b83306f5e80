"""The pictures of an Immich library as a store: results are stacked on their originals.

By Immich's HTTP interface: ``POST /search/metadata``, ``GET /assets/{id}/original``,
``POST /assets``, ``GET`` and ``POST /stacks``, ``DELETE /assets``. A key is the asset's id and its
file's name. A result is called ``NAME.color.EXT``, which is how it is known again, and lies on top
of the stack. Uploading the same bytes twice gives the same asset, so a run that was killed before
it stacked one does so the next time.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import Any, Final

from photochrom.archive.provenance import SIDECAR_SUFFIX
from photochrom.archive.stores import Entry, try_again
from photochrom.batch.plan import MARK
from photochrom.errors import InputError, OutputError

KEY_VARIABLE: Final = "IMMICH_API_KEY"
_PAGE_ASSETS = 1000
_TIMEOUT_S = 120.0
_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_ADDRESS = re.compile(r"immich\+(?P<server>https?://[^/]+)(?:/albums/(?P<album>[0-9a-fA-F-]+))?/?")
_Json = Any


class ImmichStore:
    """As `photochrom.archive.stores.Store`."""

    adds_beside = True

    def __init__(self, address: str) -> None:
        """address: ``immich+https://photos.example``, with ``/albums/ID`` for one album alone.

        Raises InputError for other addresses, and where `KEY_VARIABLE` has no key.
        """
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise InputError(
                f"{address} is no address of an Immich library; write immich+https://photos.example"
                " or immich+https://photos.example/albums/ID"
            )
        self.name = address.rstrip("/")
        self._server, self._album = match["server"], match["album"]
        self._key = os.environ.get(KEY_VARIABLE, "")
        if not self._key:
            raise InputError(
                f"{self._server} wants a key: make one in Immich's account settings, and put it "
                f"into the environment as {KEY_VARIABLE}"
            )
        self._results: dict[str, str] | None = None
        """Ids of results by their keys, once they are known."""

    def exists(self) -> bool:
        """As of `Store`: whether the server takes the key."""
        self._json("GET", "/server/version")
        return True

    def entries(self) -> Iterator[Entry]:
        """Originals; results are no inputs."""
        page: int | None = 1
        while page is not None:
            query: dict[str, _Json] = {
                "type": "IMAGE", "page": page, "size": _PAGE_ASSETS, "withExif": True
            }  # fmt: skip
            if self._album is not None:
                query["albumIds"] = [self._album]
            found = self._json("POST", "/search/metadata", query)["assets"]
            for asset in found["items"]:
                if not _is_result(asset):
                    size = (asset.get("exifInfo") or {}).get("fileSizeInByte")
                    yield Entry(_key(asset), -1 if size is None else int(size), asset["checksum"])
            page = None if found.get("nextPage") is None else int(found["nextPage"])

    def results(self) -> Iterator[Entry]:
        """Results, known by what they are stacked on."""
        self._results = None
        for key, asset_id in self._known_results().items():
            yield Entry(key, -1, asset_id)

    def entry(self, key: str) -> Entry:
        """As of `Store`."""
        asset = self._json("GET", f"/assets/{_asset_id(key)}")
        return Entry(key, -1, str(asset["checksum"]))

    def read(self, key: str) -> bytes:
        """As of `Store`: an original, also where a result of it has the same key."""
        return self._request("GET", f"/assets/{_asset_id(key)}/original")

    def read_result(self, key: str) -> bytes:
        """As of `Store`."""
        asset_id = self._known_results().get(key)
        if asset_id is None:
            raise InputError(f"{self._server} has no result of {key} any more")
        return self._request("GET", f"/assets/{asset_id}/original")

    def write(self, key: str, data: bytes, *, file_mode: int | None = None) -> None:
        """Upload a result and stack it on its original. Raises OutputError."""
        if key.endswith(SIDECAR_SUFFIX):
            raise OutputError(
                f"{self._server} takes no sidecar beside a result; leave out --sidecar"
            )
        original = _asset_id(key)
        try:
            earlier = self._known_results().get(key)
            times = self._json("GET", f"/assets/{original}")
            uploaded = self._upload(key, data, times)
            self._json("POST", "/stacks", {"assetIds": [uploaded, original]})
            if earlier not in (None, uploaded):
                self._delete(str(earlier))
        except InputError as error:
            raise OutputError(str(error)) from error
        self._known_results()[key] = uploaded

    def _upload(self, key: str, data: bytes, times: Mapping[str, _Json]) -> str:
        name = PurePosixPath(key)
        now = datetime.now(timezone.utc).isoformat()
        fields = {
            "deviceAssetId": f"photochrom-{_asset_id(key)}",
            "deviceId": "photochrom",
            "fileCreatedAt": str(times.get("fileCreatedAt", now)),
            "fileModifiedAt": str(times.get("fileModifiedAt", now)),
        }
        boundary = secrets.token_hex(16)
        body, content_type = _form(fields, f"{name.stem}{MARK}{name.suffix}", data, boundary)
        answer = self._request("POST", "/assets", body, content_type)
        return str(_parse(answer, "/assets")["id"])

    def download(self, key: str, path: Path) -> None:
        """As of `Store`."""
        path.write_bytes(self.read(key))

    def upload(self, path: Path, key: str) -> None:
        """As of `Store`."""
        self.write(key, path.read_bytes())

    def remove(self, key: str) -> None:
        """Put a result into Immich's trash; originals are never removed. Raises OutputError."""
        asset_id = self._known_results().pop(key, None)
        if asset_id is not None:
            try:
                self._delete(asset_id)
            except InputError as error:
                raise OutputError(str(error)) from error

    def remove_leftovers(self) -> None:
        """As of `Store`: nothing is half uploaded."""

    def path(self, key: str) -> None:
        """As of `Store`: on no disk of this machine."""

    def check_writable(self, key: str) -> None:
        """As of `Store`: what Immich refuses is known when it is asked."""

    def place(self) -> str:
        """As of `Store`."""
        return self.name

    def _known_results(self) -> dict[str, str]:
        """Ids of results by their keys, by the stacks that there are."""
        if self._results is None:
            found: dict[str, str] = {}
            for stack in self._json("GET", "/stacks"):
                originals = [asset for asset in stack["assets"] if not _is_result(asset)]
                for asset in stack["assets"]:
                    name = PurePosixPath(asset["originalFileName"])
                    stem = name.stem[: -len(MARK)]
                    if _is_result(asset) and originals:
                        original = next(
                            (o for o in originals if _is_named_like(o, stem)), originals[0]
                        )
                        found[f"{original['id']}/{stem}{name.suffix}"] = asset["id"]
            self._results = found
        return self._results

    def _delete(self, asset_id: str) -> None:
        self._request(
            "DELETE", "/assets", json.dumps({"ids": [asset_id]}).encode(), "application/json"
        )

    def _json(self, method: str, path: str, body: _Json = None) -> _Json:
        data = None if body is None else json.dumps(body).encode()
        return _parse(self._request(method, path, data, "application/json"), path)

    def _request(
        self, method: str, path: str, data: bytes | None = None, content_type: str = ""
    ) -> bytes:
        """The body of an answer. Raises InputError."""
        headers = {"x-api-key": self._key, "Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = content_type
        url = f"{self._server}/api{path}"

        def ask() -> bytes:
            request = urllib.request.Request(url, data, headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                    body: bytes = answer.read()
                    return body
            except urllib.error.HTTPError as error:
                if error.code in _PASSING_STATUS:
                    raise
                raise InputError(
                    f"{method} {url} was refused: {error.code} {error.reason}"
                ) from None
            except http.client.HTTPException as error:
                raise OSError(f"the connection broke off: {error!r}") from error

        try:
            return try_again(ask, url)
        except OSError as error:
            raise InputError(f"{method} {url} has failed: {error}") from error


def _parse(answer: bytes, path: str) -> _Json:
    try:
        return json.loads(answer)
    except ValueError as error:
        raise InputError(
            f"the server does not answer {path} as Immich does; is this the right address?"
        ) from error


def _is_result(asset: Mapping[str, _Json]) -> bool:
    return PurePosixPath(asset["originalFileName"]).stem.endswith(MARK)


def _is_named_like(asset: Mapping[str, _Json], stem: str) -> bool:
    name = PurePosixPath(asset["originalFileName"])
    return stem in (name.stem, name.name)


def _key(asset: Mapping[str, _Json]) -> str:
    return f"{asset['id']}/{PurePosixPath(asset['originalFileName']).name}"


def _asset_id(key: str) -> str:
    return urllib.parse.quote(key.partition("/")[0], safe="-")


def _form(fields: Mapping[str, str], name: str, data: bytes, boundary: str) -> tuple[bytes, str]:
    """A form with fields and the file ``assetData``, and its media type (RFC 7578)."""
    safe = name.replace("\\", "_").replace('"', "_").replace("\r", "_").replace("\n", "_")
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in fields.items()
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="assetData"; filename="{safe}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = "".join(parts).encode() + data + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"
