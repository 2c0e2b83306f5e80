"""What the studio remembers: users, their tokens, pictures and share links."""

from __future__ import annotations

import contextlib
import errno
import secrets
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from alembic import command
from alembic.config import Config
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    LargeBinary,
    MetaData,
    String,
    TypeDecorator,
    UniqueConstraint,
    event,
    false,
)
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from photochrom.errors import OutputError
from photochrom.web.settings import WebSettings

MAX_NAME: Final = 200
"""The longest name of a picture, in characters."""

_MIGRATIONS = Path(__file__).with_name("migrations")
_NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of all tables; constraints have names, so that a migration can change them."""

    metadata = MetaData(naming_convention=_NAMES)


db = SQLAlchemy(model_class=Base)
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time, in UTC, also in SQLite, which forgets the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """With its zone."""
        if value is not None and value.tzinfo is None:
            return value.replace(tzinfo=timezone.utc)
        return value


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(timezone.utc)


def new_id() -> str:
    """A public identifier that cannot be guessed: 16 characters of A–Z, a–z, 0–9, - and _."""
    return secrets.token_urlsafe(12)


class User(Model):
    """A person with an account, or the one person of a studio without accounts."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(320), unique=True)
    """Casefolded."""
    password_hash: Mapped[str] = mapped_column(String(200))
    """Empty: they have no password, and log in by another service."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    session_epoch: Mapped[int] = mapped_column(default=0)
    """Raised to end all sessions and reset links that were given out before."""
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when nobody can log in as them, no program act for them, and no link of theirs opens;
    None: they can."""
    quota_mb: Mapped[int | None]
    """Their storage in MB, where it is not what the setting says."""
    is_admin: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether they see the page of whoever runs the studio."""
    totp_salt: Mapped[str | None] = mapped_column(String(32))
    """From which the key of their phone follows; None: there is none."""
    totp_enabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when they log in with its codes; None: they do not, or the phone is not shown yet."""
    totp_step: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """The time step of the last code that was used: neither it nor an older one is good again."""
    oidc_subject: Mapped[str | None] = mapped_column(String(64), index=True, unique=True)
    """SHA-256 of how another service knows them, by which they log in; None: it does not."""
    language: Mapped[str | None] = mapped_column(String(8))
    """Its code, of mails and of each browser that they log in with; None: nobody has asked yet."""
    chosen_model: Mapped[str | None] = mapped_column(String(100))
    """The model that they chose last for what they sent; None: the studio's choice."""
    logins: Mapped[list[Login]] = relationship(cascade="all, delete-orphan", passive_deletes=True)
    tokens: Mapped[list[Token]] = relationship(
        back_populates="user", cascade="all, delete-orphan", passive_deletes=True
    )
    pictures: Mapped[list[Picture]] = relationship(
        back_populates="user", cascade="all, delete-orphan", passive_deletes=True
    )

    # What Flask-Login asks of a user.
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """What the session remembers: the user, and which epoch it belongs to."""
        return f"{self.id}.{self.session_epoch}"


class Login(Model):
    """A browser in which somebody is logged in; only the digest of its secret is kept."""

    __tablename__ = "logins"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    agent: Mapped[str] = mapped_column(String(100))
    """The browser and its system, in words."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    last_used_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class RecoveryCode(Model):
    """A code that lets somebody in whose phone is gone, once; only its digest is kept."""

    __tablename__ = "recovery_codes"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)


class Invitation(Model):
    """A secret with which one person can sign up; gone once it was used."""

    __tablename__ = "invitations"
    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Token(Model):
    """A secret with which a program acts for its user; only its digest is kept."""

    __tablename__ = "tokens"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the secret, in hexadecimal."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    scope: Mapped[str] = mapped_column(String(8), default="write", server_default="write")
    """read: looking and downloading alone; write: all that the API does."""
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user: Mapped[User] = relationship(back_populates="tokens")


class Picture(Model):
    """A photo or film, what was asked of it, and how far that is."""

    __tablename__ = "pictures"
    id: Mapped[str] = mapped_column(String(16), primary_key=True, default=new_id)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(MAX_NAME))
    """What the person calls it; shown and searched, never part of a path."""
    kind: Mapped[str] = mapped_column(String(8), default="photo")
    """photo or film."""
    film_id: Mapped[str | None] = mapped_column(String(16), index=True)
    """Of a still of a film's shot: that film. It is not in the library, and goes with the film."""
    film_time_s: Mapped[float | None] = mapped_column(Double)
    """Of such a still: its time in the film, seconds from the first frame."""
    media_type: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    """Disk space of all its files."""
    reserved_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """What its result will take, as guessed; 0 once the files themselves are counted."""
    width: Mapped[int] = mapped_column(default=0)
    height: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    taken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the photograph was taken, by its file, on the clock of its place as if that were UTC."""
    state: Mapped[str] = mapped_column(String(8), default="waiting", index=True)
    """waiting, working, done or failed."""
    problem: Mapped[str | None] = mapped_column(String(500))
    size: Mapped[int | None]
    """Render factor: the short side that the network sees, in pixels; None: the model's own."""
    vividness: Mapped[float] = mapped_column(Double, default=1.0)
    temperature: Mapped[float] = mapped_column(Double, default=0.0, server_default="0")
    tint: Mapped[float] = mapped_column(Double, default=0.0, server_default="0")
    neutral: Mapped[float] = mapped_column(Double, default=0.0, server_default="0")
    """As of `photochrom.pipeline.WhiteBalance`, like the two before."""
    hints: Mapped[list[Any]] = mapped_column(JSON, default=list)
    """Points [x, y, "#rrggbb"], strokes {"points": [[x, y], …], "color": "#rrggbb", "width": w} and
    areas {"area": [x, y], "color": "#rrggbb", "tolerance": t}, in pixels of the upright original;
    where two meet, the later one counts."""
    variant: Mapped[int] = mapped_column(default=0)
    reference: Mapped[str | None] = mapped_column(String(16))
    """Identifier of the picture that gives it colours; it may be deleted by now."""
    colors_searched: Mapped[int] = mapped_column(default=0, server_default="0")
    """The last saved colour that was looked for in it."""
    reference_agreement: Mapped[float | None] = mapped_column(Double)
    """Share of the picture that the reference of the result surely shows, [0, 1]; None: there is
    none, or it is not known yet."""
    restore: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether damage is mended before it is coloured."""
    scratched: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether a person sees scratches or specks in it."""
    restored: Mapped[list[str] | None] = mapped_column(JSON)
    """Kinds of damage that were mended in the result; None: nobody asked, or it is not known."""
    own_colors: Mapped[str | None] = mapped_column(String(8))
    """Colours of the original: "all" over it, or "places" of it; None: it has none, or it is not
    known."""
    keep_colors: Mapped[bool] = mapped_column(default=True, server_default=false())
    """Whether they are kept."""
    notes: Mapped[list[str] | None] = mapped_column(JSON)
    """What its file has, or lacks, in sentences for its owner."""
    revision: Mapped[int] = mapped_column(default=1)
    """Raised at every edit."""
    done_revision: Mapped[int] = mapped_column(default=0)
    """The revision that the result file shows; 0: there is none yet."""
    chosen_model: Mapped[str | None] = mapped_column(String(100))
    """The name of the model that colours it; None: the one that the studio chooses."""
    model: Mapped[str | None] = mapped_column(String(200))
    """Which made the result: name and version; None: there is none yet, or it is not known."""
    progress: Mapped[float] = mapped_column(Double, default=0.0)
    seconds_left: Mapped[float | None] = mapped_column(Double)
    """Of a film that is being coloured, as guessed; None: it is not known."""
    film_pace: Mapped[float | None] = mapped_column(Double)
    """How long it took beside the guess, as `film_time.usual_pace` counts it; None: not known."""
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    claimed_by: Mapped[str | None] = mapped_column(String(64))
    """The worker that is at it."""
    attempts: Mapped[int] = mapped_column(default=0)
    """How often this revision was begun, save where the worker was told to stop or the database
    went away: one that kills its worker, or cannot be written, is given up."""
    user: Mapped[User] = relationship(back_populates="pictures")
    shares: Mapped[list[Share]] = relationship(
        back_populates="picture", cascade="all, delete-orphan", passive_deletes=True
    )


class PastResult(Model):
    """What an earlier result of a picture was made by, to go back to it."""

    __tablename__ = "past_results"
    __table_args__ = (UniqueConstraint("picture_id", "revision"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    picture_id: Mapped[str] = mapped_column(ForeignKey("pictures.id", ondelete="CASCADE"))
    revision: Mapped[int]
    edit: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The columns of the picture, by their names."""
    model: Mapped[str | None] = mapped_column(String(200))
    """As of `Picture`."""
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Album(Model):
    """A name under which a user finds some of their pictures."""

    __tablename__ = "albums"
    __table_args__ = (UniqueConstraint("user_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))


class AlbumPicture(Model):
    """That a picture is in an album."""

    __tablename__ = "album_pictures"
    album_id: Mapped[int] = mapped_column(
        ForeignKey("albums.id", ondelete="CASCADE"), primary_key=True
    )
    picture_id: Mapped[str] = mapped_column(
        ForeignKey("pictures.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class SavedColor(Model):
    """A thing whose colour a user knows, by a place of one of their photographs."""

    __tablename__ = "saved_colors"
    # No identifier comes twice: `Picture.colors_searched` counts by them.
    __table_args__ = (UniqueConstraint("user_id", "name"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    color: Mapped[str] = mapped_column(String(7))
    """#rrggbb."""
    picture_id: Mapped[str | None] = mapped_column(
        ForeignKey("pictures.id", ondelete="SET NULL"), index=True
    )
    """Of which photograph; None: it was deleted, and the colour is found all the same."""
    x: Mapped[float] = mapped_column(Double)
    """Of the place, px of the photograph from the upper left one, which is 0."""
    y: Mapped[float] = mapped_column(Double)
    width: Mapped[int]
    """Of the photograph, px."""
    height: Mapped[int]
    view: Mapped[bytes] = mapped_column(LargeBinary)
    """The photograph's lightness, which is looked for, as a PNG."""


class ColorPlace(Model):
    """Where a photograph shows a thing whose colour is saved."""

    __tablename__ = "color_places"
    __table_args__ = (UniqueConstraint("color_id", "picture_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    color_id: Mapped[int] = mapped_column(ForeignKey("saved_colors.id", ondelete="CASCADE"))
    picture_id: Mapped[str] = mapped_column(
        ForeignKey("pictures.id", ondelete="CASCADE"), index=True
    )
    x: Mapped[float] = mapped_column(Double)
    """Px of the upright original from the upper left one, which is 0."""
    y: Mapped[float] = mapped_column(Double)
    score: Mapped[float] = mapped_column(Double)
    """As of a `photochrom.guided.saved_colors.FoundPlace`."""
    state: Mapped[str] = mapped_column(String(8), default="proposed")
    """proposed, accepted or refused."""


class Share(Model):
    """A link with which anybody can look at one picture until it expires."""

    __tablename__ = "shares"
    id: Mapped[int] = mapped_column(primary_key=True)
    picture_id: Mapped[str] = mapped_column(
        ForeignKey("pictures.id", ondelete="CASCADE"), index=True
    )
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    picture: Mapped[Picture] = relationship(back_populates="shares")


class AlbumShare(Model):
    """A link with which anybody can look at the pictures of one album until it expires."""

    __tablename__ = "album_shares"
    id: Mapped[int] = mapped_column(primary_key=True)
    album_id: Mapped[int] = mapped_column(ForeignKey("albums.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    album: Mapped[Album] = relationship()


def is_outage(error: Exception) -> bool:
    """Whether the database is away, busy or full, and not what was asked of it to blame."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, (OperationalError, InterfaceError, NoConnectionError))


def is_disk_full(error: Exception) -> bool:
    """Whether the database, or what is asked of the system, has no space left to write."""
    if isinstance(error, OutputError) and isinstance(error.__cause__, OSError):
        error = error.__cause__
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    text = str(error.orig) if isinstance(error, DBAPIError) else ""
    return "disk is full" in text or "No space left" in text


def init_database(app: Flask, settings: WebSettings) -> None:
    """Connect ``app`` to its database."""
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.sql_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        # Parameters are people's names and addresses, and error messages reach the logs.
        "hide_parameters": True,
        # A server may have gone away meanwhile, a file has not.
        "pool_pre_ping": not settings.sql_url.startswith("sqlite"),
        # No thread of the server waits for another's connection.
        "max_overflow": 4 * settings.threads,
    }
    db.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "connect", _set_up_sqlite)


def upgrade_database(app: Flask) -> None:
    """Bring the database of ``app`` to the tables of this version, from whatever version it has."""
    with _migration(app) as config:
        command.upgrade(config, "head")


def downgrade_database(app: Flask, revision: str) -> None:
    """Take the database of ``app`` back to the tables of ``revision``; "base" removes them all."""
    with _migration(app) as config:
        command.downgrade(config, revision)


@contextlib.contextmanager
def _migration(app: Flask) -> Iterator[Config]:
    """Alembic's settings, with a connection in a transaction that ends with the block."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with app.app_context(), db.engine.begin() as connection:
        config.attributes["connection"] = connection
        yield config


def _set_up_sqlite(connection: Any, _record: object) -> None:
    """Readers and the one writer beside each other; writers wait for each other."""
    if not isinstance(connection, sqlite3.Connection):
        return
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000",
                   "foreign_keys=ON"):  # fmt: skip
        connection.execute(f"PRAGMA {pragma}")
    # SQLite's own leaves all letters as they are but those from A to Z.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(text: str | bytes | float | None) -> str | bytes | float | None:
    return text.lower() if isinstance(text, str) else text
