"""Which product a record is about, and its relations to others."""

from collections.abc import Iterable

from app.books.importers.onix.codes import EPUB_FORM_DETAILS, PRODUCT_FORMS
from app.books.importers.onix.elements import Element, Groups, children, first, leaves, lines
from app.books.importers.onix.product import (
    Identifier,
    ProductPart,
    RelatedProduct,
    RelatedWork,
)
from app.books.importers.onix.values import gtin_of, isbn_of, left_out, whole
from app.books.importers.report import Repair

ISBN10, GTIN13, UPC, ISBN13 = "02", "03", "04", "15"
BARE_IDENTIFIERS = (("ISBN", ISBN10), ("EAN13", GTIN13), ("UPC", UPC))
"""The elements of 2.1 that each hold an identifier of a type (list 5)."""

BOOKLAND = ("978", "979")

ISBN_TYPES = (ISBN13, GTIN13, ISBN10)
"""The types that can be ISBNs, the most reliable first."""

MANIFESTATION = "01"
REPLACES, REPLACED_BY, OTHER_FORMAT = "03", "05", "06"
BARE_RELATIONS = (
    (REPLACES, "ReplacesISBN", "ReplacesEAN13"),
    (REPLACED_BY, "ReplacedByISBN", "ReplacedByEAN13"),
    (OTHER_FORMAT, "AlternativeFormatISBN", "AlternativeFormatEAN13"),
)
"""Relations of list 51, and the elements of 2.1 that name the other product."""


def read_identifiers(groups: Groups, repairs: list[Repair]) -> tuple[Identifier, ...]:
    """Return all identifiers of a product, composites first."""
    found = _identifiers(groups.get("ProductIdentifier", ()), "ProductIDType", repairs)
    for name, type_ in BARE_IDENTIFIERS:
        if value := first(groups, name, repairs=repairs):
            found.append(Identifier(type_, value))
    return tuple(found)


def _identifiers(
    elements: Iterable[Element], type_: str, repairs: list[Repair]
) -> list[Identifier]:
    all_leaves = (leaves(element, repairs) for element in elements)
    return [
        Identifier(texts[type_], texts["IDValue"], texts["IDTypeName"])
        for texts in all_leaves
        if texts["IDValue"]
    ]


def name_identifiers(groups: Groups, repairs: list[Repair]) -> tuple[Identifier, ...]:
    """Return the identifiers of somebody (ISNI and the like)."""
    return tuple(_identifiers(groups.get("NameIdentifier", ()), "NameIDType", repairs))


def find_isbn(identifiers: Iterable[Identifier]) -> str | None:
    """Return the first ISBN that proves itself, of ISBN-13, GTIN-13 and ISBN-10 in this order."""
    for type_ in ISBN_TYPES:
        for identifier in identifiers:
            if identifier.type == type_ and (isbn := isbn_of(identifier.value)):
                return isbn
    return None


def note_wrong_isbns(identifiers: Iterable[Identifier], repairs: list[Repair]) -> None:
    """Note what is given as an ISBN and is none."""
    for identifier in identifiers:
        is_meant = identifier.type in {ISBN13, ISBN10} or (
            identifier.type == GTIN13 and identifier.value.startswith(BOOKLAND)
        )
        if is_meant and isbn_of(identifier.value) is None:
            left_out(repairs, "ISBN", identifier.value)


def find_gtin(identifiers: Iterable[Identifier]) -> str | None:
    """Return the bar code of a product that is no book."""
    for identifier in identifiers:
        if identifier.type in {GTIN13, UPC}:
            gtin = gtin_of(identifier.value)
            if gtin and isbn_of(gtin) is None:
                return gtin
    return None


def read_form(groups: Groups, repairs: list[Repair]) -> tuple[str, str, tuple[str, ...]]:
    """Return the form (list 150), as it was written, and the details of it (list 175)."""
    raw = first(groups, "ProductForm", repairs=repairs)
    details = lines(groups, "ProductFormDetail", repairs)
    epub = EPUB_FORM_DETAILS.get(first(groups, "EpubType", repairs=repairs))
    if epub and epub not in details:
        details = (*details, epub)
    return PRODUCT_FORMS.get(raw, raw), raw, details


def read_parts(groups: Groups, repairs: list[Repair]) -> tuple[ProductPart, ...]:
    """Return the products that a product consists of."""
    elements = (*groups.get("ProductPart", ()), *groups.get("ContainedItem", ()))
    return tuple(_part(children(element), repairs) for element in elements)


def _part(groups: Groups, repairs: list[Repair]) -> ProductPart:
    identifiers = read_identifiers(groups, repairs)
    form, raw_form, details = read_form(groups, repairs)
    quantity = first(
        groups, "NumberOfCopies", "NumberOfItemsOfThisForm", "ItemQuantity", repairs=repairs
    )
    return ProductPart(
        identifiers=identifiers,
        isbn=find_isbn(identifiers),
        form=form,
        raw_form=raw_form,
        form_details=details,
        quantity=whole(quantity, what="Number of copies", repairs=repairs) or 1,
        is_primary="PrimaryPart" in groups,
    )


def read_related_works(groups: Groups, repairs: list[Repair]) -> tuple[RelatedWork, ...]:
    """Return the works that a product belongs to or comes from."""
    works = []
    if own := groups.get("WorkIdentifier"):
        works.append(RelatedWork(MANIFESTATION, _works(own, repairs)))
    for element in groups.get("RelatedWork", ()):
        inner = children(element)
        relation = first(inner, "WorkRelationCode", repairs=repairs)
        works.append(RelatedWork(relation, _works(inner.get("WorkIdentifier", ()), repairs)))
    return tuple(works)


def _works(elements: Iterable[Element], repairs: list[Repair]) -> tuple[Identifier, ...]:
    return tuple(_identifiers(elements, "WorkIDType", repairs))


def read_related_products(groups: Groups, repairs: list[Repair]) -> tuple[RelatedProduct, ...]:
    """Return the products that a product has to do with."""
    products = []
    for element in groups.get("RelatedProduct", ()):
        inner = children(element)
        relations = lines(inner, "ProductRelationCode", repairs) + lines(
            inner, "RelationCode", repairs
        )
        identifiers = read_identifiers(inner, repairs)
        form, _, _ = read_form(inner, repairs)
        products.append(RelatedProduct(relations, identifiers, find_isbn(identifiers), form))
    for relation, isbn, gtin in BARE_RELATIONS:
        named = [
            Identifier(type_, value)
            for name, type_ in ((isbn, ISBN10), (gtin, GTIN13))
            if (value := first(groups, name, repairs=repairs))
        ]
        if named:
            products.append(RelatedProduct((relation,), tuple(named), find_isbn(named)))
    return tuple(products)
