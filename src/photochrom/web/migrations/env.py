"""What alembic runs for each migration: our connection, our tables."""

from __future__ import annotations

from alembic import context

from photochrom.web.database import db

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=db.metadata,
    render_as_batch=True,  # SQLite cannot change a column, so that tables are copied
)
with context.begin_transaction():
    context.run_migrations()
