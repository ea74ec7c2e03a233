"""What happens in promotions that others want to hear of."""

from dataclasses import dataclass

from app.jobs.outbox import Event


@dataclass(frozen=True)
class GiftCardIssued(Event):
    """There is a new gift card; whoever it is for, if that is known, is to be told its code."""

    gift_card_id: int
