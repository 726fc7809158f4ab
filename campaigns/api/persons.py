"""Two persons made one, and taken apart, over the native API."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api import shapes
from campaigns.api.base import ListedViewSet
from campaigns.api.strict import StrictSerializer, Whole
from campaigns.errors import Forbidden, Invalid, NotFound
from campaigns.models import ApiKey, Person, PersonMerge
from campaigns.services.merges import merge_persons, unmerge
from campaigns.services.permissions import may

ID = OpenApiParameter("id", OpenApiTypes.INT64, OpenApiParameter.PATH)
MAX_ID = 2**53


class MergeBody(StrictSerializer):
    """Who goes: our id of a person."""

    gone = Whole(min_value=1, max_value=MAX_ID)


class UnmergeBody(StrictSerializer):
    """Which merge is taken back."""

    merge = Whole(min_value=1, max_value=MAX_ID)


class MergeShape(serializers.ModelSerializer[PersonMerge]):
    """A merge: the one who was kept, and whose `external_user_id` now means them."""

    kept = serializers.IntegerField(source="person_id")
    gone = serializers.IntegerField(source="gone_id")
    devices = serializers.SerializerMethodField()

    class Meta:
        model = PersonMerge
        fields = ["id", "kept", "gone", "external_user_id", "devices", "at", "undone_at"]

    def get_devices(self, merge: PersonMerge) -> list[int]:
        return [int(pk) for pk in merge.moved["devices"]]


class MergingViews(ListedViewSet):
    """Verbs on persons who turned out to be one. A person has devices in any app of a workspace, so
    only who reaches all of it may."""

    def _find_to_merge(self) -> Person:
        person: Person = self.find_row()
        user: Any = self.request.user
        is_wide = user.is_wide() if isinstance(user, ApiKey) else may(user, "change", person)
        if not is_wide:
            raise Forbidden(_("Only who reaches all apps of the workspace merges persons."))
        return person

    @extend_schema(parameters=[ID], request=MergeBody, responses={200: MergeShape})
    @action(detail=True, methods=["post"], serializer_class=MergeBody)
    def merge(self, request: Request, pk: str = "") -> Response:
        keep = self._find_to_merge()
        number = self.read_body()["gone"]
        merge = keep.merges.filter(gone_id=number, undone_at__isnull=True).first()
        if merge is None:
            merge = merge_persons(keep, self._find_gone(number), **self.by)
        return Response(MergeShape(merge).data)

    def _find_gone(self, number: int) -> Person:
        gone: Person | None = self.get_queryset().filter(pk=number).first()
        if gone is None:
            sentence = _("There is no such person, or they are nobody of yours.")
            raise Invalid(sentence, fields={"gone": sentence})
        return gone

    @extend_schema(parameters=[ID], request=UnmergeBody, responses={200: shapes.PersonShape})
    @action(detail=True, methods=["post"], serializer_class=UnmergeBody)
    def unmerge(self, request: Request, pk: str = "") -> Response:
        keep = self._find_to_merge()
        merge = keep.merges.filter(pk=self.read_body()["merge"]).first()
        if merge is None:
            raise NotFound(_("There is no such merge."))
        return Response(shapes.PersonShape(unmerge(merge, **self.by)).data)
