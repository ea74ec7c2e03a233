"""The declarative base that every model inherits from."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import DDL, DateTime, Enum, MetaData, event, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql.schema import SchemaItem

ENUM_LENGTH = 30

NAMING_CONVENTION = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of all models.

    ``Base.metadata`` knows a model once its module was imported; ``app.registry`` imports them
    all, and so do ``app.main`` and Alembic's environment through it.
    """

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: DateTime(timezone=True)}


class CreatedAt:
    """Mixin: the moment at which the row's transaction began, by the database's clock."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


def text_enum(values: type[StrEnum]) -> Enum:
    """Return the column type for an enumeration: its values as text, so that adding one is free."""
    return Enum(
        values,
        native_enum=False,
        length=ENUM_LENGTH,
        values_callable=lambda members: [member.value for member in members],
    )


def attach_sql(
    target: SchemaItem | MetaData, *, create: Sequence[str] = (), drop: Sequence[str] = ()
) -> None:
    """Let ``create_all`` and ``drop_all`` also run SQL that is no table: extensions, functions.

    On a ``MetaData`` the SQL runs before the first table is made (and after the last is gone);
    on a ``Table`` it runs right after that table is made (and before it goes).
    """
    before = isinstance(target, MetaData)
    for statement in create:
        ddl = DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
        event.listen(target, "before_create" if before else "after_create", ddl)
    for statement in drop:
        ddl = DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
        event.listen(target, "after_drop" if before else "before_drop", ddl)
