"""Two-step sign-in over HTTP, and the races that a code must survive."""

import asyncio
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pyotp
import pytest
from httpx import AsyncClient, Response
from pydantic import SecretStr
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.core.config import TwoStepRule, get_settings
from app.core.security import Role, encode_access_token, hash_token
from app.users import limits
from app.users.jobs import encrypt_two_step_secrets_anew
from app.users.limits import LIMITS, Client, Purpose
from app.users.links import MAIL_NOTICE
from app.users.models import AttemptCount, TokenFamily, User
from app.users.passwords import FRESH
from app.users.service import reset_password, to_principal
from app.users.two_step import codes, pending, service
from app.users.two_step.errors import (
    SecondFactorInvalidError,
    SignInExpiredError,
    TooManyCodesError,
)
from app.users.two_step.models import PendingSignIn, RecoveryCode, TwoStep
from app.users.two_step.schemas import SecondFactor
from tests.factories import make_user
from tests.servers import run_command
from tests.users.conftest import Clock
from tests.users.readers import queued

ACCOUNT = {"email": "ada@example.com", "password": "correct horse"}
REQUIRED = (401, "AUTH_SECOND_FACTOR_REQUIRED")
INVALID = (401, "AUTH_SECOND_FACTOR_INVALID")
LIMIT = (429, "AUTH_SECOND_FACTOR_LIMIT")
STEP = timedelta(seconds=codes.STEP_SECONDS)


def code(response: Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def at(secret: str, moment: datetime) -> str:
    return pyotp.TOTP(secret).at(moment)


def wrong(secret: str, moment: datetime) -> str:
    """Return a code that is none of those around now."""
    right = {at(secret, moment + STEP * n) for n in range(-2, 3)}
    return next(digits for digits in ("000000", "111111", "222222") if digits not in right)


class Reader:
    """Somebody with an account and an authenticator app."""

    def __init__(self, client: AsyncClient, clock: Clock, token: str) -> None:
        self.client, self.clock = client, clock
        self.headers = {"Authorization": f"Bearer {token}"}
        self.secret = ""
        self.recovery_codes: list[str] = []

    def code(self, steps: int = 0) -> str:
        return at(self.secret, self.clock.now + STEP * steps)

    async def post(self, path: str, **body: Any) -> Response:
        address = f"/api/v1/auth/two-step{path}"
        return await self.client.post(address, json=body, headers=self.headers)

    async def owner_posts(self, path: str, **body: Any) -> Response:
        """Send the password as well."""
        return await self.post(path, current_password=ACCOUNT["password"], **body)

    async def begin(self) -> str:
        """Begin to set it up; return the token for the first code."""
        answer = await self.owner_posts("")
        assert answer.status_code == 201, answer.text
        self.secret = answer.json()["secret"]
        return str(answer.json()["enrolment_token"])

    async def turn_on(self) -> Response:
        token = await self.begin()
        confirmed = await self.post("/confirm", enrolment_token=token, totp_code=self.code())
        assert confirmed.status_code == 200, confirmed.text
        self.recovery_codes = confirmed.json()["recovery_codes"]
        self.go_on_with(confirmed)
        self.clock.forward(STEP)
        return confirmed

    def go_on_with(self, signed_in: Response) -> None:
        self.headers = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}

    async def log_in(self, **factor: str) -> Response:
        return await self.client.post("/api/v1/auth/login", json={**ACCOUNT, **factor})


async def register(client: AsyncClient, clock: Clock, session: AsyncSession) -> Reader:
    """Return a reader whose address is proved."""
    answer = await client.post("/api/v1/auth/register", json=ACCOUNT)
    await session.execute(update(User).values(email_verified_at=clock.now))
    await session.commit()
    return Reader(client, clock, answer.json()["access_token"])


@pytest.fixture
def required() -> Iterator[None]:
    settings = get_settings()
    settings.staff_two_step = TwoStepRule.REQUIRED
    yield
    settings.staff_two_step = TwoStepRule.OPTIONAL


async def count(session: AsyncSession, model: type) -> int:
    return (await session.scalars(select(func.count()).select_from(model))).one()


async def test_setting_it_up(client: AsyncClient, db_session: AsyncSession, clock: Clock) -> None:
    reader = await register(client, clock, db_session)
    begun = await reader.owner_posts("")
    assert begun.status_code == 201
    enrolment = begun.json()
    assert set(enrolment) == {"secret", "uri", "qr_svg", "enrolment_token"}
    token = enrolment["enrolment_token"]
    assert re.fullmatch(r"[A-Z2-7]{32}", enrolment["secret"])
    assert pyotp.parse_uri(enrolment["uri"]).secret == enrolment["secret"]
    assert enrolment["uri"].startswith("otpauth://totp/Bookstore:ada%40example.com?")
    assert enrolment["qr_svg"].startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert (await reader.log_in()).status_code == 200, "nothing is asked before it is confirmed"

    reader.secret = enrolment["secret"]
    guess = wrong(reader.secret, clock.now)
    refused = await reader.post("/confirm", enrolment_token=token, totp_code=guess)
    assert code(refused) == INVALID
    assert (await reader.log_in()).status_code == 200

    confirmed = await reader.post("/confirm", enrolment_token=token, totp_code=reader.code())
    assert confirmed.status_code == 200
    assert set(confirmed.json()) == {
        "recovery_codes",
        "access_token",
        "refresh_token",
        "token_type",
    }
    ended = await client.get("/api/v1/auth/two-step", headers=reader.headers)
    assert code(ended) == (401, "AUTH_TOKEN_INVALID"), "it came of a sign-in in one step"
    reader.go_on_with(confirmed)
    recovery = confirmed.json()["recovery_codes"]
    assert len(set(recovery)) == 10
    assert all(re.fullmatch(r"([a-z2-7]{4}-){3}[a-z2-7]{4}", one) for one in recovery)
    state = await client.get("/api/v1/auth/two-step", headers=reader.headers)
    assert state.json()["is_on"] is True
    assert state.json()["recovery_codes_left"] == 10
    assert code(await reader.owner_posts("")) == (409, "AUTH_TWO_STEP_ON")
    again = await reader.post("/confirm", enrolment_token=token, totp_code="000000")
    assert code(again) == (409, "AUTH_TWO_STEP_ON")


async def test_nothing_is_stored_in_clear(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    await reader.turn_on()
    row = (await db_session.scalars(select(TwoStep))).one()
    assert reader.secret not in row.encrypted_secret
    assert row.encrypted_secret.count(".") == 4
    settings = get_settings()
    assert (
        codes.decrypt_secret(row.encrypted_secret, user_id=row.user_id, settings=settings)
        == reader.secret
    )
    stored = set((await db_session.scalars(select(RecoveryCode.code_hash))).all())
    assert stored == {hash_token(one.replace("-", "")) for one in reader.recovery_codes}


async def test_a_secret_is_read_for_its_own_account_and_by_its_own_shop_only() -> None:
    settings = get_settings()
    other = settings.model_copy(update={"secret_key": type(settings.secret_key)("y" * 32)})
    encrypted = codes.encrypt_secret("JBSWY3DP", user_id=1, settings=settings)
    assert codes.decrypt_secret(encrypted, user_id=1, settings=settings) == "JBSWY3DP"
    assert codes.decrypt_secret(encrypted, user_id=2, settings=settings) is None
    assert codes.decrypt_secret(encrypted, user_id=1, settings=other) is None
    assert codes.decrypt_secret("no.jwe", user_id=1, settings=settings) is None
    renewed = other.model_copy(update={"secret_keys_former": (settings.secret_key,)})
    assert codes.decrypt_secret(encrypted, user_id=1, settings=renewed) == "JBSWY3DP"


async def test_a_renewed_secret_of_the_shop_takes_over_what_the_former_one_encrypted(
    committed: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = get_settings()
    renewed = settings.model_copy(
        update={"secret_key": SecretStr("y" * 32), "secret_keys_former": (settings.secret_key,)}
    )
    ada, eve = await make_user(committed), await make_user(committed)
    for user, secret in (
        (ada, codes.encrypt_secret("ADA", user_id=ada.id, settings=settings)),
        (eve, "read.by.nobody"),
    ):
        committed.add(TwoStep(user_id=user.id, encrypted_secret=secret))
    await committed.commit()
    monkeypatch.setattr("app.users.jobs.get_settings", lambda: renewed)
    await encrypt_two_step_secrets_anew.function()
    statement = select(TwoStep.encrypted_secret).order_by(TwoStep.user_id)
    encrypted, unread = (await committed.scalars(statement)).all()
    without = renewed.model_copy(update={"secret_keys_former": ()})
    assert codes.decrypt_secret(encrypted, user_id=ada.id, settings=without) == "ADA"
    assert unread == "read.by.nobody"
    await encrypt_two_step_secrets_anew.function()
    assert (await committed.scalars(statement)).all() == [encrypted, unread]


async def test_turning_it_on_ends_all_other_sign_ins(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    other = (await reader.log_in()).json()["refresh_token"]
    pair = (await reader.turn_on()).json()
    answer = await client.post("/api/v1/auth/refresh", json={"refresh_token": other})
    assert code(answer) == (401, "AUTH_REFRESH_INVALID")
    answer = await client.post(
        "/api/v1/auth/refresh", json={"refresh_token": pair["refresh_token"]}
    )
    assert answer.status_code == 200
    assert await count(db_session, TokenFamily) == 1


async def test_signing_in_takes_a_code(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    await reader.turn_on()
    families = await count(db_session, TokenFamily)

    answer = await reader.log_in()
    assert code(answer) == REQUIRED
    assert set(answer.json()) == {"detail", "code"}
    wrong_password = {**ACCOUNT, "password": "wrong", "totp_code": reader.code()}
    answer = await client.post("/api/v1/auth/login", json=wrong_password)
    assert code(answer) == (401, "AUTH_INVALID_CREDENTIALS")
    assert code(await reader.log_in(totp_code=wrong(reader.secret, clock.now))) == INVALID
    assert code(await reader.log_in(recovery_code="aaaa-aaaa-aaaa-aaaa")) == INVALID
    assert await count(db_session, TokenFamily) == families

    spaced = f"{reader.code()[:3]} {reader.code()[3:]}"
    answer = await reader.log_in(totp_code=spaced)
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "refresh_token", "token_type"}


@pytest.mark.parametrize(
    "value", ["12345", "1234567", "12345a", "\uff11\uff12\uff13\uff14\uff15\uff16", ""]
)
async def test_what_is_no_code(client: AsyncClient, clock: Clock, value: str) -> None:
    del clock
    answer = await client.post("/api/v1/auth/login", json={**ACCOUNT, "totp_code": value})
    assert code(answer) == (422, "VALIDATION_ERROR")


async def test_a_code_works_once_and_none_before_it_afterwards(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    await reader.turn_on()
    before, now = reader.code(-1), reader.code()
    assert code(await reader.log_in(totp_code=before)) == INVALID, "it confirmed the setting up"
    assert (await reader.log_in(totp_code=now)).status_code == 200
    assert code(await reader.log_in(totp_code=now)) == INVALID
    clock.forward(STEP)
    assert code(await reader.log_in(totp_code=now)) == INVALID
    assert (await reader.log_in(totp_code=reader.code())).status_code == 200


@pytest.mark.parametrize(("steps", "works"), [(-2, False), (-1, True), (1, True), (2, False)])
async def test_clocks_may_differ_by_one_step(
    client: AsyncClient, db_session: AsyncSession, clock: Clock, steps: int, works: object
) -> None:
    reader = await register(client, clock, db_session)
    await reader.turn_on()
    clock.forward(STEP * 10)
    answer = await reader.log_in(totp_code=reader.code(steps))
    assert answer.status_code == (200 if works else 401)


async def test_a_recovery_code_works_once_however_it_is_typed(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    await reader.turn_on()
    first = reader.recovery_codes[0]
    typed = f" {first.replace('-', ' ').upper()} "
    assert (await reader.log_in(recovery_code=typed)).status_code == 200
    assert code(await reader.log_in(recovery_code=first)) == INVALID
    assert await count(db_session, RecoveryCode) == 9


async def test_wrong_codes_are_limited_by_account_and_recovery_codes_are_not(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    await reader.turn_on()
    guess = wrong(reader.secret, clock.now)
    for _ in range(LIMITS[Purpose.SECOND_FACTOR].account.attempts):
        assert code(await reader.log_in(totp_code=guess)) == INVALID
    right = await reader.log_in(totp_code=reader.code())
    assert code(right) == LIMIT
    assert right.headers["Retry-After"] == str(15 * 60)
    clock.forward(timedelta(minutes=5))
    again = await reader.log_in(totp_code=reader.code())
    assert (code(again), again.headers["Retry-After"]) == (LIMIT, str(10 * 60))
    assert (await reader.log_in(recovery_code=reader.recovery_codes[0])).status_code == 200
    clock.forward(timedelta(minutes=10))
    assert (await reader.log_in(totp_code=reader.code())).status_code == 200


async def test_codes_are_counted_over_any_quarter_of_an_hour(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    """Nine late in one window and nine early in the next are too many; what was right is none."""
    reader = await register(client, clock, db_session)
    await reader.turn_on()
    for _ in range(9):
        assert code(await reader.log_in(totp_code=wrong(reader.secret, clock.now))) == INVALID
        clock.forward(timedelta(minutes=1))
    assert (await reader.log_in(totp_code=reader.code())).status_code == 200
    clock.forward(timedelta(minutes=5))
    assert code(await reader.log_in(totp_code=wrong(reader.secret, clock.now))) == INVALID
    refused = await reader.log_in(totp_code=reader.code())
    assert code(refused) == LIMIT
    assert refused.headers["Retry-After"] == "60"
    clock.forward(timedelta(seconds=30.5))
    refused = await reader.log_in(totp_code=reader.code())
    assert refused.headers["Retry-After"] == "30", "rounded up: earlier it would be refused again"
    clock.forward(timedelta(seconds=30))
    assert (await reader.log_in(totp_code=reader.code())).status_code == 200


@pytest.mark.parametrize("kind", ["totp_code", "recovery_code"])
async def test_codes_are_counted_by_the_address_that_they_come_from(
    client: AsyncClient, db_session: AsyncSession, clock: Clock, kind: str
) -> None:
    reader = await register(client, clock, db_session)
    await reader.turn_on()
    here, there = Client(address="203.0.113.7"), Client(address="203.0.113.8")
    for number in range(LIMITS[Purpose.SECOND_FACTOR].address.attempts):
        await limits.spend(
            db_session,
            purpose=Purpose.SECOND_FACTOR,
            email=f"{number}@example.com",
            address=here.address,
            now=clock.now,
        )
    user = to_principal((await db_session.scalars(select(User))).one())

    async def prove(client: Client) -> None:
        given: dict[str, str | None] = {"totp_code": None, "recovery_code": None}
        given[kind] = reader.code() if kind == "totp_code" else reader.recovery_codes[0]
        await service.prove(
            db_session, user=user, **given, client=client, now=clock.now, settings=get_settings()
        )

    with pytest.raises(TooManyCodesError) as refusal:
        await prove(here)
    assert refusal.value.headers == {"Retry-After": "900"}
    subjects = select(func.count()).select_from(AttemptCount)
    of_codes = subjects.where(AttemptCount.purpose == Purpose.SECOND_FACTOR)
    assert (await db_session.scalars(of_codes)).one() == 101, "nothing is counted of the account"
    await prove(there)


async def test_a_right_password_uses_up_no_attempt_whatever_becomes_of_the_code(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    await reader.turn_on()
    for answer in (
        await reader.log_in(),
        await reader.log_in(totp_code=wrong(reader.secret, clock.now)),
        await reader.log_in(recovery_code="aaaa-aaaa-aaaa-aaaa"),
        await reader.log_in(totp_code=reader.code()),
    ):
        assert answer.status_code in {200, 401}
    statement = select(AttemptCount.moments).where(AttemptCount.purpose == Purpose.SIGN_IN)
    assert set(map(tuple, (await db_session.scalars(statement)).all())) == {()}


async def test_new_recovery_codes(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    await reader.turn_on()
    assert code(await reader.owner_posts("/recovery-codes", totp_code="000000")) == INVALID
    answer = await reader.owner_posts("/recovery-codes", totp_code=reader.code())
    assert answer.status_code == 200
    fresh = answer.json()["recovery_codes"]
    assert len(set(fresh) - set(reader.recovery_codes)) == 10
    assert code(await reader.log_in(recovery_code=reader.recovery_codes[1])) == INVALID
    assert (await reader.log_in(recovery_code=fresh[0])).status_code == 200


async def test_turning_it_off_takes_a_code(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    off = (409, "AUTH_TWO_STEP_OFF")
    assert code(await reader.owner_posts("/disable", totp_code="000000")) == off
    first = await reader.post("/confirm", enrolment_token="x", totp_code="000000")
    assert code(first) == off
    await reader.turn_on()
    for body in ({}, {"totp_code": "000000", "recovery_code": "x"}):
        assert code(await reader.owner_posts("/disable", **body)) == (422, "VALIDATION_ERROR")
    guess = wrong(reader.secret, clock.now)
    assert code(await reader.owner_posts("/disable", totp_code=guess)) == INVALID
    assert await count(db_session, TwoStep) == 1
    answer = await reader.owner_posts("/disable", recovery_code=reader.recovery_codes[0])
    assert answer.status_code == 204
    assert (await count(db_session, TwoStep), await count(db_session, RecoveryCode)) == (0, 0)
    assert (await reader.log_in()).status_code == 200


async def test_only_the_account_itself_sets_it_up(client: AsyncClient) -> None:
    for method, path in (("GET", ""), ("POST", ""), ("POST", "/confirm"), ("POST", "/disable")):
        answer = await client.request(
            method, f"/api/v1/auth/two-step{path}", json={"totp_code": "000000"}
        )
        assert code(answer) == (401, "AUTH_TOKEN_INVALID")


async def test_whoever_sits_at_a_sign_in_is_asked_for_the_password_anew(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    await reader.turn_on()
    factor = {"recovery_code": reader.recovery_codes[0]}
    for path, proof in (("", {}), ("/recovery-codes", factor), ("/disable", factor)):
        missing = await reader.post(path, **proof)
        assert code(missing) == (403, "ACCOUNT_PASSWORD_REQUIRED"), path
        assert missing.json()["field"] == "current_password"
        refused = await reader.post(path, **proof, current_password="another")
        assert code(refused) == (403, "ACCOUNT_PASSWORD_WRONG"), path
    assert await count(db_session, RecoveryCode) == 10
    for _ in range(7):
        await reader.post("/disable", **factor, current_password="another")
    refused = await reader.owner_posts("/disable", **factor)
    assert code(refused) == (429, "AUTH_TOO_MANY_ATTEMPTS")
    clock.forward(timedelta(minutes=15))
    refreshed = await reader.log_in(recovery_code=reader.recovery_codes[1])
    reader.go_on_with(refreshed)
    assert (await reader.owner_posts("/disable", **factor)).status_code == 204


async def test_an_account_without_a_password_needs_a_sign_in_of_a_moment_ago(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    await db_session.execute(update(User).values(password_hash=None))
    await db_session.commit()
    clock.forward(FRESH)
    assert code(await reader.post("")) == (403, "AUTH_SIGN_IN_STALE")
    assert await count(db_session, TwoStep) == 0
    clock.forward(-timedelta(seconds=1))
    assert (await reader.post("")).status_code == 201
    user = (await db_session.scalars(select(User))).one()
    token = encode_access_token(
        user_id=user.id, role=user.role, now=clock.now, settings=get_settings()
    )
    reader.headers = {"Authorization": f"Bearer {token}"}
    assert code(await reader.post("")) == (403, "AUTH_SIGN_IN_STALE"), "of no sign-in at all"


async def test_who_has_not_proved_the_address_keeps_its_owner_out_by_nothing(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    await db_session.execute(update(User).values(email_verified_at=None))
    await db_session.commit()
    assert code(await reader.owner_posts("")) == (409, "AUTH_EMAIL_UNVERIFIED")
    assert await count(db_session, TwoStep) == 0


async def test_the_first_code_comes_from_who_has_begun_and_soon(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    """Else who finds a browser signed in could finish what its reader has left half done."""
    late = (403, "AUTH_TWO_STEP_LATE")
    reader = await register(client, clock, db_session)
    before = await reader.begin()
    token = await reader.begin()
    for other in ("x", before):
        refused = await reader.post("/confirm", enrolment_token=other, totp_code=reader.code())
        assert code(refused) == late
    clock.forward(codes.ENROLMENT_LIFETIME)
    body = {"enrolment_token": token, "totp_code": reader.code()}
    assert code(await reader.post("/confirm", **body)) == late
    clock.forward(-timedelta(seconds=1))
    body["totp_code"] = reader.code()
    assert (await reader.post("/confirm", **body)).status_code == 200


async def test_its_owner_is_told_of_every_change(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    async def told() -> list[str]:
        return [
            job["notice"]
            for job in await queued(db_session, MAIL_NOTICE.name)
            if job["recipient"] == ACCOUNT["email"]
        ]

    reader = await register(client, clock, db_session)
    await reader.turn_on()
    assert await told() == ["two_step_on"]
    await reader.owner_posts("/disable", totp_code="000000")
    assert await told() == ["two_step_on"]
    await reader.owner_posts("/recovery-codes", totp_code=reader.code())
    await reader.log_in(recovery_code=reader.recovery_codes[0])  # no more
    clock.forward(STEP)
    fresh = await reader.owner_posts("/recovery-codes", totp_code=reader.code())
    recovery = fresh.json()["recovery_codes"]
    assert (await reader.log_in(recovery_code=recovery[0])).status_code == 200
    clock.forward(STEP)
    assert (await reader.owner_posts("/disable", totp_code=reader.code())).status_code == 204
    assert await told() == [
        "two_step_on",
        *["recovery_codes_renewed"] * 2,
        "recovery_code_used",
        "two_step_off",
    ]


async def test_a_second_step_after_a_provider(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    await reader.turn_on()
    user_id = (await db_session.scalars(select(User.id))).one()
    token = await pending.start(db_session, user_id=user_id, now=clock.now)
    await db_session.commit()
    stored = (await db_session.scalars(select(PendingSignIn.token_hash))).one()
    assert stored == hash_token(token)

    guess = wrong(reader.secret, clock.now)
    assert code(await reader.post("/sign-in", sign_in_token=token, totp_code=guess)) == INVALID
    answer = await reader.post("/sign-in", sign_in_token=token, totp_code=reader.code())
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"access_token", "refresh_token", "token_type"}
    clock.forward(STEP)
    answer = await reader.post("/sign-in", sign_in_token=token, totp_code=reader.code())
    assert code(answer) == (401, "AUTH_SIGN_IN_EXPIRED")


async def half_way(reader: Reader, session: AsyncSession) -> tuple[str, SecondFactor]:
    """Return a token for the second step, and the factor that would be right."""
    await reader.turn_on()
    user_id = (await session.scalars(select(User.id))).one()
    token = await pending.start(session, user_id=user_id, now=reader.clock.now)
    await session.commit()
    return token, SecondFactor(totp_code=reader.code())


async def finish(session: AsyncSession, token: str, factor: SecondFactor, now: datetime) -> int:
    user = await pending.finish(
        session, token=token, factor=factor, client=Client(), now=now, settings=get_settings()
    )
    return user.id


async def test_half_way_ends_after_five_wrong_codes(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    token, right = await half_way(reader, db_session)
    guess = SecondFactor(totp_code=wrong(reader.secret, clock.now))
    for _ in range(pending.TRIES):
        with pytest.raises(SecondFactorInvalidError):
            await finish(db_session, token, guess, clock.now)
    assert not await pending.is_open(db_session, token=token, now=clock.now)
    with pytest.raises(SignInExpiredError):
        await finish(db_session, token, right, clock.now)


async def test_half_way_ends_with_time(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    token, _ = await half_way(reader, db_session)
    late = clock.now + pending.LIFETIME
    factor = SecondFactor(totp_code=at(reader.secret, late))
    with pytest.raises(SignInExpiredError):
        await finish(db_session, token, factor, late)
    assert await pending.forget_expired(db_session, now=clock.now, limit=10) == 0
    assert await pending.forget_expired(db_session, now=late, limit=10) == 1


async def test_half_way_ends_with_another_password(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    token, right = await half_way(reader, db_session)
    assert await reset_password(db_session, email=ACCOUNT["email"], password_hash="another")
    with pytest.raises(SignInExpiredError):
        await finish(db_session, token, right, clock.now)


async def test_half_way_ends_with_the_account(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    token, right = await half_way(reader, db_session)
    await db_session.execute(update(User).values(is_active=False))
    await db_session.commit()
    answer = await reader.post("/sign-in", sign_in_token=token, totp_code=right.totp_code)
    assert code(answer) == (403, "AUTH_ACCOUNT_DEACTIVATED")
    with pytest.raises(SignInExpiredError):
        await pending.start(db_session, user_id=2**31 - 1, now=clock.now)


async def test_of_many_who_send_one_code_at_once_one_is_let_in(
    connections: async_sessionmaker[AsyncSession],
) -> None:
    clock = Clock()
    async with connections() as session:
        user = User(email="ada@example.com")
        session.add(user)
        await session.flush()  # the secret needs the account's id
        secret = codes.new_secret()
        settings = get_settings()
        encrypted = codes.encrypt_secret(secret, user_id=user.id, settings=settings)
        session.add(TwoStep(user_id=user.id, encrypted_secret=encrypted, confirmed_at=clock.now))
        recovery = codes.new_recovery_codes()[0]
        await session.flush()  # the code needs the row
        session.add(RecoveryCode(user_id=user.id, code_hash=codes.hash_recovery_code(recovery)))
        await session.commit()

    async def attempt(**factor: str) -> bool:
        async with connections() as session:
            try:
                await service.require(
                    session,
                    user=to_principal(user),
                    totp_code=factor.get("totp_code"),
                    recovery_code=factor.get("recovery_code"),
                    client=Client(),
                    now=clock.now,
                    settings=settings,
                )
            except SecondFactorInvalidError:
                return False
            await session.commit()
            return True

    for factor in ({"totp_code": at(secret, clock.now)}, {"recovery_code": recovery}):
        outcomes = await asyncio.gather(*(attempt(**factor) for _ in range(8)))
        assert sorted(outcomes) == [False] * 7 + [True]


async def admin(client: AsyncClient, session: AsyncSession, clock: Clock) -> Reader:
    reader = await register(client, clock, session)
    await session.execute(update(User).values(role=Role.ADMIN))
    await session.commit()
    return reader


@pytest.mark.usefixtures("required")
async def test_staff_can_do_nothing_before_they_have_set_it_up(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await admin(client, db_session, clock)
    for path in ("/api/v1/admin/orders", "/api/v1/cart", "/api/v1/auth/identities"):
        answer = await client.get(path, headers=reader.headers)
        assert code(answer) == (403, "AUTH_TWO_STEP_REQUIRED"), path
    assert code(await reader.post("/disable", totp_code="000000"))[0] == 403
    asked = await client.post("/api/v1/account/verification", headers=reader.headers)
    assert asked.status_code == 202, "without a proved address nothing can be set up"
    state = await client.get("/api/v1/auth/two-step", headers=reader.headers)
    assert state.json() == {"is_on": False, "confirmed_at": None, "recovery_codes_left": 0}
    await reader.turn_on()
    for path in ("/api/v1/admin/orders", "/api/v1/cart", "/api/v1/auth/identities"):
        assert (await client.get(path, headers=reader.headers)).status_code == 200, path


@pytest.mark.usefixtures("required")
async def test_readers_need_not(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    reader = await register(client, clock, db_session)
    assert (await client.get("/api/v1/cart", headers=reader.headers)).status_code == 200


async def test_the_shop_turns_it_off_for_who_has_lost_everything(
    live_database: str, live_sessions: async_sessionmaker[AsyncSession]
) -> None:
    async with live_sessions() as session:
        user = User(email="ada@example.com")
        session.add(user)
        await session.flush()  # the second step needs the account's id
        session.add(TwoStep(user_id=user.id, encrypted_secret="x", confirmed_at=func.now()))
        await session.commit()
    command = ("user", "disable-two-step", "Ada@example.com")
    output = await run_command(*command, database_url=live_database)
    assert "signs in without a second step now" in output
    async with live_sessions() as session:
        assert await count(session, TwoStep) == 0
        (told,) = await queued(session, MAIL_NOTICE.name)
        assert (told["notice"], told["recipient"]) == ("two_step_off", "ada@example.com")
        for address in ("ada@example.com", "nobody@example.com", "no address"):
            assert await service.remove(session, email=address) is None
    output = await run_command(*command, database_url=live_database, status=1)
    assert "There is no account Ada@example.com with two-step sign-in." in output
