"""Addresses of servers: never shown with a password, and known where they mean another machine on every machine."""

import re
import socket
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306}
SECONDS_TO_CONNECT = 5.0

_PASSWORD = re.compile(r"(://[^:/@\s]*:)(?!\d+/)\S*@")
_PASSWORD_IN_QUERY = re.compile(r"([?&]password=)[^&\s]*")


def masked(text: str) -> str:
    """Hide the passwords of the URLs in a text; they may hold any character but white space."""
    return _PASSWORD_IN_QUERY.sub(r"\1***", _PASSWORD.sub(r"\1***@", text))


def is_dead_loopback(url: str) -> bool:
    """Tell whether the URL names this very machine, by 127.0.0.1 for example, and nobody listens there.

    False for every other URL: a server elsewhere may be away for a while, and a tunnel may end on this machine.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme.partition("+")[0])
    except ValueError:
        return False
    host = parts.hostname or ""
    if port is None or not (host in ("localhost", "::1") or host.startswith("127.")):
        return False
    try:
        socket.create_connection((host, port), SECONDS_TO_CONNECT).close()
    except OSError:
        return True
    return False
