"""The HTTP server: where it listens, how it runs, whether it answers."""

import errno
import ipaddress
import socket
import urllib.request
from importlib import import_module
from typing import Any

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from app.core.garbage import collection_held

DRAIN_SECONDS = 30
"""How long a server that was told to stop lets requests in flight finish."""

PORTS_TO_TRY = 100
NOT_THIS_PORT = {errno.EADDRINUSE, errno.EACCES}

# The environment may name a proxy, which knows nothing of this machine's own addresses.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class CannotListenError(OSError):
    """A server cannot listen there; the message says why and what to do."""


def serve(target: str, *, host: str, port: int, workers: int) -> None:
    """Serve an application, named as ``module:name``, until told to stop.

    Raises:
        CannotListenError: somebody listens there already, or nobody can.
    """
    refuse_taken_address(host, port)
    Granian(
        target,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=DRAIN_SECONDS,
        log_level=LogLevels.warning,
        process_name="bookstore",
    ).serve(target_loader=load)


def load(target: str) -> Any:
    """Return the application that a target names, loaded in a server process.

    What is loaded stays, so nobody looks for garbage in it meanwhile: that took a quarter of the
    time.
    """
    module, _, name = target.partition(":")
    with collection_held():
        return getattr(import_module(module), name)


def refuse_taken_address(host: str, port: int) -> None:
    """Let only an address pass that is free. The server itself would share a port in silence.

    Raises:
        CannotListenError: somebody listens there already, or nobody can.
    """
    with _socket(host) as probe, _socket(host) as caller:
        if hasattr(socket, "SO_REUSEPORT"):  # as the server does
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotListenError(
                f"Nobody can listen on port {port} of {host}: {error.strerror}."
            ) from None
        if caller.connect_ex((reachable(host), port)) == 0:
            raise CannotListenError(f"Port {port} of {host} is in use: choose another by --port.")


def free_port(host: str, preferred: int) -> int:
    """Return the preferred port, or the next one that nobody uses.

    Raises:
        CannotListenError: there is none, or nobody can listen on this host.
    """
    for port in range(preferred, min(preferred + PORTS_TO_TRY, 65_536)):
        with _socket(host) as probe:
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno not in NOT_THIS_PORT:
                    raise CannotListenError(
                        f"Nobody can listen on {host}: {error.strerror}."
                    ) from None
            else:
                return port
    raise CannotListenError(f"No port from {preferred} upwards is free on {host}.")


def reachable(host: str) -> str:
    """Return the address to call a server at: one that listens everywhere is here too."""
    address = ipaddress.ip_address(host)
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"  # noqa: PLR2004 (IPv4)


def base_url(host: str, port: int) -> str:
    """Return the URL of a server on this machine."""
    address = reachable(host)
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def answers(address: str) -> bool:
    """Tell whether the shop with this base URL lives. It is asked directly, past any proxy."""
    try:
        with _direct.open(f"{address}/health", timeout=1):
            return True
    except OSError:
        return False


def _socket(host: str) -> socket.socket:
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET  # noqa: PLR2004 (IPv6)
    except ValueError:
        raise CannotListenError(
            f"{host!r} is no IP address: give one, such as 127.0.0.1, or 0.0.0.0 for all."
        ) from None
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made
