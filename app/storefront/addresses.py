"""The address book's pages."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import RedirectResponse, Response

from app.account import service
from app.account.errors import AddressNotFoundError
from app.account.schemas import AddressWrite
from app.core.countries import country_names
from app.core.csrf import CsrfProtected
from app.core.deps import AppSettings, DbSession
from app.core.exceptions import AppError
from app.core.rights import of_its_owner
from app.core.schemas import Id
from app.storefront.context import Page, PageContext
from app.storefront.forms import Form, read_form, undone_if_refused
from app.storefront.templating import render
from app.users.deps import SignedInVisitor

router = APIRouter(dependencies=[CsrfProtected])

BOOK = "/account/addresses"


@router.get("/account/addresses")
async def list_addresses(
    request: Request, session: DbSession, page: Page, visitor: SignedInVisitor
) -> Response:
    """The addresses that the reader keeps."""
    addresses = await service.list_addresses(session, user_id=visitor.id)
    return render(
        request,
        "account_addresses.html",
        page=page,
        addresses=addresses,
        is_full=len(addresses) >= service.MAX_ADDRESSES,
    )


@router.get("/account/addresses/new")
async def new_address_page(
    request: Request, page: Page, _visitor: SignedInVisitor, settings: AppSettings
) -> Response:
    """The form for another address."""
    return _show_form(request, page, settings, Form(), action=f"{BOOK}/new")


@router.post("/account/addresses/new")
async def add_address(
    request: Request,
    session: DbSession,
    page: Page,
    visitor: SignedInVisitor,
    settings: AppSettings,
) -> Response:
    """Keep the address."""
    form: Form[AddressWrite] = await read_form(request, AddressWrite)
    if form.data is not None:
        try:
            async with undone_if_refused(session):
                await service.add_address(session, user_id=visitor.id, address=form.data)
        except AppError as error:
            form.refuse(error)
        else:
            return RedirectResponse(BOOK, 303)
    return _show_form(request, page, settings, form, action=f"{BOOK}/new", status=422)


@router.get("/account/addresses/{address_id}")
@of_its_owner()
async def address_page(
    request: Request,
    session: DbSession,
    page: Page,
    visitor: SignedInVisitor,
    settings: AppSettings,
    address_id: Annotated[Id, Path()],
) -> Response:
    """The form with one address."""
    known = await service.get_address(session, user_id=visitor.id, address_id=address_id)
    typed = known.model_dump(include=set(AddressWrite.model_fields) - {"is_default"})
    if known.is_default:
        typed["is_default"] = "true"
    return _show_form(request, page, settings, Form(typed=typed), action=f"{BOOK}/{address_id}")


@router.post("/account/addresses/{address_id}")
@of_its_owner()
async def change_address(
    request: Request,
    session: DbSession,
    page: Page,
    visitor: SignedInVisitor,
    settings: AppSettings,
    address_id: Annotated[Id, Path()],
) -> Response:
    """Change the address."""
    form: Form[AddressWrite] = await read_form(request, AddressWrite)
    action = f"{BOOK}/{address_id}"
    if form.data is None:
        return _show_form(request, page, settings, form, action=action, status=422)
    await service.change_address(
        session, user_id=visitor.id, address_id=address_id, address=form.data
    )
    return RedirectResponse(BOOK, 303)


@router.post("/account/addresses/{address_id}/remove")
@of_its_owner()
async def remove_address(
    session: DbSession, visitor: SignedInVisitor, address_id: Annotated[Id, Path()]
) -> Response:
    """Forget the address; one that is gone already is gone from the list."""
    try:
        async with undone_if_refused(session):
            await service.remove_address(session, user_id=visitor.id, address_id=address_id)
    except AddressNotFoundError:
        pass
    return RedirectResponse(BOOK, 303)


def _show_form(
    request: Request,
    page: PageContext,
    settings: AppSettings,
    form: Form[AddressWrite],
    *,
    action: str,
    status: int = 200,
) -> Response:
    return render(
        request,
        "account_address.html",
        status=status,
        page=page,
        form=form,
        action=action,
        countries=country_names(settings.locale),
    )
