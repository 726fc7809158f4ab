"""Pages of customers' websites at the device door: cross-origin calls (the Fetch standard, 3.2)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.cache import patch_vary_headers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from campaigns.services.web_pages import find_apps

SECONDS = 600  # how long a browser need not ask again


class CrossOriginView(APIView):
    """Answers that pages of the app's own websites may read, and no others.

    No cookie is looked at, so a page can do no more than any other program; the answer to a call
    that belongs to no app yet, such as a preflight, is for each website that any app lists.
    """

    own_app: int | None = None
    page_apps: frozenset[int] = frozenset()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.page_apps = find_apps(request.headers.get("Origin", ""))
        super().initial(request, *args, **kwargs)

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """A browser asks before a page's call."""
        return Response(status=204)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        patch_vary_headers(answer, ["Origin"])
        is_listed = self.own_app in self.page_apps if self.own_app else bool(self.page_apps)
        if is_listed:
            answer["Access-Control-Allow-Origin"] = request.headers["Origin"]
            if request.method == "OPTIONS":
                answer["Access-Control-Allow-Methods"] = ", ".join(self.allowed_methods)
                answer["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
                answer["Access-Control-Max-Age"] = str(SECONDS)
        return answer
