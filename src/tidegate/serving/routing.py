"""The busiest routes go straight to their functions."""

from __future__ import annotations

import inspect

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute

from tidegate.errors import TidegateError
from tidegate.serving.limits import Receive, Scope, Send, as_refusal
from tidegate.serving.responses import Refusal


class DirectRoutes:
    """Sends a POST straight to the function of its route where that wants only the request and parts of the path.

    Such functions read their bodies themselves, so that of what FastAPI does for a route only its description in
    OpenAPI is used; going around the rest nearly doubles the requests that one process answers. All else goes through
    FastAPI.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._routes = [route for route in app.routes if isinstance(route, APIRoute) and _is_direct(route)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            # The server sends no body in answer to the request as it came.
            asked = {**scope, "method": "GET"}
            await self._app(asked, receive, send)
            scope["route"] = asked.get("route")
            return
        found = self._find(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        route, arguments = found
        scope["route"] = route
        try:
            response = await route.endpoint(request=Request(scope), **arguments)
        except (TidegateError, Refusal, TimeoutError) as error:
            response = as_refusal(error).response
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> tuple[APIRoute, dict[str, str]] | None:
        for route in self._routes:
            match = route.path_regex.match(scope["path"])
            if match is not None:
                return route, match.groupdict()
        return None


def _is_direct(route: APIRoute) -> bool:
    wanted = set(inspect.signature(route.endpoint).parameters)
    return "POST" in (route.methods or ()) and wanted == {"request", *route.param_convertors}
