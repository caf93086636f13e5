"""Who may call the service from a browser: by which names of its own, and from pages of which origins.

A site can let its name lead to the address of this machine (DNS rebinding); its pages then speak with the service as
with their own server, and the browser sends the site's name as host. Addresses and names of this machine cannot be made
to do so.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from tidegate.serving.responses import Refusal


class Visitors:
    """The hosts and origins that requests may name."""

    def __init__(self, hosts: Sequence[str], origins: Sequence[str]) -> None:
        """Take what the settings allow beside this machine's own names and all addresses."""
        self._origins = {origin.lower() for origin in origins}
        self._hosts = {"localhost", socket.gethostname().lower(), *(host.lower() for host in hosts)}
        self._hosts |= {urlsplit(origin).hostname or "" for origin in self._origins}
        self._problem = lru_cache(maxsize=256)(self._find_problem)

    def check(self, host: bytes | None, origin: bytes | None) -> None:
        """Check the headers of these names.

        Raises:
            Refusal: 403, the host is not this service, or the page is of another site.
        """
        problem = self._problem(host, origin)
        if problem is not None:
            raise Refusal(403, problem)

    def _find_problem(self, host: bytes | None, origin: bytes | None) -> str | None:
        named = "" if host is None else host.decode("latin-1").lower()
        if host is not None and not self._is_own(named):
            return (
                f"this service is not called {named[:100]!r}; call it by its address, or start it with --allow-host "
                "and that name"
            )
        if origin is not None:
            page = origin.decode("latin-1").lower()
            if page not in self._origins and page.partition("//")[2] != named:
                return "a page of another site may not use this service; open its own page, or start it with --origin"
        return None

    def _is_own(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            if name in self._hosts or name.endswith(".localhost"):
                return True
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True
