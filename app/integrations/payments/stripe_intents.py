"""Which PaymentIntent of Stripe's is which charge of ours.

It is written down between making an intent, which moves no money, and confirming it. So whatever
dies in between, no money is taken by an intent that nobody can name, and Stripe need not be
searched, which finds new intents only after a while.
"""

from sqlalchemy import Text, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, CreatedAt
from app.db.session import session_scope


class StripeIntent(CreatedAt, Base):
    """A charge and its intent; one without was written off before it had any."""

    __tablename__ = "stripe_intents"

    reference: Mapped[str] = mapped_column(Text, primary_key=True)
    intent_id: Mapped[str | None] = mapped_column(Text, unique=True)


async def find_intent(reference: str) -> StripeIntent | None:
    """Return what is known of a charge."""
    async with session_scope() as session:
        return await session.get(StripeIntent, reference)


async def claim(reference: str, *, intent_id: str | None) -> str | None:
    """Let a charge have this intent, or none for ever; return what it had before, or has now."""
    async with session_scope() as session:
        await session.execute(
            insert(StripeIntent)
            .values(reference=reference, intent_id=intent_id)
            .on_conflict_do_nothing()
        )
        known = select(StripeIntent.intent_id).where(StripeIntent.reference == reference)
        return (await session.scalars(known)).one()
