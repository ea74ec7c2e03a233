"""Proving an address, and changing it, over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.security import TokenInvalidError
from app.jobs.models import OutboxEvent
from app.users import emails
from app.users.account_models import AccountLink, EmailChange, LinkPurpose
from app.users.account_schemas import ProfileUpdate
from app.users.jobs import prune_sign_ins
from app.users.limits import Client
from app.users.links import LIFETIMES, MAIL_LINK, MAIL_NOTICE
from app.users.models import User
from app.users.profiles import change_profile, get_account
from app.users.service import to_principal
from tests.factories import bearer, make_user
from tests.users.readers import PASSWORD, fresh, make_reader, newest_token, queued

EMAIL = "/api/v1/account/email"
VERIFICATION = "/api/v1/account/verification"
NEW = "ada@lovelace.example"
OLD_LINK = LinkPurpose.CONFIRM_OLD_EMAIL
NEW_LINK = LinkPurpose.CONFIRM_NEW_EMAIL


async def post(client: AsyncClient, path: str, user: User, body: Any = None) -> Response:
    return await client.post(path, json=body, headers=bearer(user))


async def start(client: AsyncClient, user: User, **changes: str) -> Response:
    return await post(client, EMAIL, user, {"new_email": NEW, "password": PASSWORD, **changes})


async def confirm(client: AsyncClient, user: User, token: str) -> Response:
    return await post(client, f"{EMAIL}/confirm", user, {"token": token})


async def links(session: AsyncSession) -> dict[LinkPurpose, str]:
    rows = await session.execute(select(AccountLink.purpose, AccountLink.email))
    return {row.purpose: row.email for row in rows}


async def proofs(session: AsyncSession) -> list[dict[str, int]]:
    statement = select(OutboxEvent.payload).where(OutboxEvent.name == "AddressProved")
    return list(await session.scalars(statement))


async def test_a_new_account_is_mailed_a_link_that_proves_its_address(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    body = {"email": "ada@example.com", "password": PASSWORD}
    pair = (await client.post("/api/v1/auth/register", json=body)).json()
    headers = {"Authorization": f"Bearer {pair['access_token']}"}
    assert (await client.get("/api/v1/account", headers=headers)).json()["email_verified"] is False
    link = (await db_session.scalars(select(AccountLink))).one()
    assert (link.purpose, link.email) == (LinkPurpose.VERIFY_EMAIL, "ada@example.com")
    assert await queued(db_session, MAIL_LINK.name) == [{"link_id": str(link.id)}]

    again = await client.post(VERIFICATION, headers=headers)
    assert again.status_code == 202
    assert len(await queued(db_session, MAIL_LINK.name)) == 1  # not twice in a minute

    token = await newest_token(db_session, LinkPurpose.VERIFY_EMAIL)
    path = f"{VERIFICATION}/confirm"
    proved = await client.post(path, json={"token": token}, headers=headers)
    assert (proved.status_code, proved.json()["email_verified"]) == (200, True)
    assert await proofs(db_session) == [{"user_id": link.user_id}]

    used = await client.post(path, json={"token": token}, headers=headers)
    assert (used.status_code, used.json()["code"]) == (400, "ACCOUNT_LINK_INVALID")
    assert len(await proofs(db_session)) == 1
    assert (await client.post(VERIFICATION, headers=headers)).status_code == 202
    assert len(await queued(db_session, MAIL_LINK.name)) == 1  # there is nothing left to prove


async def test_nobody_proves_another_account_by_opening_its_mail(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    squatter = await make_reader(db_session, "victim@example.com")
    victim = await make_user(db_session, email="other@example.com")
    await post(client, VERIFICATION, squatter)
    token = await newest_token(db_session, LinkPurpose.VERIFY_EMAIL)

    refused = await post(client, f"{VERIFICATION}/confirm", victim, {"token": token})
    assert refused.json()["code"] == "ACCOUNT_LINK_INVALID"
    anonymous = await client.post(f"{VERIFICATION}/confirm", json={"token": token})
    assert anonymous.status_code == 401
    for user in (squatter, victim):
        assert (await fresh(db_session, user)).email_verified_at is None


async def test_a_link_proves_only_the_address_that_it_was_mailed_to(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    await post(client, VERIFICATION, user)
    token = await newest_token(db_session, LinkPurpose.VERIFY_EMAIL)
    await db_session.execute(update(User).values(email=NEW))
    await db_session.commit()
    refused = await post(client, f"{VERIFICATION}/confirm", user, {"token": token})
    assert refused.json()["code"] == "ACCOUNT_LINK_INVALID"
    assert (await fresh(db_session, user)).email_verified_at is None


@pytest.mark.parametrize("order", [(OLD_LINK, NEW_LINK), (NEW_LINK, OLD_LINK)])
async def test_an_address_changes_once_both_are_confirmed(
    client: AsyncClient, db_session: AsyncSession, order: tuple[LinkPurpose, LinkPurpose]
) -> None:
    user = await make_reader(db_session)
    assert (await start(client, user)).status_code == 202
    assert await links(db_session) == {OLD_LINK: "ada@example.com", NEW_LINK: NEW}
    account = (await client.get("/api/v1/account", headers=bearer(user))).json()
    assert (account["email"], account["new_email"]) == ("ada@example.com", NEW)
    tokens = [await newest_token(db_session, purpose) for purpose in order]

    first = await confirm(client, user, tokens[0])
    assert (first.status_code, first.json()) == (200, {"state": "waiting"})
    assert (await confirm(client, user, tokens[0])).status_code == 400  # one side is not two
    assert (await fresh(db_session, user)).email == "ada@example.com"

    second = await confirm(client, user, tokens[1])
    assert (second.status_code, second.json()) == (200, {"state": "changed"})
    changed = await fresh(db_session, user)
    assert changed.email == NEW
    assert changed.email_verified_at is not None
    assert await links(db_session) == {}
    assert (await db_session.scalars(select(func.count()).select_from(EmailChange))).one() == 0
    assert await proofs(db_session) == [{"user_id": user.id}]
    notices = await queued(db_session, MAIL_NOTICE.name)
    assert [(n["notice"], n["recipient"]) for n in notices] == [
        ("email_changed", "ada@example.com")
    ]
    assert (await confirm(client, user, tokens[1])).status_code == 400


async def test_a_change_needs_the_password_and_another_address(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    wrong = await start(client, user, password="not my password")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "ACCOUNT_PASSWORD_WRONG")
    same = await start(client, user, new_email="Ada@Example.com")
    assert (same.status_code, same.json()) == (
        409,
        {
            "detail": "This is your address already.",
            "code": "ACCOUNT_EMAIL_UNCHANGED",
            "field": "new_email",
        },
    )
    assert await links(db_session) == {}


async def test_whether_a_stranger_has_the_new_address_is_told_only_to_them(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    await make_user(db_session, email=NEW)
    taken = await start(client, user)
    free = await start(client, user, new_email="free@example.com")
    assert (taken.status_code, taken.content) == (free.status_code, free.content)

    await start(client, user)
    assert await links(db_session) == {OLD_LINK: "ada@example.com"}
    notices = await queued(db_session, MAIL_NOTICE.name)
    assert {(n["notice"], n["recipient"]) for n in notices} == {("email_taken", NEW)}
    half = await confirm(client, user, await newest_token(db_session, OLD_LINK))
    assert half.json() == {"state": "waiting"}
    assert (await fresh(db_session, user)).email == "ada@example.com"


async def test_an_address_that_was_taken_meanwhile_is_refused(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    await start(client, user)
    await confirm(client, user, await newest_token(db_session, NEW_LINK))
    await make_user(db_session, email=NEW)
    token = await newest_token(db_session, OLD_LINK)
    refused = await confirm(client, user, token)
    assert (refused.status_code, refused.json()["code"]) == (409, "AUTH_EMAIL_CONFLICT")
    kept = await fresh(db_session, user)
    assert (kept.email, kept.email_verified_at) == ("ada@example.com", None)
    assert await proofs(db_session) == []


async def test_a_change_that_was_replaced_or_given_up_cannot_be_confirmed(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    await start(client, user)
    replaced = [await newest_token(db_session, purpose) for purpose in (OLD_LINK, NEW_LINK)]
    await start(client, user, new_email="second@example.com")
    given_up = await newest_token(db_session, OLD_LINK)
    for _ in range(2):
        assert (await client.delete(EMAIL, headers=bearer(user))).status_code == 204
    for token in (*replaced, given_up):
        assert (await confirm(client, user, token)).json()["code"] == "ACCOUNT_LINK_INVALID"
    assert (await fresh(db_session, user)).email == "ada@example.com"


async def test_a_link_without_its_change_is_not_valid(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    await start(client, user)
    token = await newest_token(db_session, OLD_LINK)
    await db_session.execute(update(EmailChange).values(expires_at=datetime.now(UTC)))
    await db_session.commit()
    assert (await confirm(client, user, token)).json()["code"] == "ACCOUNT_LINK_INVALID"
    link = await db_session.scalars(select(AccountLink).where(AccountLink.purpose == OLD_LINK))
    assert link.one().used_at is None


async def test_another_reader_cannot_confirm(client: AsyncClient, db_session: AsyncSession) -> None:
    user = await make_reader(db_session)
    other = await make_user(db_session)
    await start(client, user)
    token = await newest_token(db_session, NEW_LINK)
    assert (await confirm(client, other, token)).status_code == 400
    assert (await confirm(client, user, token)).status_code == 200


async def test_links_last_as_long_as_their_mails_say(db_session: AsyncSession) -> None:
    user = await make_reader(db_session)
    now = datetime.now(UTC)
    await emails.ask_for_verification(db_session, user_id=user.id, now=now)
    link = (await db_session.scalars(select(AccountLink))).one()
    assert link.expires_at == now + timedelta(days=3)
    assert LIFETIMES[LinkPurpose.RESET_PASSWORD] == timedelta(minutes=30)


async def test_the_profile_is_what_others_read(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    headers = bearer(user)
    before = (await client.get("/api/v1/account", headers=headers)).json()
    assert before == {
        "id": user.id,
        "email": "ada@example.com",
        "email_verified": False,
        "new_email": None,
        "full_name": None,
        "display_name": "Reader",
        "language": None,
        "review_invitations": False,
        "has_password": True,
        "role": "user",
        "created_at": before["created_at"],
    }
    named = await client.patch("/api/v1/account", json={"full_name": " Ada "}, headers=headers)
    assert (named.json()["full_name"], named.json()["display_name"]) == ("Ada", "Ada")
    for field in ("role", "email", "id", "email_verified", "is_active"):
        refused = await client.patch("/api/v1/account", json={field: "admin"}, headers=headers)
        assert refused.status_code == 422
    unnamed = await client.patch("/api/v1/account", json={"full_name": None}, headers=headers)
    assert unnamed.json() == before


async def test_an_account_that_is_gone_has_no_profile(db_session: AsyncSession) -> None:
    now = datetime.now(UTC)
    with pytest.raises(TokenInvalidError):
        await get_account(db_session, user_id=1, now=now)
    with pytest.raises(TokenInvalidError):
        await change_profile(db_session, user_id=1, profile=ProfileUpdate(), now=now)


async def test_a_link_that_has_expired_proves_nothing(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    await post(client, VERIFICATION, user)
    token = await newest_token(db_session, LinkPurpose.VERIFY_EMAIL)
    await db_session.execute(update(AccountLink).values(expires_at=datetime.now(UTC)))
    await db_session.commit()
    refused = await post(client, f"{VERIFICATION}/confirm", user, {"token": token})
    assert refused.json()["code"] == "ACCOUNT_LINK_INVALID"
    assert (await fresh(db_session, user)).email_verified_at is None


async def test_what_has_expired_is_pruned_and_nothing_else(committed: AsyncSession) -> None:
    now = datetime.now(UTC)
    late = await make_reader(committed)
    waiting = await make_reader(committed, "grace@example.com")
    for user, started in ((late, now - timedelta(days=2)), (waiting, now)):
        await emails.start_change(
            committed,
            user=to_principal(user),
            password=PASSWORD,
            new_email=f"new.{user.email}",
            client=Client(),
            now=started,
        )
    await committed.commit()
    await prune_sign_ins.function()
    assert list(await committed.scalars(select(EmailChange.user_id))) == [waiting.id]
    owners = (await committed.scalars(select(AccountLink.user_id))).all()
    assert owners == [waiting.id, waiting.id]
