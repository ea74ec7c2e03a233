"""What readers are told of the messages to them."""

from datetime import datetime

from app.core.schemas import ReadModel


class MessageRead(ReadModel):
    """A message, as far as it is still known. The token of a link is in none."""

    created_at: datetime
    sent_at: datetime | None
    template: str
    subject: str
    body_text: str
