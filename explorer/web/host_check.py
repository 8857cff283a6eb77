"""ASGI middleware against DNS rebinding: answers only requests whose Host header names this computer.

A web site can point its own domain at 127.0.0.1. The browser then treats the app as part of that site and lets the site's
scripts use it; only the Host header still contains the site's name. Every IP address is accepted: rebinding needs a name.
"""

import os
import re
import socket
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

VARIABLE = "EXPLORER_HOSTS"  # environment variable: further accepted names, separated by commas
HEADER = re.compile(rb"(\[[0-9a-f]*:[0-9a-f:.]*\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?)(?::[0-9]{0,5})?", re.IGNORECASE)
MAX_HEADER_BYTES = 253 + len(".:65535")  # the longest name that DNS allows
MAX_QUOTED = 80  # characters of a malformed header that the response repeats
NO_SNIFFING = {"X-Content-Type-Options": "nosniff"}  # the response repeats the header, which may look like HTML


class HostCheck:
    """Responds with 403 unless the Host is an IP address, a name of this computer, or listed in EXPLORER_HOSTS or `names`."""

    def __init__(self, app: ASGIApp, names: Iterable[str] = ()) -> None:
        self.app = app
        settings = [*os.environ.get(VARIABLE, "").split(","), *names]
        self.names = names_of_this_computer() | {name for name in map(name_in_setting, settings) if name}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self.refusal(scope) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await PlainTextResponse(f"{refusal}\n", 403, NO_SNIFFING)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})  # closed before it is accepted: the server responds with 403

    def refusal(self, scope: Scope) -> str | None:
        """One sentence that says why the request is refused and what to do; None if it is accepted."""
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1:
            return f"The request has {len(hosts)} Host headers instead of one: open the app with a web browser."
        name = name_in_header(hosts[0])
        if name is None:
            shown = ascii(hosts[0][:MAX_QUOTED].decode("latin-1"))
            return (
                f"The request is for the host {shown}, which is no valid name: open the app as localhost or by its IP address."
            )
        if is_address(name) or is_listed(name, self.names):
            return None
        return (
            f"This app does not answer to the name {name}: open it as localhost or by its IP address, "
            f"or, if the name is yours, start the app with {VARIABLE}={name} in its environment."
        )


def name_in_header(header: bytes) -> str | None:
    """The host in a Host header, in lower case, without port, brackets and trailing dot; None if it is malformed."""
    found = HEADER.fullmatch(header) if len(header) <= MAX_HEADER_BYTES else None
    if found is None:
        return None
    name = found[1].decode("ascii").lower()
    if name.startswith("["):
        name = name.strip("[]")
        return name if is_address(name) else None
    return name.removesuffix(".")


def name_in_setting(text: str) -> str:
    """The host in a setting, which may be a URL (`https://vae.example.org:8501/lab`); "" if there is none."""
    text = text.strip()
    try:
        host = urlsplit(text if "://" in text else f"//{text}").hostname
    except ValueError:  # an unclosed bracket
        return ""
    return (host or "").removesuffix(".")


def names_of_this_computer() -> set[str]:
    """The names known without DNS: a lookup may delay the start, and the network's DNS server controls what it returns."""
    full = socket.gethostname().lower().removesuffix(".")
    short = full.partition(".")[0]
    return {"localhost", full, short, f"{short}.local"}  # .local: multicast DNS


def is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def is_listed(name: str, names: Iterable[str]) -> bool:
    """Whether a name is listed, itself or by `*.domain` or `*`, as in Streamlit's server.allowedHosts."""
    return any(p in ("*", name) or (p.startswith("*.") and name.endswith(p[1:])) for p in names)
