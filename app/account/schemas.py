"""What readers send and are told about what they keep here."""

from datetime import datetime
from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from app.core.schemas import ReadModel, WriteModel
from app.orders.schemas import Address
from app.users.schemas import Password, RefreshTokenText


class AddressWrite(Address):
    """A postal address. The default one stands in the checkout page's form."""

    is_default: bool = False


class AddressRead(ReadModel):
    """A postal address of the account."""

    id: int
    name: str
    street: str
    postal_code: str
    city: str
    country: str
    is_default: bool
    created_at: datetime


class Deletion(WriteModel):
    """The proof that the account's reader wants it deleted: its password, or a mailed link's token.

    The link is for accounts that have no password.
    """

    password: Password = ""
    token: RefreshTokenText = ""

    @model_validator(mode="after")
    def _one_proof(self) -> Self:
        if bool(self.password) == bool(self.token):
            raise PydanticCustomError("one_proof", "Please send the password or a link's token.")
        return self
