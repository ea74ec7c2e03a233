from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs import batches
from app.users.jobs import prune_sign_ins
from app.users.models import AttemptCount, RefreshToken, TokenFamily, UserSession
from tests.factories import make_user


async def test_what_has_expired_is_deleted_and_what_has_not_stays(
    committed: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)  # five rows are then three batches
    user = await make_user(committed)
    now = datetime.now(UTC)
    for number, expires_at in enumerate([now - timedelta(minutes=1)] * 5 + [now + timedelta(1)]):
        token = bytes([number])
        committed.add(UserSession(token_hash=token, user_id=user.id, expires_at=expires_at))
        family = TokenFamily(user_id=user.id, expires_at=expires_at)
        committed.add(family)
        await committed.flush()  # the token needs the family's id
        committed.add(RefreshToken(token_hash=token, family_id=family.id))
        committed.add(
            AttemptCount(purpose="mail", subject=token, moments=[now], expires_at=expires_at)
        )
    await committed.commit()
    await prune_sign_ins.function()
    assert (await committed.scalars(select(UserSession.token_hash))).all() == [b"\x05"]
    assert (await committed.scalars(select(RefreshToken.token_hash))).all() == [b"\x05"]
    assert (await committed.scalars(select(AttemptCount.subject))).all() == [b"\x05"]
    assert await committed.scalar(select(func.count()).select_from(TokenFamily)) == 1
