"""Who made a work, what it is about and which series it is in, told in full.

``author``, ``series`` and ``series_number`` say the same in a line each, for clients that know no
more. Where both are sent, the lists win.
"""

from typing import Any, TypeAlias

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.author_lines import author_line
from app.books.codes import ContributorRole
from app.books.repository import names as names_repository
from app.books.repository import works as works_repository
from app.books.schemas import BookLists

Lists: TypeAlias = dict[str, list[dict[str, Any]]]
"""What was told in full, by the names of the fields of ``BookLists``."""


def split_lists(told: BookLists, *, exclude_unset: bool) -> tuple[dict[str, Any], Lists]:
    """Return a schema's other fields and the lists that were sent; null is an empty one.

    The lines that say the same as a list are made to.
    """
    fields = told.model_dump(exclude=set(BookLists.model_fields), exclude_unset=exclude_unset)
    lists = {
        name: [item.model_dump() for item in getattr(told, name) or ()]
        for name in BookLists.model_fields.keys() & told.model_fields_set
    }
    if "contributors" in lists:
        people = lists["contributors"]
        authors = [person for person in people if person["role"] is ContributorRole.AUTHOR]
        names = dict.fromkeys(person["name"] for person in authors or people[:1])
        fields["author"] = author_line(list(names))
    if "series_list" in lists:
        first = next(iter(lists["series_list"]), {"title": None, "number": None})
        fields |= {"series": first["title"], "series_number": first["number"]}
    return fields, lists


async def assign(session: AsyncSession, *, work_id: int, lists: Lists) -> None:
    """Make the lists that were sent a work's, each in its order and without repetitions."""
    if "contributors" in lists:
        told = lists["contributors"]
        ids = await names_repository.contributor_ids(session, [person["name"] for person in told])
        people = dict.fromkeys((ids[person["name"]], person["role"]) for person in told)
        await works_repository.set_contributions(session, work_id=work_id, people=list(people))
    if "series_list" in lists:
        told = lists["series_list"]
        ids = await names_repository.series_ids(session, [entry["title"] for entry in told])
        entries: dict[int, str | None] = {}
        for entry in told:
            entries.setdefault(ids[entry["title"]], entry["number"])
        await works_repository.set_memberships(
            session, work_id=work_id, series=list(entries.items())
        )
    if "subjects" in lists:
        subjects = {
            (subject["scheme"], subject["code"]): subject["is_main"]
            for subject in lists["subjects"]
        }
        await names_repository.set_subjects(session, work_id=work_id, subjects=subjects)
