"""Deleting an account: the person goes, the shop's books stay."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from httpx import AsyncClient, Response
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.account.deletion import delete_account
from app.account.schemas import Deletion
from app.books.imports.service import NOBODY
from app.books.models import Import, ImportKind
from app.core.config import get_settings
from app.core.exceptions import AppError
from app.core.security import Role
from app.db.session import session_scope
from app.notifications.handlers import confirm_order_by_mail
from app.notifications.models import Mail
from app.notifications.service import write_mail
from app.orders.buyers import forget_buyer
from app.orders.events import OrderConfirmed
from app.orders.models import OrderStatus
from app.reviews.invariants import find_breaches
from app.reviews.models import Review, ReviewStatus
from app.users.account_models import LinkPurpose
from app.users.links import MAIL_NOTICE
from app.users.models import User
from app.users.sessions import start_session
from app.users.tokens import start_family
from tests.account.test_addresses import HOME, PATH
from tests.factories import bearer, make_book, make_user
from tests.orders.test_buyers import place
from tests.users.readers import PASSWORD, fresh, make_reader, newest_token, queued

DELETION = "/api/v1/account/deletion"
OF_THE_PERSON = (
    "users",
    "user_sessions",
    "token_families",
    "refresh_tokens",
    "account_links",
    "email_changes",
    "saved_addresses",
    "carts",
    "cart_items",
    "checkouts",
    "wishlist_items",
    "prebooks",
    "reviews",
    "mails",
)


async def delete(client: AsyncClient, user: User, **proof: str) -> Response:
    return await client.post(DELETION, json=proof, headers=bearer(user))


async def rows(session: AsyncSession) -> dict[str, int]:
    return {
        table: (await session.scalars(text(f"SELECT count(*) FROM {table}"))).one()  # noqa: S608
        for table in OF_THE_PERSON
    }


async def fill(client: AsyncClient, session: AsyncSession, user: User) -> None:
    """Leave something of the reader in every table."""
    now = datetime.now(UTC)
    settings = get_settings()
    here, gone = await make_book(session), await make_book(session, copies=0)
    await start_session(session, user_id=user.id, now=now, lifetime=timedelta(days=1))
    await start_family(session, user_id=user.id, role=user.role, now=now, settings=settings)
    requests: list[tuple[str, Any]] = [
        (PATH, HOME),
        ("/api/v1/account/email", {"new_email": "new@example.com", "password": PASSWORD}),
        ("/api/v1/cart/items", {"book_id": here.id}),
        ("/api/v1/checkouts", {"email": "ada@example.com"}),
        ("/api/v1/wishlist", {"book_id": here.id}),
        ("/api/v1/prebooks", {"book_id": gone.id}),
    ]
    session.add(
        Review(
            user_id=user.id,
            book_id=here.id,
            work_id=here.work_id,
            rating=4,
            text="Mine.",
            status=ReviewStatus.PUBLISHED,
            verified_purchase=True,
        )
    )
    for path, body in requests:
        answer = await client.post(path, json=body, headers=bearer(user))
        assert answer.status_code in {201, 202}, answer.text
    await write_mail(
        session,
        event_id=uuid4(),
        recipient=user.email,
        template="password_changed",
        values={},
        settings=settings,
    )
    await session.commit()


async def test_everything_of_the_person_goes_and_the_order_stays_without_it(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    await fill(client, db_session, user)
    assert min((await rows(db_session)).values()) > 0
    order_id = await place(db_session, user=user)

    answer = await delete(client, user, password=PASSWORD)

    assert (answer.status_code, answer.content) == (204, b"")
    assert await rows(db_session) == dict.fromkeys(OF_THE_PERSON, 0)
    assert await find_breaches(db_session) == []
    order = (await db_session.execute(text("SELECT * FROM orders"))).mappings().one()
    assert (order["id"], order["user_id"], order["email"]) == (order_id, None, None)
    assert "Ada" not in str(dict(order))
    notices = await queued(db_session, MAIL_NOTICE.name)
    assert [(n["notice"], n["recipient"]) for n in notices] == [
        ("account_deleted", "ada@example.com")
    ]
    assert (await client.get("/api/v1/account", headers=bearer(user))).status_code == 401
    again = {"email": "ada@example.com", "password": PASSWORD}
    assert (await client.post("/api/v1/auth/register", json=again)).status_code == 201


async def test_a_checkout_that_became_an_order_goes_and_the_order_stays(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    headers, book = bearer(user), await make_book(db_session)
    await client.post("/api/v1/cart/items", json={"book_id": book.id}, headers=headers)
    chosen = {"shipping_address": HOME | {"country": "US"}}
    begun = await client.post("/api/v1/checkouts", json=chosen, headers=headers)
    url = f"/api/v1/checkouts/{begun.json()['id']}/complete"
    bought = await client.post(url, json={}, headers=headers)
    assert bought.status_code == 201, bought.text
    assert (await delete(client, user, password=PASSWORD)).status_code == 204
    left = text("SELECT (SELECT count(*) FROM checkouts), (SELECT count(*) FROM orders)")
    assert tuple((await db_session.execute(left)).one()) == (0, 1)


async def test_imports_name_their_staff_no_more(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    db_session.add_all(
        Import(kind=ImportKind.CSV, requested_by=email, file_name="b.csv")
        for email in (user.email, "other@example.com")
    )
    await db_session.commit()
    assert (await delete(client, user, password=PASSWORD)).status_code == 204
    named = await db_session.scalars(select(Import.requested_by).order_by(Import.id))
    assert named.all() == [NOBODY, "other@example.com"]


async def test_the_proof_must_be_right(client: AsyncClient, db_session: AsyncSession) -> None:
    user = await make_reader(db_session)
    wrong = await delete(client, user, password="not my password")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "ACCOUNT_PASSWORD_WRONG")
    for proof in ({}, {"password": PASSWORD, "token": "x"}):
        assert (await delete(client, user, **proof)).status_code == 422
    for token in ("x" * 43, "y"):  # a link is for accounts without a password
        assert (await delete(client, user, token=token)).status_code == 403
    asked = await client.post(f"{DELETION}/link", headers=bearer(user))
    assert (asked.status_code, asked.json()["code"]) == (409, "ACCOUNT_PASSWORD_EXPECTED")
    assert (await rows(db_session))["users"] == 1


async def test_an_account_without_a_password_is_deleted_by_a_link(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_user(db_session)
    other = await make_user(db_session)
    assert (await client.post(f"{DELETION}/link", headers=bearer(user))).status_code == 202
    token = await newest_token(db_session, LinkPurpose.DELETE_ACCOUNT)
    for reader, proof in ((user, "x" * 43), (other, token)):
        refused = await delete(client, reader, token=proof)
        assert (refused.status_code, refused.json()["code"]) == (400, "ACCOUNT_LINK_INVALID")
    assert (await rows(db_session))["users"] == 2
    assert (await delete(client, user, token=token)).status_code == 204
    assert (await rows(db_session))["users"] == 1


async def test_nobody_leaves_while_an_order_is_being_paid(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    await place(db_session, user=user, status=OrderStatus.PENDING)
    refused = await delete(client, user, password=PASSWORD)
    assert (refused.status_code, refused.json()["code"]) == (409, "ACCOUNT_ORDER_UNSETTLED")
    assert (await fresh(db_session, user)).email == "ada@example.com"


async def test_the_last_admin_stays_even_if_two_leave_at_once(committed: AsyncSession) -> None:
    first = await make_reader(committed, "first@example.com", role=Role.ADMIN)
    second = await make_reader(committed, "second@example.com", role=Role.ADMIN)
    await make_user(committed, role=Role.ADMIN, is_active=False)
    await make_user(committed)

    async def leave(user: User) -> None:
        async with session_scope() as session:
            proof = Deletion(password=PASSWORD)
            await delete_account(session, user_id=user.id, proof=proof, now=datetime.now(UTC))

    outcomes = await asyncio.gather(leave(first), leave(second), return_exceptions=True)
    codes = [getattr(outcome, "code", outcome) for outcome in outcomes]
    assert sorted(codes, key=str) == ["ACCOUNT_LAST_ADMIN", None]
    left = select(func.count()).where(User.role == Role.ADMIN, User.is_active)
    assert (await committed.scalars(left)).one() == 1


async def test_the_same_account_is_deleted_once(committed: AsyncSession) -> None:
    user = await make_reader(committed)

    async def leave() -> str:
        async with session_scope() as session:
            try:
                proof = Deletion(password=PASSWORD)
                await delete_account(session, user_id=user.id, proof=proof, now=datetime.now(UTC))
            except AppError as error:
                return error.code
        return "deleted"

    outcomes = await asyncio.gather(*(leave() for _ in range(4)))
    assert sorted(outcomes) == ["ACCOUNT_PASSWORD_WRONG"] * 3 + ["deleted"]
    assert len(await queued(committed, MAIL_NOTICE.name)) == 1


async def test_mails_to_an_address_that_is_another_s_by_now_stay(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    for email in ("old@example.com", "given.up@example.com"):
        await place(db_session, user=user, email=email, idempotency_key=email)
        await write_mail(
            db_session,
            event_id=uuid4(),
            recipient=email,
            template="password_changed",
            values={},
            settings=get_settings(),
        )
    await make_user(db_session, email="old@example.com")
    assert (await delete(client, user, password=PASSWORD)).status_code == 204
    assert list(await db_session.scalars(select(Mail.recipient))) == ["old@example.com"]


async def test_a_closed_account_cannot_be_deleted_by_its_reader(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    await db_session.execute(update(User).values(is_active=False))
    await db_session.commit()
    assert (await delete(client, user, password=PASSWORD)).status_code == 403
    assert (await rows(db_session))["users"] == 1


async def test_nobody_is_written_to_about_an_order_without_its_person(
    committed: AsyncSession,
) -> None:
    user = await make_reader(committed)
    order_id = await place(committed, user=user)
    await forget_buyer(committed, user_id=user.id)
    await committed.commit()
    event = OrderConfirmed(order_id=order_id)
    await confirm_order_by_mail.function(event, event_id=uuid4())
    assert (await committed.scalars(select(Mail))).all() == []
