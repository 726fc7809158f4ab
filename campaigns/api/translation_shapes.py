"""The bodies of texts that come and go as a file."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from campaigns.api.strict import Flag, StrictSerializer, Text
from campaigns.services.translation_files import MOST


class TranslationFileBody(StrictSerializer):
    """`file` is CSV or JSON as a text; with `dry_run` nothing changes."""

    file = Text(max_length=MOST)
    dry_run = Flag(required=False, default=False)


class RejectedTextShape(serializers.Serializer[Any]):
    row = serializers.IntegerField()
    language = serializers.CharField()
    reason = serializers.CharField()


class TranslationDiffShape(serializers.Serializer[Any]):
    new = serializers.ListField(child=serializers.CharField())
    changed = serializers.ListField(child=serializers.CharField())
    same = serializers.ListField(child=serializers.CharField())
    rejected = RejectedTextShape(many=True)
