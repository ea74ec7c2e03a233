"""What a record says becomes rows: new works and books, and what differs of known ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.codes import BookFormat
from app.books.importers.matching import agree
from app.books.importers.onix.facts import Facts, Person
from app.books.importers.onix.product import OnixProduct
from app.books.importers.onix.shelf import TEXT_FORMATS, Shelf
from app.books.models import (
    Book,
    Contribution,
    Price,
    SalesRight,
    SeriesMembership,
    Stock,
    Work,
    WorkIdentifier,
    WorkSubject,
)

UNKNOWN_AUTHOR = "Unknown"
SERIES_COLUMNS = {"series", "series_number"}


def add_book(
    session: AsyncSession, shelf: Shelf, product: OnixProduct, facts: Facts, *, currency: str
) -> Book:
    """Add a book without a price, as an edition of the work that it belongs to."""
    work = _find_work(shelf, product, facts)
    if work is None:
        work = _add_work(session, shelf, product, facts)
    else:
        _fill_work(shelf, work, facts)
    book = Book(
        work=work,
        isbn=product.isbn,
        gtin=None if product.isbn else product.gtin,
        currency=currency,
        stock=Stock(),
        prices=[],
        sales_rights=[],
        **facts.book,
    )
    _set_trade_facts(shelf, book, facts)
    session.add(book)
    shelf.first_editions.setdefault(work, book)
    for number in (product.isbn, product.gtin):
        if number is not None:
            shelf.by_number[number] = book
    return book


def update_book(shelf: Shelf, book: Book, facts: Facts) -> bool:
    """Make a book what the record says; tell whether anything was different.

    The facts of a work are those of its oldest edition; the others only fill its gaps, and so do
    all where staff put the work together.
    """
    is_changed = _set(book, facts.book)
    is_changed |= _set_trade_facts(shelf, book, facts)
    if shelf.first_editions[book.work] is book and not book.work.is_curated:
        is_changed |= _set_work(shelf, book.work, facts)
    else:
        is_changed |= _fill_work(shelf, book.work, facts)
    return is_changed


def _set(entity: Any, values: Mapping[str, Any]) -> bool:
    """Set what differs; tell whether anything does."""
    different = {name: value for name, value in values.items() if getattr(entity, name) != value}
    for name, value in different.items():
        setattr(entity, name, value)
    return bool(different)


def _find_work(shelf: Shelf, product: OnixProduct, facts: Facts) -> Work | None:
    """Return the work that a new book is an edition of.

    The feed's own word counts first: a common work, a related product. Else title and first
    author must be the same, and nothing may speak against it.
    """
    for identifier in sorted(facts.work_identifiers):
        if identifier in shelf.works_by_identifier:
            return shelf.works_by_identifier[identifier]
    for isbn in sorted(facts.related_isbns):
        if isbn in shelf.by_number:
            return shelf.by_number[isbn].work
    if not facts.people or facts.book.get("format", BookFormat.OTHER) not in TEXT_FORMATS:
        return None
    namesakes = shelf.works_by_key.get(shelf.key_of(product.title, facts.people[0].name), ())
    return next((work for work in namesakes if _may_be(shelf, work, facts)), None)


def _may_be(shelf: Shelf, work: Work, facts: Facts) -> bool:
    first = shelf.first_editions.get(work)
    return (first is not None and first.format in TEXT_FORMATS) and all(
        agree(getattr(work, name), facts.work.get(name))
        for name in ("series_number", "first_published", "subtitle")
    )


def _add_work(session: AsyncSession, shelf: Shelf, product: OnixProduct, facts: Facts) -> Work:
    work = Work(
        contributions=[],
        series_memberships=[],
        subjects=[],
        identifiers=[],
        **{"author": UNKNOWN_AUTHOR, **facts.work},
    )
    _set_people(shelf, work, facts.people)
    _set_series(shelf, work, facts)
    _set_subjects(shelf, work, facts)
    _add_identifiers(shelf, work, facts)
    session.add(work)
    if facts.people:
        key = shelf.key_of(product.title, facts.people[0].name)
        shelf.works_by_key.setdefault(key, []).append(work)
    return work


def _set_work(shelf: Shelf, work: Work, facts: Facts) -> bool:
    """Make a work what the record says; tell whether anything was different."""
    is_changed = _set(work, facts.work)
    is_changed |= _set_people(shelf, work, facts.people)
    is_changed |= _set_series(shelf, work, facts)
    is_changed |= _set_subjects(shelf, work, facts)
    return _add_identifiers(shelf, work, facts) or is_changed


def _fill_work(shelf: Shelf, work: Work, facts: Facts) -> bool:
    """Add what a work lacks; tell whether anything was added."""
    missing = {
        name: value
        for name, value in facts.work.items()
        if getattr(work, name) is None and name not in SERIES_COLUMNS
    }
    is_changed = _set(work, missing)
    if not work.contributions:
        is_changed |= _set_people(shelf, work, facts.people)
    if not work.series_memberships and facts.series:
        series = {name: facts.work.get(name) for name in SERIES_COLUMNS}
        is_changed |= _set(work, series) | _set_series(shelf, work, facts)
    if not work.subjects:
        is_changed |= _set_subjects(shelf, work, facts)
    return _add_identifiers(shelf, work, facts) or is_changed


def _set_people(shelf: Shelf, work: Work, people: Sequence[Person] | None) -> bool:
    if people is None:
        return False
    is_changed = False
    for person in people:
        known = shelf.contributors[person.name]
        told = {"sort_name": person.sort_name, "biography": person.biography}
        is_changed |= _set(known, {name: value for name, value in told.items() if value})
        is_changed |= _set(known, {"is_body": person.is_body})
    wanted = [(shelf.contributors[person.name], person.role) for person in people]
    if wanted == [(given.contributor, given.role) for given in work.contributions]:
        return is_changed
    for position, (contributor, role) in enumerate(wanted):
        if position < len(work.contributions):
            given = work.contributions[position]
            given.contributor, given.role = contributor, role
        else:
            work.contributions.append(
                Contribution(position=position, contributor=contributor, role=role)
            )
    del work.contributions[len(wanted) :]
    return True


def _set_series(shelf: Shelf, work: Work, facts: Facts) -> bool:
    if facts.series is None:
        return False
    wanted = [(shelf.series[title], number) for title, number in facts.series]
    if wanted == [(member.series_id, member.number) for member in work.series_memberships]:
        return False
    for position, (series_id, number) in enumerate(wanted):
        if position < len(work.series_memberships):
            member = work.series_memberships[position]
            member.series_id, member.number = series_id, number
        else:
            work.series_memberships.append(
                SeriesMembership(position=position, series_id=series_id, number=number)
            )
    del work.series_memberships[len(wanted) :]
    return True


def _set_subjects(shelf: Shelf, work: Work, facts: Facts) -> bool:
    if facts.subjects is None:
        return False
    is_changed = False
    for code, (heading, _) in facts.subjects.items():
        subject = shelf.subjects[code]
        if heading and subject.heading is None:
            subject.heading, is_changed = heading, True
    wanted = {shelf.subjects[code]: is_main for code, (_, is_main) in facts.subjects.items()}
    given = {link.subject: link for link in work.subjects}
    for subject in given.keys() - wanted.keys():
        work.subjects.remove(given[subject])
        is_changed = True
    for subject, is_main in wanted.items():
        if subject not in given:
            work.subjects.append(WorkSubject(subject=subject, is_main=is_main))
            is_changed = True
        else:
            is_changed |= _set(given[subject], {"is_main": is_main})
    return is_changed


def _add_identifiers(shelf: Shelf, work: Work, facts: Facts) -> bool:
    new = facts.work_identifiers - shelf.works_by_identifier.keys()
    for scheme, value in sorted(new):
        work.identifiers.append(WorkIdentifier(scheme=scheme, value=value))
        shelf.works_by_identifier[scheme, value] = work
    return bool(new)


def _set_trade_facts(shelf: Shelf, book: Book, facts: Facts) -> bool:
    """Set publisher, prices and rights; tell whether anything was different."""
    names = {"publisher_id": facts.publisher, "imprint_id": facts.imprint}
    is_changed = _set(
        book, {column: shelf.publishers[name] for column, name in names.items() if name}
    )
    if facts.prices is not None and _rows(book.prices, facts.prices) != list(facts.prices):
        book.prices = [Price(**row) for row in facts.prices]
        is_changed = True
    if facts.rights is not None and _rows(book.sales_rights, facts.rights) != list(facts.rights):
        book.sales_rights = [SalesRight(**row) for row in facts.rights]
        is_changed = True
    return is_changed


def _rows(
    entities: Sequence[Price] | Sequence[SalesRight], like: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the entities as rows with the columns of the others."""
    columns = like[0].keys() if like else ()
    return [{name: getattr(entity, name) for name in columns} for entity in entities]
