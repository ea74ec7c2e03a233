"""What clients ask and are told about people, series, publishers and subjects."""

from typing import Annotated

from pydantic import Field

from app.books.codes import ContributorRole, SubjectScheme
from app.core.pagination import CountedPage, PageQuery
from app.core.schemas import EmptyAsNone, ReadModel, Text

Code = Annotated[Text, Field(min_length=1, max_length=40, examples=["FBA"])]


class NameQuery(PageQuery):
    """Which names are asked for."""

    q: Annotated[
        Annotated[Text, Field(max_length=2_000)] | None,
        EmptyAsNone,
        Field(
            description="Words of the name, or their beginnings, in any order. Case, accents and "
            "punctuation do not matter.",
            examples=["le guin"],
        ),
    ] = None


class SubjectQuery(NameQuery):
    """Which subjects are asked for: those at the top of a scheme, if nothing else is said."""

    q: Annotated[
        Annotated[Text, Field(max_length=2_000)] | None,
        EmptyAsNone,
        Field(description="Words of the heading, or their beginnings.", examples=["crime"]),
    ] = None
    scheme: SubjectScheme = SubjectScheme.THEMA
    parent: Annotated[
        Code | None, EmptyAsNone, Field(description="Only those right below this code.")
    ] = None


class ContributorSummary(ReadModel):
    """Somebody who makes books."""

    id: int
    name: Annotated[str, Field(examples=["Ursula K. Le Guin"])]
    sort_name: Annotated[
        str | None,
        Field(description="The name as an index has it.", examples=["Le Guin, Ursula K."]),
    ]
    is_body: Annotated[bool, Field(description="An organisation rather than a person.")]


class ContributorDetail(ContributorSummary):
    """Somebody who makes books, and what they do."""

    biography: str | None
    roles: Annotated[list[ContributorRole], Field(description="The most frequent first.")]


class PublisherRead(ReadModel):
    """A publisher, or an imprint."""

    id: int
    name: Annotated[str, Field(examples=["Penguin Classics"])]


class SeriesSummary(ReadModel):
    """A series of books."""

    id: int
    title: Annotated[str, Field(examples=["Hainish Cycle"])]


class SeriesOfBook(SeriesSummary):
    """A series that a book is in."""

    number: Annotated[
        str | None, Field(description="What the series calls the volume by.", examples=["2.5"])
    ]


class SubjectRead(ReadModel):
    """A code of a subject scheme."""

    scheme: SubjectScheme
    code: Annotated[str, Field(examples=["FBA"])]
    heading: Annotated[
        str | None,
        Field(
            description="Null where the shop has no list that names the code.",
            examples=["Modern and contemporary fiction: general and literary"],
        ),
    ]


class SubjectOfBook(SubjectRead):
    """What a book is about."""

    path: Annotated[
        list[str],
        Field(
            description="Headings from the top of the scheme down to this one; the code itself "
            "where there is no heading.",
        ),
    ]
    is_main: bool


class SubjectDetail(SubjectRead):
    """A subject between those above and those below it."""

    parents: Annotated[list[SubjectRead], Field(description="What is above it, from the top.")]
    children: Annotated[
        list[SubjectRead],
        Field(
            description="What is right below it, the first hundred by code; "
            "`GET /subjects?parent=` has all.",
        ),
    ]


class ContributorPage(CountedPage[ContributorSummary]):
    """One page of contributors."""


class PublisherPage(CountedPage[PublisherRead]):
    """One page of publishers and imprints."""


class SeriesPage(CountedPage[SeriesSummary]):
    """One page of series."""


class SubjectPage(CountedPage[SubjectRead]):
    """One page of subjects."""
