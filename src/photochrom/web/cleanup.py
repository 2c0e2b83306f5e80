"""What nobody needs any more, removed: old pictures, ended links, what a kill left behind."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select

from photochrom.web.database import AlbumShare, Invitation, Login, Picture, Share, Token, db, now
from photochrom.web.pictures.resumable import sweep_uploads
from photochrom.web.security import SESSION_DAYS
from photochrom.web.settings import WebSettings
from photochrom.web.storage import Storage, drop_ballast, make_ballast

STRAY_S: Final = 3600.0
"""A folder without a row is left alone for so long: its row may be about to come."""

_log = logging.getLogger(__name__)


def sweep(settings: WebSettings, storage: Storage) -> None:
    """Remove what is due. Needs the app's context.

    Pictures that were finished more than ``keep_days`` ago, with their files, of films also the
    stills of their shots; links,
    tokens, invitations and log-ins that have ended; folders whose picture is gone; uploads and
    results that were never finished. What is kept for a full disk is kept again.
    """
    db.session.rollback()
    drop_ballast(settings.data_dir)
    for table in (Share, AlbumShare, Token, Invitation):
        db.session.execute(delete(table).where(table.expires_at < now()))
    since = now() - timedelta(days=SESSION_DAYS)
    db.session.execute(delete(Login).where(Login.created_at < since))
    db.session.commit()
    if settings.keep_days:
        limit = now() - timedelta(days=settings.keep_days)
        old = select(Picture.id).where(
            Picture.finished_at < limit,
            Picture.state.in_(("done", "failed")),
            Picture.film_id.is_(None),  # a still stays as long as its film
        )
        for picture_id in list(db.session.scalars(old)):
            db.session.execute(delete(Picture).where(Picture.id == picture_id))
            db.session.commit()
            storage.delete(picture_id)
            _log.info("swept a picture of more than %d days", settings.keep_days)
    films = select(Picture.id).where(Picture.kind == "film")
    lost = Picture.film_id.is_not(None) & Picture.film_id.not_in(films)
    for picture_id in list(db.session.scalars(select(Picture.id).where(lost))):
        db.session.execute(delete(Picture).where(Picture.id == picture_id))
        db.session.commit()
        storage.delete(picture_id)
    for picture_id in storage.strays(STRAY_S):
        row_id = db.session.scalar(select(Picture.id).where(Picture.id == picture_id))
        db.session.rollback()
        if row_id is None:
            storage.delete(picture_id)
    storage.forget_leftovers()
    storage.forget_incoming(STRAY_S)
    sweep_uploads(settings.data_dir)
    make_ballast(settings.data_dir)
