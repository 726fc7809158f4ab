"""Topics as labels: a topic, and conditions over topics.

Source: firebase.google.com/docs/cloud-messaging/send-topic-messages: `'a' in topics && ('b' in
topics || 'c' in topics)`, parentheses first, then from left to right; at most five topics. A name
fits `[a-zA-Z0-9-_.~%]+`.
"""

from __future__ import annotations

import re

from providers.audience import And, Condition, Expression, Not, Op, Or
from providers.outcomes import Refusal
from providers.recipients import Audience

from .wire_values import refuse_value

FIELD = "person.label"
MAX_TOPICS = 5
MAX_CONDITION = 1024
MAX_DEPTH = 50  # parentheses and signs within each other; nobody needs as many
TOPIC = re.compile(r"[a-zA-Z0-9\-_.~%]{1,255}")
_PREFIX = "/topics/"
_WORD = re.compile(r"\s*(?:(&&|\|\||!|\(|\))|(['\"])([^'\"]*)\2\s+in\s+topics\b)")


def read_topic(text: str) -> Audience:
    """Whoever carries the label of that name."""
    name = text.removeprefix(_PREFIX)
    if not TOPIC.fullmatch(name):
        raise refuse_value("message.topic", "must match [a-zA-Z0-9-_.~%]+")
    return Audience(labels=(name,))


def read_condition(text: str) -> Audience:
    """Raises `Refusal` for what is no condition."""
    reader = _Reader(_split(text))
    expression = reader.read_chain()
    if reader.words:
        raise _refuse(f"{reader.words[0]} is not expected")
    if reader.topics > MAX_TOPICS:
        raise _refuse(f"has more than {MAX_TOPICS} topics")
    return Audience(expression=expression)


def _refuse(why: str) -> Refusal:
    return refuse_value("message.condition", why)


def _split(text: str) -> list[str]:
    if len(text) > MAX_CONDITION:
        raise _refuse("is too long")
    words, place = [], 0
    while text[place:].strip():
        found = _WORD.match(text, place)
        if found is None:
            raise _refuse("is no condition over topics")
        # A topic is told from a sign by what stands before it.
        words.append(found[1] or f"'{found[3]}")
        place = found.end()
    return words


class _Reader:
    """Takes the words of a condition from the left."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.topics = 0
        self.depth = 0

    def read_chain(self) -> Expression:
        """Terms with signs between them; the vendor gives neither sign precedence."""
        expression = self._read_term()
        while self.words and self.words[0] in ("&&", "||"):
            sign = self.words.pop(0)
            terms = (expression, self._read_term())
            expression = And(terms) if sign == "&&" else Or(terms)
        return expression

    def _read_term(self) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _refuse("is nested too deeply")
        expression = self._read_inner()
        self.depth -= 1
        return expression

    def _read_inner(self) -> Expression:
        word = self.words.pop(0) if self.words else ""
        if word == "!":
            return Not(self._read_term())
        if word == "(":
            inner = self.read_chain()
            if not self.words or self.words.pop(0) != ")":
                raise _refuse("lacks a closing parenthesis")
            return inner
        if not word.startswith("'") or not TOPIC.fullmatch(word[1:]):
            raise _refuse("lacks a topic")
        self.topics += 1
        return Condition(FIELD, Op.EQ, word[1:])
