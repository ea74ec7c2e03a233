"""One record, from its element to an ``OnixProduct``."""

from app.books.importers.onix.codes import BLOCKS, NOTIFICATIONS
from app.books.importers.onix.collateral import read_resources, read_texts
from app.books.importers.onix.describing import (
    read_audiences,
    read_extents,
    read_languages,
    read_measures,
    read_subjects,
)
from app.books.importers.onix.elements import Element, children, first, lines
from app.books.importers.onix.identifiers import (
    find_gtin,
    find_isbn,
    note_wrong_isbns,
    read_form,
    read_identifiers,
    read_parts,
    read_related_products,
    read_related_works,
)
from app.books.importers.onix.people import read_contributors
from app.books.importers.onix.product import OnixHeader, OnixProduct
from app.books.importers.onix.publishing import (
    read_publishers,
    read_publishing_dates,
    read_sales_rights,
)
from app.books.importers.onix.supply import read_supplies
from app.books.importers.onix.titles import read_series, read_title
from app.books.importers.onix.values import whole
from app.books.importers.report import Repair


def read_record(
    element: Element, *, line: int, header: OnixHeader, repairs: list[Repair]
) -> OnixProduct:
    """Return what a record says; ``repairs`` are those made to it so far.

    The blocks of 3.x only group what 2.1 has side by side, so that both are read alike.
    """
    groups = children(element)
    blocks = groups.keys() & BLOCKS.keys()
    for block in blocks - {"ProductSupply"}:
        for part in groups.pop(block):
            for name, elements in children(part).items():
                groups.setdefault(name, []).extend(elements)
    notification = first(groups, "NotificationType", repairs=repairs)
    identifiers = read_identifiers(groups, repairs)
    note_wrong_isbns(identifiers, repairs)
    form, raw_form, form_details = read_form(groups, repairs)
    title, subtitle = read_title(groups, repairs)
    edition_number = first(groups, "EditionNumber", repairs=repairs)
    extents, pages, minutes = read_extents(groups, repairs)
    texts = read_texts(groups, repairs)
    resources, cover_urls = read_resources(groups, repairs)
    publishers, publisher, imprint = read_publishers(groups, repairs)
    dates = read_publishing_dates(groups, repairs)
    sales_rights, rest_of_world_rights = read_sales_rights(groups, repairs)
    return OnixProduct(
        line=line,
        record_reference=first(groups, "RecordReference", repairs=repairs),
        notification=NOTIFICATIONS.get(notification),
        raw_notification=notification,
        deletion_text=first(groups, "DeletionText", repairs=repairs),
        isbn=find_isbn(identifiers),
        gtin=find_gtin(identifiers),
        identifiers=identifiers,
        blocks=frozenset(BLOCKS[block] for block in blocks),
        form=form,
        raw_form=raw_form,
        form_details=form_details,
        composition=first(groups, "ProductComposition", repairs=repairs),
        parts=read_parts(groups, repairs),
        title=title,
        subtitle=subtitle,
        series=read_series(groups, repairs),
        contributors=read_contributors(groups, repairs),
        edition_number=whole(edition_number, what="Edition number", repairs=repairs),
        edition_statement=first(groups, "EditionStatement", repairs=repairs),
        edition_types=lines(groups, "EditionType", repairs)
        + lines(groups, "EditionTypeCode", repairs),
        languages=read_languages(groups, header, repairs),
        pages=pages,
        minutes=minutes,
        extents=extents,
        measures=read_measures(groups, header, repairs),
        subjects=read_subjects(groups, repairs),
        audience_codes=read_audiences(groups, repairs),
        short_description=texts.short,
        description=texts.long,
        table_of_contents=texts.contents,
        texts=texts.all,
        cover_urls=cover_urls,
        resources=resources,
        publisher=publisher,
        publishers=publishers,
        imprint=imprint,
        publishing_status=first(groups, "PublishingStatus", repairs=repairs),
        publication_date=dates.publication,
        first_publication_date=dates.first_publication,
        on_sale_date=dates.on_sale,
        sales_rights=sales_rights,
        rest_of_world_rights=rest_of_world_rights,
        related_works=read_related_works(groups, repairs),
        related_products=read_related_products(groups, repairs),
        supplies=read_supplies(groups, header, repairs),
        repairs=tuple(repairs),
    )
