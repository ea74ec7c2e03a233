"""What the catalogue's endpoints depend on."""

from typing import Annotated, cast

from fastapi import Depends, Request

from app.integrations.storage import ObjectStorage


async def get_storage(request: Request) -> ObjectStorage:
    """Return the storage that the application was put together with."""
    return cast(ObjectStorage, request.app.state.storage)


Storage = Annotated[ObjectStorage, Depends(get_storage)]
