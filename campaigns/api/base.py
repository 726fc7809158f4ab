"""What every native view shares: known parameters, scopes, pages, one answer per key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from campaigns.api.authentication import ROLE_OF_SCOPE
from campaigns.api.idempotency import answer_once
from campaigns.api.paging import MAX_ID, PAGE_PARAMETERS, check_parameters, take_page
from campaigns.errors import Invalid, NotFound
from campaigns.models import ApiKey, App
from campaigns.services.access import name_actor, require_role

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class NativeViewSet(GenericViewSet[Any]):
    """Rows that `for_user` lets through, ordered by id.

    `scopes` maps an action to its scope, `change_scope` holds for other unsafe methods; `filters`
    maps an action to the query parameters it knows besides paging.
    """

    change_scope: ClassVar[str] = ApiKey.Scope.AUDIENCE
    scopes: ClassVar[Mapping[str, str]] = {}
    filters: ClassVar[Mapping[str, Sequence[str]]] = {}
    paged: ClassVar[frozenset[str]] = frozenset({"list"})
    lookup_value_regex = "[0-9]{1,16}"

    def find_scope(self) -> str:
        if self.request.method in SAFE:
            return ApiKey.Scope.READ
        return self.scopes.get(self.action or "", self.change_scope)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        action = self.action or ""
        pages = PAGE_PARAMETERS if action in self.paged else ()
        check_parameters(request, (*pages, *self.filters.get(action, ())))
        self.now = timezone.now()
        if request.method not in SAFE:
            self._once(request)

    def _once(self, request: Request) -> None:
        """Let the method answer once per Idempotency-Key; the handler is looked up after this."""
        name = str(request.method).lower()
        handler = getattr(self, name, None)
        if handler is None:  # the method is not allowed here, which is said next
            return

        def act(request: Request, *args: Any, **kwargs: Any) -> Response:
            return answer_once(request, self.now, lambda: handler(request, *args, **kwargs))

        setattr(self, name, act)

    @property
    def by(self) -> dict[str, Any]:
        """Actor and time, as services take them."""
        return {"actor": name_actor(self.request.user), "now": self.now}

    def get_queryset(self) -> QuerySet[Any]:
        rows: Any = super().get_queryset()
        seen: QuerySet[Any] = rows.for_user(self.request.user)
        return seen

    def find_row(self) -> Any:
        """The row of the address; NotFound when there is none or it is somebody else's."""
        pk = int(self.kwargs["pk"])
        row = self.get_queryset().filter(pk=pk).first() if pk < MAX_ID else None
        if row is None:
            raise NotFound(_("There is no such thing, or it is not yours."))
        return row

    def find_row_to_change(self) -> Any:
        row = self.find_row()
        self.require(row.app)
        return row

    def require(self, place: Any) -> None:
        """A person needs the scope's role in that very app; a key has passed already."""
        if not isinstance(self.request.user, ApiKey):
            require_role(self.request.user, place, ROLE_OF_SCOPE[ApiKey.Scope(self.find_scope())])

    def read_body(self) -> dict[str, Any]:
        """The checked body, by the action's serializer."""
        serializer = self.get_serializer(
            data=self.request.data, partial=self.action == "partial_update"
        )
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def find_app(self, slug: str | None) -> App:
        """The app of that slug, or the caller's only app; raises Invalid."""
        apps = App.objects.for_user(self.request.user)
        rows = apps.filter(slug=slug) if slug else apps
        named: list[App] = list(rows.select_related("workspace")[:2])
        if len(named) == 1:
            return named[0]
        sentence = (
            _("There is no app %(slug)s.") % {"slug": ascii(slug)}
            if slug and not named
            else _("Name the app by its slug.")
        )
        raise Invalid(sentence, fields={"app": sentence})

    def filter_app(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        slug = self.request.query_params.get("app")
        return rows.filter(app=self.find_app(slug)) if slug is not None else rows

    def answer_page(self, rows: QuerySet[Any], serializer: Any, key: str = "pk") -> Response:
        page, following = take_page(self.request, rows, key)
        results = serializer(page, many=True, context={"request": self.request}).data
        return Response({"results": results, "next": following})


class ListedViewSet(NativeViewSet):
    """Rows that can be listed, by app, and looked at one by one."""

    filters: ClassVar[Mapping[str, Sequence[str]]] = {"list": ("app",)}
    shown: ClassVar[Any] = None

    def list(self, request: Request) -> Response:
        return self.answer_page(self.filter_app(self.get_queryset()), self.shown)

    def retrieve(self, request: Request, pk: str = "") -> Response:
        return Response(self.shown(self.find_row()).data)
