"""Reads what a page shows: what stands in a `<template>` is not drawn yet."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from html.parser import HTMLParser


class ShownReader(HTMLParser, ABC):
    """Calls `begin` for every element that is shown, with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.templates = 0

    def handle_starttag(self, tag, attrs):
        self.templates += tag == "template"
        if not self.templates:
            self.begin(tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag):
        self.templates -= tag == "template"

    @abstractmethod
    def begin(self, tag: str, given: Mapping[str, str]) -> None: ...
