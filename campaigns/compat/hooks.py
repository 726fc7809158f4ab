"""What vendors call us for: one view for the hooks of every account.

Whoever calls has no key; the dialect tells from the account's credentials whether it was the
vendor. An account and a hook that are not there are answered alike.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from django.core.handlers.wsgi import WSGIRequest
from django.db import transaction
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from campaigns.compat.bodies import Body, parse_body
from campaigns.compat.views import BODILESS, DEFAULT_CAP, read_query, write_response
from campaigns.dispatch.events import keep_events
from campaigns.errors import DATABASE_AWAY, NotFound, Refused, Unavailable
from campaigns.models import Account
from campaigns.selectors.routes import find_dialect
from providers import vault
from providers.inbound import Call, Hook, Reply
from providers.outbound import AccountConfig
from providers.outcomes import HTTP_STATUS, Refusal, RefusalKind
from providers.routing import find_route

logger = logging.getLogger(__name__)


@csrf_exempt
def answer_hook(request: WSGIRequest, account: str, path: str) -> HttpResponse:
    """Answer one call of the vendor of the account with that public id."""
    body = Body(request.environ)
    try:
        reply = _serve(request, account, path.lstrip("/"), body)
    except Refusal as refusal:
        reply = _write_refusal(refusal)
    except DATABASE_AWAY as error:
        logger.warning("The database did not answer: %s", error)
        reply = _write_refusal(Unavailable())
    except vault.VaultError as error:
        # Not the caller's fault: it is asked to come again when somebody has mended it.
        logger.error("A hook of account %s cannot be verified: %s", account, error)
        reply = _write_refusal(Unavailable())
    except Exception:
        logger.exception("a hook of account %s failed", account)
        words = _("Something went wrong here. It has been logged.")
        reply = _write_refusal(Refused(words, kind=RefusalKind.INTERNAL, code="internal"))
    body.drain(2 * DEFAULT_CAP)
    return write_response(reply)


def _serve(request: WSGIRequest, public_id: str, path: str, body: Body) -> Reply:
    account = _find_account(public_id)
    hook, pieces = _find_hook(account, str(request.method), path)
    headers = {name.lower(): value for name, value in request.headers.items()}
    call = Call(None, pieces, dict(read_query(request)), headers, now=timezone.now())
    if hook.method not in BODILESS:
        call = replace(call, body=parse_body(body.read(hook.max_bytes)))
    echo = hook.echo(call) if hook.echo else None
    if echo is not None:
        return echo
    if not hook.verify(call, _describe(account)):
        raise Refused(
            _("This was not signed with the account's secret."),
            kind=RefusalKind.UNAUTHENTICATED,
            code="unauthenticated",
        )
    events = hook.read(call)
    with transaction.atomic():
        keep_events(events, account, timezone.now())
    return hook.answer


def _find_account(public_id: str) -> Account:
    known = Account.objects.filter(public_id=public_id).first() if public_id.isalnum() else None
    if known is None:
        raise _refuse_nowhere()
    account: Account = known
    return account


def _find_hook(account: Account, method: str, path: str) -> tuple[Hook, dict[str, str]]:
    dialect = find_dialect(account.dialect)
    try:
        return find_route(dialect.hooks if dialect else (), method, path)
    except Refusal:
        raise _refuse_nowhere() from None


def _refuse_nowhere() -> NotFound:
    return NotFound(_("There is nothing at this address."))


def _describe(account: Account) -> AccountConfig:
    return AccountConfig(
        public_id=account.public_id,
        credentials=vault.decrypt(account.credentials),
        base_urls=account.base_urls,
        options=account.options,
    )


def _write_refusal(refusal: Refusal) -> Reply:
    status = HTTP_STATUS[refusal.kind]
    reply = Reply(status, {"code": refusal.code or refusal.kind.value, "message": refusal.message})
    if refusal.retry_after is None:
        return reply
    return replace(reply, headers={"Retry-After": str(int(refusal.retry_after))})
