"""Whether the health server can have its address and port, and if not, what to do."""

import errno
import os
import socket


def why_not(host: str, port: int, error: OSError) -> str:
    """Return a sentence for the operator about an address that could not be listened on."""
    if error.errno == errno.EADDRINUSE:
        why = "is taken by another program: set HTTP_PORT to another port, or to off"
    elif error.errno == errno.EADDRNOTAVAIL:
        why = "is no address of this machine: set HTTP_HOST to one"
    elif error.errno == errno.EACCES:
        why = "is not for this user to have: set HTTP_PORT to one from 1024 on, or to off"
    else:
        why = f"cannot be listened on ({os.strerror(error.errno or 0)}): set HTTP_HOST and HTTP_PORT"
    return f"{shown(host, port)} {why}"


def shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def try_to_have(host: str, port: int) -> None:
    """Take an address and let it go again, without listening; raise OSError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as place:
        if os.name == "posix":  # as asyncio does: what lately ended here holds nothing up
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:  # the same: what has the port for IPv4 alone is in nobody's way
            place.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        place.bind((host, port))
