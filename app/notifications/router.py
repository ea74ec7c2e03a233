"""Messages as JSON: the staff's log of them, and the link that ends some."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response, status

from app.audit.deps import AuditTrail
from app.core.deps import AppSettings, CustomersStaff, DbSession, SettingsStaff
from app.core.pagination import link_pages
from app.core.rights import open_to_all
from app.core.schemas import Id
from app.notifications import administration, invitations
from app.notifications.schemas import (
    MailDetail,
    MailPreview,
    MailQuery,
    MailRead,
    MailTemplates,
    PreviewQuery,
)

router = APIRouter(prefix="/mail", tags=["mails"])
admin_router = APIRouter(prefix="/admin/mails", tags=["mails"])

MailId = Annotated[Id, Path()]

Responses = dict[int | str, dict[str, Any]]


def staff_with(right: str) -> Responses:
    """Return what the API says of whom it lets in."""
    return {
        401: {"description": "AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED: not signed in"},
        403: {"description": f"AUTH_FORBIDDEN: not staff with the right `{right}`"},
    }


NO_MAIL: Responses = {404: {"description": "MAIL_NOT_FOUND"}}


@router.post(
    "/stop",
    summary="End invitations to review",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={404: {"description": "MAIL_STOP_LINK_INVALID"}},
)
@open_to_all
async def stop_mails(
    session: DbSession, settings: AppSettings, token: Annotated[str, Query(max_length=600)]
) -> None:
    """End these mails to the address that the link was mailed to, as mail programs do (RFC 8058).

    They ask once more when they got no answer, which does nothing. The body is not looked at.
    """
    await invitations.stop(session, token=token, settings=settings)


@admin_router.get("", summary="All messages, the newest first", responses=staff_with("customers"))
async def list_mails(
    request: Request,
    response: Response,
    session: DbSession,
    _staff: CustomersStaff,
    query: Annotated[MailQuery, Query()],
) -> list[MailRead]:
    """Return messages that were sent or wait; the ``Link`` header leads on."""
    found = await administration.list_mails(session, query=query)
    link_pages(request, response, found)
    return list(found.rows)


@admin_router.get(
    "/templates", summary="What messages the shop writes", responses=staff_with("settings")
)
async def list_templates(_staff: SettingsStaff) -> MailTemplates:
    """Return their names, which previews are asked for by."""
    return administration.list_templates()


@admin_router.get(
    "/templates/{template}",
    summary="What a message looks like",
    responses=staff_with("settings") | {404: {"description": "MAIL_TEMPLATE_NOT_FOUND"}},
)
async def preview_template(
    template: Annotated[str, Path(max_length=64, examples=["order_shipped"])],
    query: Annotated[PreviewQuery, Query()],
    settings: AppSettings,
    _staff: SettingsStaff,
) -> MailPreview:
    """Return a message with values that are made up, in the shop's language or another."""
    return administration.preview(template, language=query.language, settings=settings)


@admin_router.get("/{mail_id}", summary="A message", responses=staff_with("customers") | NO_MAIL)
async def read_mail(session: DbSession, _staff: CustomersStaff, mail_id: MailId) -> MailDetail:
    """Return a message with its words; they are emptied thirty days after it was sent."""
    return await administration.get_mail(session, mail_id=mail_id)


@admin_router.post(
    "/{mail_id}/resend",
    summary="Send a message again",
    status_code=status.HTTP_202_ACCEPTED,
    responses=staff_with("customers") | NO_MAIL | {409: {"description": "MAIL_FORGOTTEN"}},
)
async def resend_mail(
    session: DbSession, _staff: CustomersStaff, trail: AuditTrail, mail_id: MailId
) -> MailRead:
    """Queue it once more, for who lost it. It keeps its Message-ID."""
    await administration.resend(session, mail_id=mail_id)
    mail = await administration.get_mail(session, mail_id=mail_id)
    await trail.record("mail.resend", mail_id, after={"recipient": mail.recipient})
    return mail
