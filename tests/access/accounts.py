"""What readers have in their own accounts, and requests that work on it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pyotp
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.account.models import SavedAddress
from app.core.config import get_settings
from app.core.security import hash_token
from app.integrations.oauth.provider import ProviderName
from app.storefront.entering import HALF_WAY
from app.users.account_models import AccountLink, EmailChange, LinkPurpose
from app.users.models import TokenFamily, User
from app.users.oauth.models import ConnectedIdentity
from app.users.tokens import start_family
from app.users.two_step.codes import encrypt_secret, sign_enrolment
from app.users.two_step.models import TwoStep
from app.users.two_step.pending import start
from tests.access.examples import Example

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
HOUR = timedelta(hours=1)


async def own_things(
    session: AsyncSession, reader: User, half_in: User, now: datetime
) -> dict[str, Any]:
    """Write what a reader's account has; return what paths and examples call it.

    ``half_in`` has proved all but the second step of signing in.
    """
    address = SavedAddress(
        user_id=reader.id, name="Ada", street="1 Road", postal_code="", city="London", country="US"
    )
    links = [
        AccountLink(
            id=uuid4(),
            token_hash=hash_token(purpose),
            user_id=reader.id,
            purpose=purpose,
            email=reader.email,
            expires_at=now + HOUR,
        )
        for purpose in LinkPurpose
    ]
    change = EmailChange(user_id=reader.id, new_email="ada@example.org", expires_at=now + HOUR)
    identity = ConnectedIdentity(provider=ProviderName.GOOGLE, subject="1", user_id=reader.id)
    second_step = TwoStep(user_id=half_in.id, encrypted_secret=_secret_of(half_in.id))
    second_step.confirmed_at = now
    session.add_all([address, *links, change, identity, second_step])
    await session.flush()  # the rest needs the ids
    await start_family(
        session, user_id=reader.id, role=reader.role, now=now, settings=get_settings()
    )
    found = select(TokenFamily.id).where(TokenFamily.user_id == reader.id).limit(1)
    return {
        "address_id": address.id,
        "provider": "google",
        "session_id": (await session.scalars(found)).one(),
        "half_way": await start(session, user_id=half_in.id, now=now),
    }


async def _without_password(session: AsyncSession, user_id: int) -> dict[str, str]:
    """Let the account have none, as who came by a provider."""
    await session.execute(update(User).where(User.id == user_id).values(password_hash=None))
    return {}


async def _with_two_steps(session: AsyncSession, user_id: int) -> dict[str, str]:
    """Let the account have a second step."""
    session.add(
        TwoStep(
            user_id=user_id, encrypted_secret=_secret_of(user_id), confirmed_at=datetime.now(UTC)
        )
    )
    return {}


async def _half_set_up(session: AsyncSession, user_id: int) -> dict[str, str]:
    """Let the account have begun to set up a second step a moment ago."""
    encrypted = _secret_of(user_id)
    session.add(TwoStep(user_id=user_id, encrypted_secret=encrypted))
    token = sign_enrolment(
        encrypted, user_id=user_id, now=datetime.now(UTC), settings=get_settings()
    )
    return {"enrolment_token": token}


def account_examples(ids: Mapping[str, Any], password: str, now: datetime) -> dict[str, Example]:
    """Return a request that works for each endpoint of readers' own accounts."""
    account, auth = "/api/v1/account", "/api/v1/auth"
    code = pyotp.TOTP(SECRET).at(now)
    address = {"name": "Ada", "street": "2 Road", "city": "London", "country": "US"}
    passwords = {"current_password": password, "password": "quite another one"}
    reset = {"token": LinkPurpose.RESET_PASSWORD, "password": "quite another one"}
    new_email = {"new_email": "new@example.org", "password": password}
    verify = {"token": str(LinkPurpose.VERIFY_EMAIL)}
    confirm = {"token": str(LinkPurpose.CONFIRM_OLD_EMAIL)}
    proof = {"sign_in_token": ids["half_way"], "totp_code": code}
    owner = {"current_password": password}
    first_code = {"totp_code": code, "enrolment_token": "of each their own"}
    half_way = {HALF_WAY.name(get_settings()): ids["half_way"]}
    page = "/account"
    return {
        f"POST {auth}/password/forgot": Example(json={"email": "reader@example.com"}),
        f"POST {auth}/password/reset": Example(json=reset),
        f"PATCH {account}": Example(json={"full_name": "Ada"}),
        f"PUT {account}/password": Example(json=passwords),
        f"POST {account}/verification": Example(),
        f"POST {account}/verification/confirm": Example(json=verify, missing=400),
        f"POST {account}/email": Example(json=new_email),
        f"DELETE {account}/email": Example(),
        f"POST {account}/email/confirm": Example(json=confirm, missing=400),
        f"DELETE {account}/sessions/{{session_id}}": Example(),
        f"DELETE {account}/sessions": Example(),
        f"POST {account}/addresses": Example(json=address),
        f"PUT {account}/addresses/{{address_id}}": Example(json=address),
        f"DELETE {account}/addresses/{{address_id}}": Example(),
        f"POST {account}/deletion/link": Example(prepare=_without_password),
        f"POST {account}/deletion": Example(json={"password": password}),
        # providers, of which the tests' shop offers none
        f"GET {auth}/google": Example(status=501),
        f"GET {auth}/google/callback": Example(status=501),
        f"POST {auth}/google/token": Example(status=501, json={"id_token": "x"}),
        f"GET {auth}/github": Example(status=501),
        f"GET {auth}/github/callback": Example(status=501),
        f"POST {auth}/identities/{{provider}}": Example(status=501, json=owner),
        f"POST {auth}/identities/{{provider}}/disconnect": Example(json=owner),
        "GET /sign-in/{provider}": Example(status=501, signed_in_status=303),
        "GET /sign-in/{provider}/callback": Example(status=501),
        f"POST {page}/connected/{{provider}}": Example(status=501, form=owner),
        f"POST {page}/connected/{{provider}}/disconnect": Example(status=303, form=owner),
        f"POST {auth}/two-step": Example(json=owner),
        f"POST {auth}/two-step/confirm": Example(json=first_code, prepare=_half_set_up),
        f"POST {auth}/two-step/recovery-codes": Example(
            json=owner | {"totp_code": code}, prepare=_with_two_steps
        ),
        f"POST {auth}/two-step/disable": Example(
            json=owner | {"totp_code": code}, prepare=_with_two_steps
        ),
        f"POST {auth}/two-step/sign-in": Example(json=proof),
        "GET /sign-in/two-step": Example(cookies=half_way, signed_in_status=303),
        "POST /sign-in/two-step": Example(status=303, form={"code": code}, cookies=half_way),
        f"POST {page}/two-step": Example(form=owner),
        f"GET {page}/two-step/set-up": Example(status=303),
        f"POST {page}/two-step/set-up": Example(form={"code": code}, prepare=_half_set_up),
        f"POST {page}/two-step/recovery-codes": Example(
            form=owner | {"code": code}, prepare=_with_two_steps
        ),
        f"POST {page}/two-step/disable": Example(
            status=303, form=owner | {"code": code}, prepare=_with_two_steps
        ),
        # pages
        "POST /forgotten-password": Example(form={"email": "reader@example.com"}),
        "POST /reset-password": Example(form=reset),
        "POST /verify-email": Example(status=303, form=verify, missing=422),
        "POST /confirm-email": Example(status=303, form=confirm, missing=422),
        f"POST {page}/profile": Example(status=303, form={"full_name": "Ada"}),
        f"POST {page}/verification": Example(status=303, form={}),
        f"POST {page}/password": Example(status=303, form=passwords),
        f"POST {page}/email": Example(status=303, form=new_email),
        f"POST {page}/email/cancel": Example(status=303, form={}),
        f"POST {page}/sessions/{{session_id}}/end": Example(status=303, form={}, missing=303),
        f"POST {page}/sessions/end": Example(status=303, form={}),
        f"POST {page}/addresses/new": Example(status=303, form=address),
        f"POST {page}/addresses/{{address_id}}": Example(status=303, form=address),
        f"POST {page}/addresses/{{address_id}}/remove": Example(status=303, form={}, missing=303),
        f"GET {page}/delete": Example(query="?token=x"),  # without one, who is signed in
        f"POST {page}/delete": Example(form={"password": password}),
        f"POST {page}/delete/link": Example(form={}, prepare=_without_password),
    }


def _secret_of(user_id: int) -> str:
    return encrypt_secret(SECRET, user_id=user_id, settings=get_settings())
