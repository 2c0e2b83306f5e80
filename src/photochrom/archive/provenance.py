"""What results say of their origin, beside the mark that every coloured file has in EXIF and XMP.

A sidecar holds the same XMP, with IPTC's ``DigitalSourceType``, in a file of its own. A C2PA
manifest names the original by its hash, the model and the source type, and is signed with the
archive's own key, so that nobody can change the picture or the claim without a trace. Source: C2PA
specification 2.2, "Actions", and IPTC Photo Metadata Standard 2023.1.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal, TypeAlias, get_args

from photochrom import __version__
from photochrom.errors import InputError, OutputError, requires_extra
from photochrom.imageio import Picture, format_of_name
from photochrom.imageio.xmp import GENERATED, mark_generated

SIDECAR_SUFFIX: Final = ".xmp"
SigningAlgorithm: TypeAlias = Literal["es256", "es384", "es512", "ps256", "ps384", "ps512"]
"""ECDSA and RSA-PSS; which one is the key's own."""
SIGNING_ALGORITHMS: Final[tuple[SigningAlgorithm, ...]] = get_args(SigningAlgorithm)

Sign: TypeAlias = Callable[[bytes, str, bytes, str], bytes]
"""(result, its key, original, its key) to the result with its manifest."""


def sidecar_key(result: str) -> str:
    """Where the sidecar of a result is: ``a.jpg.xmp``."""
    return result + SIDECAR_SUFFIX


@dataclass(frozen=True)
class Provenance:
    """What is written beside the mark."""

    sidecar: bool = False
    certificate: Path | None = None
    """PEM: the archive's certificate for signing, and those that vouch for it, in this order."""
    private_key: Path | None = None
    """PEM, PKCS #8."""
    algorithm: SigningAlgorithm = "es256"

    def __post_init__(self) -> None:
        """Raises InputError where one of the two files is missing."""
        if (self.certificate is None) != (self.private_key is None):
            raise InputError(
                "a C2PA manifest is signed with a certificate and its private key; give both"
            )

    def sidecar_content(self, picture: Picture) -> bytes:
        """The XMP of a coloured picture as a file; empty where none is asked for."""
        if not self.sidecar or picture.generator is None:
            return b""
        return mark_generated(picture.metadata.xmp, picture.generator)

    def signer(self) -> Sign | None:
        """What signs results; None where nobody asks for it.

        Raises MissingDependencyError without c2pa-python, InputError for a key or certificate that
        cannot be used.
        """
        if self.certificate is None or self.private_key is None:
            return None
        with requires_extra("archive", "a C2PA manifest"):
            import c2pa
        try:
            chain, key = self.certificate.read_bytes(), self.private_key.read_bytes()
        except OSError as error:
            raise InputError(f"cannot read {error.filename}: {error.strerror}") from error
        c2pa.load_settings({"builder": {"thumbnail": {"enabled": False}}})
        try:
            info = c2pa.C2paSignerInfo(self.algorithm.encode(), chain, key, None)
            signer = c2pa.Signer.from_info(info)
        except c2pa.C2paError as error:
            raise InputError(
                f"nothing can be signed with {self.private_key} and {self.certificate}: {error}"
            ) from error
        return lambda result, name, original, source: _sign(signer, result, name, original, source)


def _sign(signer: Any, result: bytes, name: str, original: bytes, source: str) -> bytes:
    import c2pa

    builder = c2pa.Builder(_claim(name))
    builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
    stream = io.BytesIO()
    try:
        if (media_type := _media_type(source)) is not None:
            parent = json.dumps({"title": PurePosixPath(source).name, "relationship": "parentOf"})
            builder.add_ingredient(parent, media_type, io.BytesIO(original))
        builder.sign(signer, _media_type(name) or "", io.BytesIO(result), stream)
    except c2pa.C2paError as error:
        raise OutputError(f"{name} cannot be signed: {error}") from error
    return stream.getvalue()


def _media_type(key: str) -> str | None:
    row = format_of_name(key)
    return None if row is None else row.media_type


def _claim(name: str) -> dict[str, Any]:
    action = {
        "action": "c2pa.color_adjustments",
        "softwareAgent": {"name": "photochrom", "version": __version__},
        "digitalSourceType": GENERATED,
        "description": "the colour was generated; the lightness is the photograph's own",
    }
    return {
        "claim_generator_info": [{"name": "photochrom", "version": __version__}],
        "title": PurePosixPath(name).name,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
    }
