"""Mails over SMTP, one per recipient and all over one connection.

The server is the installation's own (PUSHADMIN_MAIL_URL): no account says where to connect to.
"""

from __future__ import annotations

import json
import smtplib
import time
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import mail
from django.core.mail import BadHeaderError, EmailMessage

from providers.commands import SendPush
from providers.outbound import AccountConfig, CheckResult, Request
from providers.outcomes import Failure, Outcome, Reason, Receipt, Result
from providers.scenarios import SendText

MAX_BATCH = 50
RETRY_SECONDS = 60.0
PERMANENT = 500  # RFC 5321, 4.2.1: from here on another try does not help
# What a server that takes no more says before a mail's end; after it nobody knows.
SILENT = (smtplib.SMTPServerDisconnected, OSError)


class EmailClient:
    """One sender, connected to the installation's mail server."""

    def __init__(self, config: AccountConfig) -> None:
        self.sender = str(config.options.get("sender", ""))

    def check(self) -> CheckResult:
        """Greet the mail server, and send nothing."""
        try:
            connection = mail.get_connection()
            connection.open()
            connection.close()
        except (smtplib.SMTPException, OSError) as error:
            return CheckResult(False, _find_words(error))
        return CheckResult(True, "The mail server answers.")

    def write(self, push: SendPush) -> Request:
        """Pushes do not go by mail; raises Failure."""
        raise Failure(Reason.NO_ROUTE, "A push cannot be sent by e-mail.", is_permanent=True)

    def write_text(self, text: SendText) -> Request:
        """One mail per target. Raises Failure for a subject or sender that makes no header."""
        sender = text.sender or self.sender
        mails = [
            {"from": sender, "subject": one.message.subject, "text": one.message.text, "to": value}
            for one in text.split()
            for targets in one.push.parts[0].targets
            for value in targets.values
        ]
        try:
            for mail_of_text in {(one["subject"], one["text"]): one for one in mails}.values():
                _make_mail(mail_of_text).message()
        except (BadHeaderError, ValueError) as error:
            raise Failure(Reason.PAYLOAD, str(error), is_permanent=True) from error
        content = json.dumps(mails).encode()
        return Request(method="MAIL", url="", headers={}, body=content, count=len(mails))

    def send(self, request: Request) -> Receipt:
        """Send each mail; who comes after a broken connection is tried again later."""
        mails = json.loads(request.body)
        connection = _open()
        results: list[Result] = []
        # One call of a vendor may take so long; what is left goes in the next.
        end = time.monotonic() + settings.CALL_SECONDS
        try:
            for index, written in enumerate(mails):
                results.append(_send_one(connection, written, index))
                if results[-1].outcome is Outcome.UNKNOWN or time.monotonic() > end:
                    results += _put_off(range(index + 1, len(mails)))
                    break
        finally:
            _close(connection)
        return Receipt("", Outcome.ACCEPTED, tuple(one for one in results if one.message))


def _open() -> Any:
    connection = mail.get_connection()
    try:
        connection.open()
    except smtplib.SMTPAuthenticationError as error:
        raise Failure(Reason.CREDENTIAL, _find_words(error), is_permanent=True) from error
    except (smtplib.SMTPException, OSError) as error:
        raise Failure(Reason.VENDOR, _find_words(error), retry_after=RETRY_SECONDS) from error
    return connection


def _close(connection: Any) -> None:
    try:
        connection.close()
    except (smtplib.SMTPException, OSError):
        return  # every mail has its result already


def _make_mail(written: dict[str, str]) -> EmailMessage:
    return EmailMessage(written["subject"], written["text"], written["from"], [written["to"]])


def _send_one(connection: Any, written: dict[str, str], index: int) -> Result:
    try:
        connection.send_messages([_make_mail(written)])
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()), (PERMANENT, b""))
        return _refuse(index, code, words)
    except smtplib.SMTPResponseException as error:
        return _refuse(index, error.smtp_code, error.smtp_error)
    except (BadHeaderError, ValueError, smtplib.SMTPNotSupportedError) as error:
        return Result(index, Outcome.FAILED, Reason.PAYLOAD, str(error) or "No such address.")
    except (smtplib.SMTPException, *SILENT) as error:
        return Result(index, Outcome.UNKNOWN, Reason.NO_ANSWER, _find_words(error))
    return Result(index, Outcome.ACCEPTED)


def _refuse(index: int, code: int, words: Any) -> Result:
    text = f"{code} {_decode(words)}".strip()
    wait = None if code >= PERMANENT else RETRY_SECONDS
    return Result(index, Outcome.FAILED, Reason.VENDOR, text, retry_after=wait)


def _put_off(places: Sequence[int]) -> list[Result]:
    words = "The mail server had no time left for it."
    return [
        Result(place, Outcome.FAILED, Reason.VENDOR, words, retry_after=RETRY_SECONDS)
        for place in places
    ]


def _decode(words: Any) -> str:
    text = words.decode(errors="replace") if isinstance(words, bytes) else str(words)
    return text[:300]


def _find_words(error: Exception) -> str:
    return _decode(getattr(error, "smtp_error", "") or str(error) or type(error).__name__)


def connect(config: AccountConfig) -> EmailClient:
    """A client of one sender."""
    return EmailClient(config)
