"""What happens to accounts, for whoever wants to hear of it."""

from dataclasses import dataclass

from app.jobs.outbox import Event


@dataclass(frozen=True)
class AddressProved(Event):
    """An account's reader reads the mail of its address, as was proved now or before."""

    user_id: int
