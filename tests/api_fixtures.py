"""Programs that use a studio's API, and a worker that works when it is told to."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask
from model_fixtures import tiny_model
from PIL import Image
from sqlalchemy import select
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from photochrom.engine import load
from photochrom.web.accounts.tokens import create_token
from photochrom.web.database import Picture, User, db
from photochrom.web.settings import WebSettings
from photochrom.web.worker import Worker

API = "/api/v1"


class Program:
    """Somebody's program, with a token of its own and without cookies."""

    def __init__(self, app: Flask, email: str) -> None:
        self.app = app
        self.token = token_of(app, email)

    def call(self, method: str, path: str, **more: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        client = self.app.test_client(use_cookies=False)
        return client.open(API + path, method=method, headers=headers, **more)

    def send(self, file: bytes = b"", name: str = "Grandmother.png", **fields: Any) -> TestResponse:
        form = {"file": FileStorage(io.BytesIO(file or png()), name), **fields}
        boundary, body = encode_multipart(form)
        kind = f"multipart/form-data; boundary={boundary}"
        return self.call("POST", "/pictures", data=body, content_type=kind)

    def picture(self) -> str:
        """The identifier of a picture that this program has just sent."""
        answer = self.send()
        assert answer.status_code == 201, answer.get_data(as_text=True)
        return str(answer.get_json()["id"])


def token_of(app: Flask, email: str) -> str:
    """A new token of a user, who is made if there is none."""
    with app.app_context():
        user = db.session.scalar(select(User).filter_by(email=email))
        if user is None:
            user = User(name="Ada", email=email, password_hash="")
            db.session.add(user)
            db.session.commit()
        _token, secret = create_token(user, "test")
        return secret


def work_off(app: Flask, settings: WebSettings, folder: Path) -> None:
    """Colour whatever waits, with the tiny network."""
    path = folder / "tiny.onnx"
    network = load(path if path.is_file() else tiny_model(path))
    with app.app_context():
        waiting = [
            (picture.id, picture.revision)
            for picture in db.session.scalars(select(Picture).filter_by(state="waiting"))
        ]
        db.session.rollback()
    for picture_id, revision in waiting:
        Worker(app, settings, network).work(picture_id, revision)


def png(height: int = 48, width: int = 64) -> bytes:
    """A small drawn picture in grey."""
    ramp = np.add.outer(np.arange(height), np.arange(width)) * 255 // (height + width)
    buffer = io.BytesIO()
    Image.fromarray(ramp.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()
