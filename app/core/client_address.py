"""From where a request comes, as far as that can be believed."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated

from fastapi import Depends, Request

from app.core.config import Settings
from app.core.deps import AppSettings


def client_address(request: Request, settings: Settings) -> str | None:
    """Return the IP address of whoever sent the request; ``None`` where there is no network.

    It is the other end of the connection. Only where that is a proxy that the settings name is its
    ``X-Forwarded-For`` believed, from the right to the left and no further than the first address
    that is none of the proxies: what stands left of it could be anybody's invention.
    """
    address = _parse(request.client.host) if request.client else None
    hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    while address and hops and any(address in proxies for proxies in settings.trusted_proxies):
        told = _parse(hops.pop())
        if told is None:
            break
        address = told
    return str(address) if address else None


async def get_client_address(request: Request, settings: AppSettings) -> str | None:
    """Return the IP address of whoever sent the request."""
    return client_address(request, settings)


ClientAddress = Annotated[str | None, Depends(get_client_address)]


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
