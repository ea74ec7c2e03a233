"""Feeds land in the catalogue: once, whole, in the order in which they were sent."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from stdnum import ean

from app.books.importers.onix.landing import (
    FOR_THE_TRADE,
    FREE_OR_UNKNOWN,
    NO_BOOK,
    NO_NUMBER,
    NO_PRICE,
    NO_REFERENCE,
    NO_TITLE,
    REMOVED,
    REPEATED,
    TEST,
    FeedOptions,
)
from app.books.importers.report import OWN_PRICE, ImportReport
from app.books.importers.run import import_onix
from app.books.models import Book, Work
from app.db.session import session_scope
from tests.books.onix.messages import FILES, ROOT_30
from tests.books.rows import query, row_versions

pytestmark = pytest.mark.usefixtures("empty_shop")

OPTIONS = FeedOptions(currency="GBP", country="GB", today=date(2026, 11, 24))
BOOKS = "SELECT isbn, format, price, deleted_at IS NULL FROM books ORDER BY id"
RELATED_WORK = (
    "<RelatedMaterial><RelatedWork><WorkRelationCode>01</WorkRelationCode><WorkIdentifier>"
    "<WorkIDType>01</WorkIDType><IDTypeName>House</IDTypeName><IDValue>W7</IDValue>"
    "</WorkIdentifier></RelatedWork></RelatedMaterial>"
)
ISBN, OTHER_ISBN = "9780007232833", "9780141439518"


def title(words: str, *, subtitle: str = "") -> str:
    below = f"<Subtitle>{subtitle}</Subtitle>" if subtitle else ""
    return (
        "<TitleDetail><TitleType>01</TitleType><TitleElement><TitleElementLevel>01"
        f"</TitleElementLevel><TitleText>{words}</TitleText>{below}</TitleElement></TitleDetail>"
    )


def author(name: str, role: str = "A01") -> str:
    return (
        f"<Contributor><ContributorRole>{role}</ContributorRole>"
        f"<PersonName>{name}</PersonName></Contributor>"
    )


AUSTEN = author("Jane Austen")


def price(amount: str, currency: str = "GBP", kind: str = "02", more: str = "") -> str:
    return (
        f"<Price><PriceType>{kind}</PriceType><PriceAmount>{amount}</PriceAmount>"
        f"<CurrencyCode>{currency}</CurrencyCode>{more}</Price>"
    )


def product(
    *,
    reference: str = "r1",
    kind: str = "03",
    isbn: str | None = ISBN,
    about: str = title("Emma") + author("Jane Austen"),
    form: str = "BC",
    publishing: str = "<Publisher><PublishingRole>01</PublishingRole><PublisherName>Penguin"
    "</PublisherName></Publisher>",
    supply: str | None = price("7.99"),
    blurb: str = "",
    related: str = "",
) -> str:
    number = (
        f"<ProductIdentifier><ProductIDType>15</ProductIDType><IDValue>{isbn}</IDValue>"
        "</ProductIdentifier>"
        if isbn
        else "<ProductIdentifier><ProductIDType>01</ProductIDType><IDValue>x</IDValue>"
        "</ProductIdentifier>"
    )
    collateral = (
        "<CollateralDetail><TextContent><TextType>03</TextType><ContentAudience>00"
        f"</ContentAudience><Text>{blurb}</Text></TextContent></CollateralDetail>"
        if blurb
        else ""
    )
    described = (
        "<DescriptiveDetail><ProductComposition>00</ProductComposition>"
        f"<ProductForm>{form}</ProductForm>{about}</DescriptiveDetail>"
        if about
        else ""
    )
    supplied = (
        "<ProductSupply><SupplyDetail><Supplier><SupplierRole>01</SupplierRole><SupplierName>S"
        f"</SupplierName></Supplier><ProductAvailability>21</ProductAvailability>{supply}"
        "</SupplyDetail></ProductSupply>"
        if supply is not None
        else ""
    )
    published = f"<PublishingDetail>{publishing}</PublishingDetail>" if publishing else ""
    return (
        f"<Product><RecordReference>{reference}</RecordReference><NotificationType>{kind}"
        f"</NotificationType>{number}{described}{collateral}{published}{related}{supplied}</Product>"
    )


async def land(
    *products: str, sent: str | None = "20260101", sender: str = "House", **options: Any
) -> ImportReport:
    """Import a message with these products."""
    moment = f"<SentDateTime>{sent}</SentDateTime>" if sent else ""
    header = f"<Header><Sender><SenderName>{sender}</SenderName></Sender>{moment}</Header>"
    content = f"{ROOT_30}{header}{''.join(products)}</ONIXMessage>"
    return await import_onix(
        io.BytesIO(content.encode()),
        options=OPTIONS if not options else FeedOptions(**{**vars(OPTIONS), **options}),
        on_progress=lambda _: None,
    )


def counts(report: ImportReport) -> tuple[int, int, int, int, int, int]:
    """Return taken, updated, unchanged, deleted, outdated and refused, which must add up."""
    found = (
        report.taken,
        report.updated,
        report.unchanged,
        report.deleted,
        report.outdated,
        report.refused_total,
    )
    assert sum(found) == report.rows
    return found


@pytest.mark.skipif(not FILES, reason="the shared samples are not here")
async def test_all_real_feeds_twice() -> None:
    async def import_all() -> list[tuple[int, int, int, int, int, int]]:
        return [
            counts(
                await import_onix(
                    file,
                    options=FeedOptions(currency="AUD", country="AU", today=date(2026, 11, 24)),
                    on_progress=lambda _: None,
                )
            )
            for file in FILES
        ]

    first = await import_all()
    assert sum(found[0] for found in first) > 250
    assert await query(
        "SELECT count(*) FROM books WHERE price IS NOT NULL AND currency = 'AUD'"
    ) > [(240,)]
    before = await row_versions()
    second = await import_all()
    assert {found[:2] + found[3:5] for found in second} == {(0, 0, 0, 0)}
    assert await row_versions() == before


async def test_a_book_lands_whole() -> None:
    report = await land(
        product(
            about="<ProductFormDetail>B102</ProductFormDetail>"
            "<Measure><MeasureType>01</MeasureType><Measurement>19.8</Measurement>"
            "<MeasureUnitCode>cm</MeasureUnitCode></Measure>"
            "<Collection><CollectionType>10</CollectionType><TitleDetail><TitleType>01</TitleType>"
            "<TitleElement><TitleElementLevel>02</TitleElementLevel><PartNumber>3</PartNumber>"
            "<TitleText>Classics</TitleText></TitleElement></TitleDetail></Collection>"
            + title("Emma", subtitle="A Novel")
            + author("Jane Austen")
            + author("Fiona Stafford", "A24")
            + "<Language><LanguageRole>01</LanguageRole><LanguageCode>eng</LanguageCode></Language>"
            "<Extent><ExtentType>00</ExtentType><ExtentValue>512</ExtentValue><ExtentUnit>03"
            "</ExtentUnit></Extent>"
            "<Subject><MainSubject/><SubjectSchemeIdentifier>93</SubjectSchemeIdentifier>"
            "<SubjectCode>FBC</SubjectCode><SubjectHeadingText>Classic fiction</SubjectHeadingText>"
            "</Subject>",
            publishing="<Imprint><ImprintName>Penguin Classics</ImprintName></Imprint>"
            "<Publisher><PublishingRole>01</PublishingRole><PublisherName>Penguin</PublisherName>"
            "</Publisher><PublishingStatus>04</PublishingStatus>"
            "<PublishingDate><PublishingDateRole>01</PublishingDateRole>"
            "<Date dateformat='01'>200305</Date></PublishingDate>"
            "<PublishingDate><PublishingDateRole>02</PublishingDateRole>"
            "<Date dateformat='00'>20030501</Date></PublishingDate>"
            "<SalesRights><SalesRightsType>01</SalesRightsType><Territory><CountriesIncluded>GB IE"
            "</CountriesIncluded></Territory></SalesRights>",
            blurb="Handsome, clever and rich.",
        )
    )
    assert counts(report) == (1, 0, 0, 0, 0, 0)
    assert await query(
        "SELECT b.isbn, b.format, b.product_form, b.form_details, p.name, i.name, b.language,"
        " b.pages, b.height_mm, b.publish_date::text, b.publish_date_precision, b.publish_year,"
        " b.on_sale_date::text, b.publishing_status, b.availability_code, b.price::text,"
        " b.currency, s.on_hand FROM books b JOIN publishers p ON p.id = b.publisher_id"
        " JOIN publishers i ON i.id = b.imprint_id JOIN stock s ON s.book_id = b.id"
    ) == [
        (
            ISBN, "mass-market paperback", "BC", ["B102"], "Penguin", "Penguin Classics", "en",
            512, 198, "2003-05-01", "month", 2003, "2003-05-01", "04", "21", "7.99", "GBP", 0,
        )
    ]  # fmt: skip
    assert await query(
        "SELECT title, subtitle, author, series, series_number, description FROM works"
    ) == [("Emma", "A Novel", "Jane Austen", "Classics", "3", "Handsome, clever and rich.")]
    assert await query(
        "SELECT p.name, c.role FROM contributions c JOIN contributors p ON p.id = c.contributor_id"
        " ORDER BY c.position"
    ) == [("Jane Austen", "author"), ("Fiona Stafford", "introduction")]
    assert await query(
        "SELECT s.scheme, s.code, s.heading, w.is_main FROM work_subjects w"
        " JOIN subjects s ON s.id = w.subject_id"
    ) == [("thema", "FBC", "Classic fiction", True)]
    assert await query(
        "SELECT s.title, m.number FROM series_memberships m JOIN series s ON s.id = m.series_id"
    ) == [("Classics", "3")]
    assert await query("SELECT type_code, amount::text, currency, includes_tax FROM prices") == [
        ("02", "7.990", "GBP", True)
    ]
    assert await query("SELECT type_code, countries FROM sales_rights") == [("01", ["GB", "IE"])]


async def test_what_changed_is_updated_and_the_rest_is_left_alone() -> None:
    await land(product(blurb="A blurb."))
    report = await land(
        product(supply=price("8.49"), about=title("Emma") + author("Jane Austen")), sent="20260102"
    )
    assert counts(report) == (0, 1, 0, 0, 0, 0)
    assert await query("SELECT price::text FROM books") == [("8.49",)]
    assert await query("SELECT amount::text FROM prices") == [("8.490",)]
    assert await query("SELECT description FROM works") == [("A blurb.",)]


async def test_an_older_message_overwrites_nothing() -> None:
    await land(product(supply=price("8.49")), sent="20260102")
    report = await land(product(supply=price("7.99")), sent="20260101")
    assert counts(report) == (0, 0, 0, 0, 1, 0)
    assert await query("SELECT price::text FROM books") == [("8.49",)]


async def test_messages_without_a_date_count_in_the_order_in_which_they_come() -> None:
    await land(product(supply=price("8.49")), sent=None)
    assert counts(await land(product(supply=price("7.99")), sent=None)) == (0, 1, 0, 0, 0, 0)
    assert counts(await land(product(supply=price("8.49")), sent=None)) == (0, 1, 0, 0, 0, 0)
    assert await query("SELECT price::text FROM books") == [("8.49",)]


async def test_of_several_records_with_one_reference_the_last_counts() -> None:
    message = (product(supply=price("8.49")), product(supply=price("7.99")))
    report = await land(*message)
    assert counts(report) == (1, 1, 0, 0, 0, 0)
    assert [note.text for note in report.notes] == [REPEATED]
    assert await query("SELECT price::text FROM books") == [("7.99",)]
    before = await row_versions()
    assert counts(await land(*message)) == (0, 0, 2, 0, 0, 0)
    assert await row_versions() == before


async def test_a_block_update_changes_what_it_has() -> None:
    await land(product(blurb="Old."))
    report = await land(
        product(kind="04", about="", publishing="", supply=price("5.00")), sent="20260102"
    )
    assert counts(report) == (0, 1, 0, 0, 0, 0)
    report = await land(
        product(kind="04", about="", publishing="", supply=None, blurb="New."), sent="20260103"
    )
    assert counts(report) == (0, 1, 0, 0, 0, 0)
    assert await query("SELECT title, author, description FROM works") == [
        ("Emma", "Jane Austen", "New.")
    ]
    assert await query("SELECT price::text FROM books") == [("5.00",)]


async def test_a_deletion_is_honoured_and_can_be_taken_back() -> None:
    await land(product())
    assert counts(await land(product(kind="05"), sent="20260102")) == (0, 0, 0, 1, 0, 0)
    assert await query(BOOKS) == [(ISBN, "paperback", *(await prices()), False)]
    assert counts(await land(product(kind="05"), sent="20260102")) == (0, 0, 1, 0, 0, 0)
    assert counts(await land(product(), sent="20260103")) == (0, 1, 0, 0, 0, 0)
    assert await query("SELECT deleted_at FROM books") == [(None,)]


async def prices() -> list[Any]:
    return [row[0] for row in await query("SELECT price FROM books")]


async def test_deleting_what_the_shop_never_had_changes_nothing_now_or_later() -> None:
    deletion = product(kind="05", reference="gone")
    assert counts(await land(deletion)) == (0, 0, 1, 0, 0, 0)
    await land(product(), sender="Another")
    assert counts(await land(deletion)) == (0, 0, 1, 0, 0, 0)
    assert await query("SELECT deleted_at FROM books") == [(None,)]


async def test_what_staff_removed_stays_removed() -> None:
    await land(product())
    async with session_scope() as session:
        await session.execute(text("UPDATE books SET deleted_at = now()"))
    report = await land(product(supply=price("5.00")), sent="20260102")
    assert [refusal.reason for refusal in report.refused] == [REMOVED]
    assert await query("SELECT price::text, deleted_at IS NULL FROM books") == [("7.99", False)]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (product(reference=""), NO_REFERENCE),
        (product(isbn=None), NO_NUMBER),
        (
            product(isbn="9780007232834"),
            "9780007232834 is no valid ISBN or bar code: one of its digits must be wrong.",
        ),
        (product(about="<ProductFormDetail>B102</ProductFormDetail>"), NO_TITLE),
        (product(kind="04", about=""), NO_BOOK),
        (product(form="XB"), FOR_THE_TRADE),
        (product(kind="89"), TEST),
    ],
)
async def test_refusals_keep_nothing_and_cost_no_other(record: str, reason: str) -> None:
    report = await land(record, product(reference="r2", isbn=OTHER_ISBN))
    assert counts(report) == (1, 0, 0, 0, 0, 1)
    assert [(refusal.line, refusal.reason) for refusal in report.refused] == [(1, reason)]
    assert [row[0] for row in await query(BOOKS)] == [OTHER_ISBN]


async def test_what_does_not_fit_costs_no_other_of_its_batch() -> None:
    whole = [
        product(reference=f"r{number}", isbn=isbn, about=title(f"T{number}") + author("A"))
        for number, isbn in enumerate((ISBN, OTHER_ISBN, "9780140447934"))
    ]
    whole[1] = whole[1].replace("7.99", "99999999999.99")
    report = await land(*whole)
    assert counts(report) == (2, 0, 0, 0, 0, 1)
    assert [row[0] for row in await query(BOOKS)] == [ISBN, "9780140447934"]


async def test_a_book_without_a_price_for_the_shop_is_kept_and_not_sold() -> None:
    report = await land(product(supply=price("9.50", "EUR") + price("19.99", "AUD")))
    assert counts(report) == (1, 0, 0, 0, 0, 0)
    assert [note.text for note in report.notes] == [
        "Not on sale: no price in GBP for shoppers in GB today, only 19.99 AUD, 9.5 EUR."
    ]
    assert await query("SELECT price, currency FROM books") == [(None, "GBP")]
    report = await land(product(supply=price("7.99")), sent="20260102")
    assert counts(report) == (0, 1, 0, 0, 0, 0)
    assert await query("SELECT price::text FROM books") == [("7.99",)]


@pytest.mark.parametrize(
    ("supply", "note"),
    [
        ("<UnpricedItemType>01</UnpricedItemType>", FREE_OR_UNKNOWN),
        ("", NO_PRICE),
        (None, NO_PRICE),
    ],
)
async def test_why_there_is_no_price(supply: str | None, note: str) -> None:
    report = await land(product(supply=supply))
    assert [found.text for found in report.notes] == [note]
    assert await query("SELECT price FROM books") == [(None,)]


async def test_a_shop_that_moves_reads_the_same_feed_anew() -> None:
    feed = product(supply=price("7.99") + price("14.99", "CAD"))
    await land(feed)
    assert counts(await land(feed)) == (0, 0, 1, 0, 0, 0)
    assert counts(await land(feed, currency="CAD", country="CA")) == (0, 1, 0, 0, 0, 0)
    assert await query("SELECT price::text, currency FROM books") == [("14.99", "CAD")]


async def test_editions_of_one_text_are_one_work() -> None:
    related = (
        "<RelatedMaterial><RelatedProduct><ProductRelationCode>06</ProductRelationCode>"
        f"<ProductIdentifier><ProductIDType>15</ProductIDType><IDValue>{ISBN}</IDValue>"
        "</ProductIdentifier></RelatedProduct></RelatedMaterial>"
    )
    report = await land(
        product(),
        product(
            reference="r2", isbn=OTHER_ISBN, form="BB", about=title("EMMA") + author("Jane Austen")
        ),
        product(
            reference="r3",
            isbn="9780140447934",
            form="ED",
            about=title("Emma (e-book)") + author("Austen, J."),
            related=related,
        ),
    )
    assert counts(report) == (3, 0, 0, 0, 0, 0)
    assert await query("SELECT format, work_id FROM books ORDER BY id") == [
        ("paperback", 1),
        ("hardback", 1),
        ("e-book", 1),
    ]
    assert await query("SELECT title FROM works") == [("Emma",)]


async def test_what_only_shares_a_title_is_another_work() -> None:
    await land(
        product(),
        product(reference="r2", isbn=OTHER_ISBN, about=title("Emma") + author("Somebody Else")),
        product(
            reference="r3",
            isbn="9780140447934",
            form="PC",
            about=title("Emma") + author("Jane Austen"),
        ),
    )
    assert await query("SELECT format, work_id FROM books ORDER BY id") == [
        ("paperback", 1),
        ("paperback", 2),
        ("calendar", 3),
    ]


async def test_a_common_work_joins_editions_with_different_titles() -> None:
    await land(product(related=RELATED_WORK))
    await land(
        product(
            reference="r2",
            isbn=OTHER_ISBN,
            about=title("Emma Woodhouse"),
            form="BB",
            related=RELATED_WORK,
        ),
        sent="20260102",
    )
    assert await query("SELECT work_id FROM books ORDER BY id") == [(1,), (1,)]
    assert await query("SELECT scheme, value, work_id FROM work_identifiers") == [
        ("01", "House:W7", 1)
    ]


async def test_the_oldest_edition_speaks_for_the_work_and_others_fill_its_gaps() -> None:
    await land(product())
    await land(product(reference="r2", isbn=OTHER_ISBN, form="BB", blurb="From the hardback."))
    await land(
        product(
            reference="r2",
            isbn=OTHER_ISBN,
            form="BB",
            about=title("Emma!") + author("J. Austen"),
            blurb="Another.",
        ),
        sent="20260102",
    )
    assert await query("SELECT title, author, description FROM works") == [
        ("Emma", "Jane Austen", "From the hardback.")
    ]


@contextmanager
def loads_of(kind: type[Any]) -> Iterator[list[Any]]:
    """Collect the entities of a kind that are read meanwhile."""
    loaded: list[Any] = []

    def note(entity: Any, _context: object) -> None:
        loaded.append(entity)

    event.listen(kind, "load", note)
    yield loaded
    event.remove(kind, "load", note)


def isbns(count: int) -> list[str]:
    numbers = [f"978{number:09}" for number in range(1, count + 1)]
    return [f"{number}{ean.calc_check_digit(number)}" for number in numbers]


async def test_a_classic_with_many_editions_costs_no_more_than_another_book() -> None:
    *known, new = isbns(40)
    await land(*(product(reference=number, isbn=number) for number in known))
    with loads_of(Book) as loaded:
        report = await land(product(reference=new, isbn=new, form="BB"))
    assert counts(report) == (1, 0, 0, 0, 0, 0)
    assert [book.isbn for book in loaded] == known[:1]
    assert await query("SELECT count(*), count(DISTINCT work_id) FROM books") == [(40, 1)]


async def test_calendars_and_namesakes_by_others_cost_a_new_book_nothing() -> None:
    *known, by_another, new = isbns(42)
    await land(
        *(product(reference=number, isbn=number, form="PC") for number in known),
        product(reference="other", isbn=by_another, about=title("Emma") + author("Somebody Else")),
    )
    with loads_of(Work) as loaded:
        report = await land(product(reference=new, isbn=new))
    assert counts(report) == (1, 0, 0, 0, 0, 0)
    assert loaded == []
    assert await query("SELECT count(*), count(DISTINCT work_id) FROM books") == [(42, 42)]


async def test_people_subjects_and_series_that_are_gone_go() -> None:
    subject = (
        "<Subject><SubjectSchemeIdentifier>93</SubjectSchemeIdentifier><SubjectCode>{}"
        "</SubjectCode></Subject>"
    )
    await land(
        product(
            about=title("Emma")
            + author("Jane Austen")
            + author("Somebody", "B01")
            + subject.format("FBC")
            + subject.format("FRH")
        )
    )
    report = await land(
        product(about=title("Emma") + author("Jane Austen") + subject.format("FRH")),
        sent="20260102",
    )
    assert counts(report) == (0, 1, 0, 0, 0, 0)
    assert await query("SELECT count(*) FROM contributions") == [(1,)]
    assert await query(
        "SELECT s.code FROM work_subjects w JOIN subjects s ON s.id = w.subject_id"
    ) == [("FRH",)]


async def test_an_import_that_was_interrupted_is_finished_by_the_next() -> None:
    feed = [
        product(reference=f"r{number}", isbn=isbn, about=title(f"T{number}") + author("A"))
        for number, isbn in enumerate((ISBN, OTHER_ISBN, "9780140447934"))
    ]
    await land(*feed[:2])
    assert counts(await land(*feed)) == (1, 0, 2, 0, 0, 0)
    assert await query("SELECT count(*) FROM books") == [(3,)]


async def test_a_clock_decides_what_is_of_the_same_message() -> None:
    moments = iter(datetime(2026, 11, 24, tzinfo=UTC) + timedelta(hours=hour) for hour in range(9))
    content = f"{ROOT_30}{product()}</ONIXMessage>"
    report = await import_onix(
        io.BytesIO(content.encode()),
        options=OPTIONS,
        on_progress=lambda _: None,
        clock=lambda: next(moments),
    )
    assert counts(report) == (1, 0, 0, 0, 0, 0)
    assert await query("SELECT taken_at FROM feed_records") == [
        (datetime(2026, 11, 24, 1, tzinfo=UTC),)
    ]


async def test_a_price_that_was_set_in_the_shop_is_not_overwritten() -> None:
    await land(product(supply=price("7.99")))
    assert await query("SELECT feed_price::text, priced_on FROM books") == [("7.99", OPTIONS.today)]
    async with session_scope() as session:
        await session.execute(text("UPDATE books SET price = 6.50"))
    report = await land(product(supply=price("8.49")), sent="20260102")
    assert [note.text for note in report.notes] == [OWN_PRICE.format("8.49")]
    assert await query("SELECT price::text, feed_price::text FROM books") == [("6.50", "8.49")]
    report = await land(product(supply=price("6.50")), sent="20260103")
    assert report.notes == []
    await land(product(supply=price("7.00")), sent="20260104")  # they agreed, and go on together
    assert await query("SELECT price::text FROM books") == [("7.00",)]
