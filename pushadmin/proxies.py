"""Forwarded headers count only when a proxy that we trust has written them."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST")


class TrustedProxyMiddleware:
    """Take the client's address and scheme from a trusted proxy, drop them from anybody else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.META.get("REMOTE_ADDR") in settings.TRUSTED_PROXIES:
            self._believe(request)
        for name in FORWARDED:
            request.META.pop(name, None)
        return self.get_response(request)

    @staticmethod
    def _believe(request: HttpRequest) -> None:
        # The last address is the one that our own proxy saw; those before it are claims.
        addresses = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if addresses[-1].strip():
            request.META["REMOTE_ADDR"] = addresses[-1].strip()
        if request.META.get("HTTP_X_FORWARDED_PROTO") in {"http", "https"}:
            request.META["wsgi.url_scheme"] = request.META["HTTP_X_FORWARDED_PROTO"]
