"""Addresses of servers: never shown with a password, which stays in the environment if it came by that.

And known where they mean another machine on every machine.
"""

import os
import re
import socket
from urllib.parse import unquote, urlsplit

from .secret_names import names_secret

MASK = "***"
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306}
SECONDS_TO_CONNECT = 5.0

# A password may hold any character but white space; behind http://host:80/ an @ belongs to the path.
_PASSWORD = re.compile(r"(?P<before>://[^:/@?#\s]*:)(?!\d{1,5}/)\S+@")
_DATABASE_PASSWORD = re.compile(r"(?P<before>\b(?!https?:)[\w+.-]+://[^:/@?#\s]*:)\S+@")
_TOKEN_FOR_USER = re.compile(r"(?P<before>\b(?:git\+)?https?://)(?!\*\*\*)[^/@:?#\s]+@")
# `?password=…`, `--token=…`, `host=… password='…'`, `PWD=…;`
_ASSIGNED = re.compile(
    r"(?P<key>[A-Za-z_][\w.%-]*)=(?P<value>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|(?:(?!;\w+(?: Id)?=|&[\w.%-]+=)\S)+)"
)
_VARIABLE = re.compile(r"\$\{oc\.env:(\w+)\}")
_NO_SECRET = re.compile(r"null|true|false|\?\?\?|None|True|False", re.I)


def masked(text: str) -> str:
    """Hide the passwords of the addresses in a text, and what is assigned to the name of a secret: `token=***`."""
    if "://" in text:
        for form in (_DATABASE_PASSWORD, _PASSWORD, _TOKEN_FOR_USER):
            text = form.sub(rf"\g<before>{MASK}@", text)
    return _ASSIGNED.sub(_without_value, text) if "=" in text else text


def _without_value(found: re.Match[str]) -> str:
    name, value = found["key"].rpartition(".")[2], found["value"]
    if not names_secret(name):
        return f"{found['key']}={_ASSIGNED.sub(_without_value, value)}"
    if _NO_SECRET.fullmatch(value):
        return found[0]
    quote = value[-1] if value[-1] in "'\"" and value[0] != value[-1] else ""  # closes what stands around
    return f"{found['key']}={MASK}{quote}"


def without_user(url: str) -> str:
    """Return a URL that a person may click on: without user and password."""
    hidden = masked(url)
    return re.sub(r"(://)[^/@\s]*@", r"\1", hidden)


def has_password(url: str) -> bool:
    """Tell whether a URL holds what `masked` hides."""
    return masked(url) != url


def passwords_of(text: str) -> set[str]:
    """Return the passwords of the addresses in a text, as written and decoded; not those that are the user's name."""
    found: set[str] = set()
    for url in re.findall(r"\S+://\S+", text):
        user = re.search(r"://([^:/@?#]*):", url)
        for form in (_DATABASE_PASSWORD, _PASSWORD):
            for match in form.finditer(url):
                found |= {match[0][len(match["before"]) : -1]}
        for match in _ASSIGNED.finditer(url):
            if names_secret(match["key"].rpartition(".")[2]):
                found.add(match["value"])
        found -= {MASK, user[1] if user else ""}
    return found | {unquote(password) for password in found}


def by_variable(url: str) -> str:
    """Return a URL with `${oc.env:NAME}` in place of what a variable of this process holds of its password."""
    if not has_password(url):
        return url
    passwords = passwords_of(url)
    for name, value in sorted(os.environ.items(), key=lambda item: -len(item[1])):
        holds = value == url or any(password in value for password in passwords)
        if value and holds and value in url:
            return url.replace(value, f"${{oc.env:{name}}}")
    return url


def from_variables(url: str) -> str:
    """Return the URL with what this process's own environment holds; a variable that is not set stays as it is."""
    return _VARIABLE.sub(lambda found: os.environ.get(found[1], found[0]), url)


def kept(url: str) -> str:
    """Return the URL as it may stand in a file: a password by the variable that holds it, or hidden."""
    named = by_variable(url)
    return masked(url) if named == url else named


def known(url: str) -> str:
    """Return a `kept` URL with the password that this process's environment has; as it is where it has none."""
    if MASK in url:
        return next((value for value in os.environ.values() if MASK not in value and masked(value) == url), url)
    return from_variables(url)


def missing_variable(url: str) -> str | None:
    """Return the name of a variable that this process would need to know the URL."""
    found = _VARIABLE.search(url)
    return found[1] if found else None


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
