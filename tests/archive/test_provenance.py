"""Results say where they are from, signed with the archive's own key. Needs c2pa-python."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.model import tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom.archive import (
    ArchiveSettings,
    LocalEngine,
    Manifest,
    Provenance,
    open_store,
    run_archive,
)
from photochrom.batch import BatchOptions
from photochrom.errors import InputError

FORMATS = {
    "a.jpg": "image/jpeg",
    "b.png": "image/png",
    "c.tif": "image/tiff",
    "d.webp": "image/webp",
}


def test_a_key_without_a_certificate_signs_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give both"):
        Provenance(private_key=tmp_path / "key.pem")


@pytest.fixture
def signature(tmp_path: Path) -> Provenance:
    """A root of trust, and a certificate for signing that it has issued."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = dt.datetime.now(dt.timezone.utc)
    day = dt.timedelta(days=1)

    def name(common: str) -> Any:
        parts = (x509.NameOID.ORGANIZATION_NAME, "Archive"), (x509.NameOID.COMMON_NAME, common)
        return x509.Name([x509.NameAttribute(*part) for part in parts])

    def usage(**uses: bool) -> Any:
        known = (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
            *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        )
        return x509.KeyUsage(**{use: uses.get(use, False) for use in known})

    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = b""
    for subject, own, extensions in (
        ("Signer", key, [
            (x509.BasicConstraints(False, None), True), (usage(digital_signature=True), True),
            (x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),
        ]),
        ("Root", root_key, [
            (x509.BasicConstraints(True, None), True), (usage(key_cert_sign=True), True),
        ]),
    ):  # fmt: skip
        builder = (
            x509.CertificateBuilder(
                name("Root"), name(subject), own.public_key(), 1000 + len(chain)
            )
            .not_valid_before(now - day)
            .not_valid_after(now + 300 * day)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        certificate = builder.sign(root_key, hashes.SHA256())
        chain += certificate.public_bytes(serialization.Encoding.PEM)
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Provenance(certificate=tmp_path / "chain.pem", private_key=tmp_path / "key.pem")


@pytest.mark.hosts
@pytest.mark.filterwarnings("ignore")
def test_a_signed_result_names_its_original_and_shows_any_change(
    tmp_path: Path, signature: Provenance, grey_scene: NDArray[np.uint8]
) -> None:
    c2pa = pytest.importorskip("c2pa", reason="pip install 'photochrom[archive]'")
    scans = tmp_path / "scans"
    scans.mkdir()
    for file in FORMATS:
        Image.fromarray(grey_scene).save(scans / file)
    options = BatchOptions(model=tiny_model(tmp_path / "tiny.onnx"), device="cpu")
    settings = ArchiveSettings(options=options, provenance=signature)
    places = open_store(str(scans)), open_store(str(tmp_path / "colored"))
    with Manifest(tmp_path / "manifest.sqlite") as manifest:
        engine = LocalEngine(options.model, settings)
        report = run_archive(manifest, *places, settings, engine)
    assert report.counts.states == {"coloured": 4}
    for file, media_type in FORMATS.items():
        data = (tmp_path / "colored" / file).read_bytes()
        assert Image.open(io.BytesIO(data)).size == (120, 90)
        store = json.loads(c2pa.Reader(media_type, io.BytesIO(data)).json())
        assert store["validation_state"] == "Valid"
        claim = store["manifests"][store["active_manifest"]]
        (parent,) = claim["ingredients"]
        assert (parent["title"], parent["relationship"]) == (file, "parentOf")
        (actions,) = (a for a in claim["assertions"] if a["label"].startswith("c2pa.actions"))
        change = actions["data"]["actions"][-1]
        assert change["action"] == "c2pa.color_adjustments"
        assert change["digitalSourceType"].endswith("compositeWithTrainedAlgorithmicMedia")
        assert claim["signature_info"]["common_name"] == "Signer"
    spoiled = bytearray((tmp_path / "colored" / "b.png").read_bytes())
    at = spoiled.rfind(b"IDAT") + 20
    spoiled[at] ^= 255
    store = json.loads(c2pa.Reader("image/png", io.BytesIO(bytes(spoiled))).json())
    assert store["validation_state"] == "Invalid"
    broken = Provenance(certificate=signature.private_key, private_key=signature.certificate)
    with pytest.raises(InputError, match="nothing can be signed"):
        broken.signer()
