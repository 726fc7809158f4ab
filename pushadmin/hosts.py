"""Serves a dialect at the root of a host name: for scripts that can be given no base path."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.http.request import split_domain_port


class DialectHostMiddleware:
    """Leads every call to a host of `PUSHADMIN_HOSTS` to its dialect's door, and nowhere else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        host, _port = split_domain_port(request.META.get("HTTP_HOST", ""))
        dialect = settings.DIALECT_HOSTS.get(host.lower())
        if dialect is not None:
            # `path` stays: a redirect to https must lead back to what was asked for.
            request.path_info = f"/compat/{dialect}/{request.path_info.lstrip('/')}"
        return self.get_response(request)
