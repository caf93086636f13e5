"""What a route takes in its query, and the busiest routes straight to their functions."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import get_origin

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute

from tidegate.errors import TidegateError
from tidegate.serving.limits import Receive, Scope, Send, as_refusal
from tidegate.serving.responses import Refusal
from tidegate.serving.settings import HEALTH


async def check_query(request: Request) -> None:
    """Refuse a parameter that the route does not know, and one given twice of which it takes one: neither would count.

    The page and its files, and whether the service lives, are also answered to a link or a probe that adds its own.

    Raises:
        Refusal: 400.
    """
    route = request.scope["route"]
    if not route.include_in_schema or route.path.startswith(HEALTH):
        return
    taken = {field.alias: field.field_info.annotation for field in route.dependant.query_params}
    several = {name for name, kind in taken.items() if get_origin(kind) is list}
    _check_query([name for name, _ in request.query_params.multi_items()], taken, several)


def _check_query(given: list[str], taken: Iterable[str], several: Iterable[str] = ()) -> None:
    for name in given:
        if name not in taken:
            known = f"it takes {', '.join(taken)}" if taken else "it takes none; what to do stands in the body"
            raise Refusal(400, f"this page does not know the parameter {name[:100]!r}; {known}")
        if given.count(name) > 1 and name not in several:
            raise Refusal(400, f"the parameter {name!r} is given more than once; give it once")


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
        scope["route"], request = route, Request(scope)
        try:
            if scope["query_string"]:
                _check_query(list(request.query_params), ())
            response = await route.endpoint(request=request, **arguments)
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
