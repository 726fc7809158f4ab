"""How a list and one row of it are described, the same for every kind of row."""

from __future__ import annotations

from functools import cache
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_view,
    inline_serializer,
)
from rest_framework import serializers

ID = OpenApiParameter("id", OpenApiTypes.INT64, OpenApiParameter.PATH)
PAGE = [
    OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 1000, default 100."),
    OpenApiParameter("after", OpenApiTypes.INT64, description="Rows with a higher id."),
]
STATUS = OpenApiParameter("status", OpenApiTypes.STR)
APP = OpenApiParameter("app", OpenApiTypes.STR, description="The app's slug.")


@cache
def page_of(shape: Any) -> Any:
    """The schema of a page of rows."""
    return inline_serializer(
        f"{shape.__name__.removesuffix('Shape')}Page",
        {"results": shape(many=True), "next": serializers.URLField(allow_null=True)},
    )


def listed(shape: Any, *parameters: OpenApiParameter) -> Any:
    """Describe `list` and `retrieve` of a view set."""
    return extend_schema_view(
        list=extend_schema(parameters=[*PAGE, *parameters], responses=page_of(shape)),
        retrieve=extend_schema(parameters=[ID], responses=shape),
    )
