"""What happens to orders, for whoever wants to hear of it."""

from dataclasses import dataclass

from app.jobs.outbox import Event


@dataclass(frozen=True)
class OrderConfirmed(Event):
    """An order was paid, or will be paid in the shop; its copies are the buyer's."""

    order_id: int


@dataclass(frozen=True)
class OrderCancelled(Event):
    """An order that had to wait for its payment was given up; nothing was charged."""

    order_id: int


@dataclass(frozen=True)
class LateMoneyGivenBack(Event):
    """Money that was taken for an order after it had been given up is on its way back."""

    order_id: int


@dataclass(frozen=True)
class OrderCalledOff(Event):
    """A confirmed order was cancelled before anything of it left; what was paid goes back."""

    order_id: int


@dataclass(frozen=True)
class OrderShipped(Event):
    """A parcel left, with all or some of an order's copies."""

    order_id: int
    shipment_id: int


@dataclass(frozen=True)
class OrderReadyToCollect(Event):
    """An order's copies wait at the counter."""

    order_id: int


@dataclass(frozen=True)
class OrderDelivered(Event):
    """An order's copies are with their buyer."""

    order_id: int


@dataclass(frozen=True)
class PreorderReleased(Event):
    """Books that were bought in advance are on sale."""

    order_id: int
    line_ids: list[int]


@dataclass(frozen=True)
class PreorderMoved(Event):
    """A book that was bought in advance is on sale another day than was said; days as ISO 8601."""

    order_id: int
    line_id: int
    before: str
    after: str


@dataclass(frozen=True)
class RefundPaid(Event):
    """Money went back to a buyer."""

    order_id: int
    refund_id: int
