"""SQL for subjects: their headings, and the tree that they are."""

from collections.abc import Sequence

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.books.codes import SubjectScheme
from app.books.models import Subject


async def list_subject_ids(
    session: AsyncSession, *, scheme: SubjectScheme, code: str
) -> Sequence[int]:
    """Return the ids of a subject and of all that is below it: by beginning, or by the list."""
    below = (
        select(Subject.id, Subject.code)
        .where(Subject.scheme == scheme, Subject.code.startswith(code, autoescape=True))
        .cte("below", recursive=True)
    )
    child = aliased(Subject)
    below = below.union(
        select(child.id, child.code).join(
            below, and_(child.scheme == scheme, child.parent_code == below.c.code)
        )
    )
    return (await session.scalars(select(below.c.id).order_by(below.c.id))).all()
