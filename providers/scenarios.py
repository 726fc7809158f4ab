"""Commands and answers about failover: steps over several channels. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from providers.commands import Answer, Command, SendPush

# Where the extras of a message keep, by channel, the options of texts that only their vendor knows.
TEXTS = "texts"


class Channel(StrEnum):
    """How a step reaches somebody."""

    PUSH = "push"
    SMS = "sms"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Step:
    """`sender` is the door identifier of an app for a push, a number, name or address else.

    `wait` is how many seconds to wait for a receipt before the next step; None = the message's
    validity.
    """

    channel: str
    sender: str
    wait: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveScenario(Command):
    """Make a scenario, or change the one that `id` names. The default one is one of a workspace."""

    steps: tuple[Step, ...]
    name: str = ""
    id: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class FetchScenario(Command):
    id: str


@dataclass(frozen=True, slots=True)
class ListScenarios(Command):
    """One page; `page` counts from 0."""

    page: int = 0
    limit: int = 100
    is_default: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioRow(Answer):
    id: str
    name: str
    steps: tuple[Step, ...]
    is_default: bool


@dataclass(frozen=True, slots=True)
class ScenarioRows(Answer):
    rows: tuple[ScenarioRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMessage:
    """What an SMS or an e-mail says; `expires_in` in seconds from when its step begins.

    `options` are the vendor's own, carried opaquely.
    """

    text: str
    subject: str = ""
    expires_in: int | None = None
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendByScenario(Command):
    """Send to persons, or devices, by the steps of a scenario ("" = the default one).

    The push's one part holds the message of the push step and the targets, each of which may
    have several addresses: `addresses` are theirs by channel, in the order of the targets.
    """

    push: SendPush
    scenario: str = ""
    texts: Mapping[str, TextMessage] = field(default_factory=dict)
    addresses: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SendText(Command):
    """Send one SMS or e-mail per target; inbound and outbound. Targets are of `PersonKind`.

    `message` is what the push's first part says, `others` are what its further ones do.
    """

    push: SendPush
    channel: Channel
    message: TextMessage
    sender: str = ""
    others: tuple[TextMessage, ...] = ()

    @property
    def messages(self) -> tuple[TextMessage, ...]:
        """What each part of the push says."""
        return (self.message, *self.others)

    def split(self) -> tuple[SendText, ...]:
        """The same as sends of one part each, with what that part says."""
        return tuple(
            replace(self, push=replace(self.push, parts=(part,)), message=message, others=())
            for part, message in zip(self.push.parts, self.messages, strict=True)
        )


@dataclass(frozen=True, slots=True)
class SendTexts(Command):
    """Several texts in one call, each accepted or refused on its own; `client_key` is the
    caller's id of the whole."""

    texts: tuple[SendText, ...]
    client_key: str = ""


def find_text_options(extras: Mapping[str, Any], dialect: str, channel: str) -> Mapping[str, Any]:
    """The options that a dialect's script gave a text, among the extras of its message."""
    texts = extras.get(dialect, {}).get(TEXTS)
    options = texts.get(channel) if isinstance(texts, Mapping) else None
    return options if isinstance(options, Mapping) else {}
