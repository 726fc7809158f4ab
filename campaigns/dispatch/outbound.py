"""Calls a vendor for a lease: the client, its group there, the call itself. No transaction and,
while a call runs, no database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from campaigns.dispatch import pace, vendor_steps
from campaigns.dispatch.addresses import Addressed
from campaigns.dispatch.claim import Lease, find_expiry
from campaigns.dispatch.texts import needs_rendering
from campaigns.dispatch.told import find_told
from campaigns.dispatch.vendor_labels import sync_labels
from campaigns.dispatch.wording import list_messages
from campaigns.models import Attempt, Batch, Transfer, VendorGroup
from campaigns.models.access import find_installation
from campaigns.selectors.limits import is_awaited
from campaigns.selectors.routes import Way
from providers import http, vault
from providers.commands import CreateGroup, FetchStatus, PushPart, SendPush, TransferStatus
from providers.message import PushMessage
from providers.message_texts import resolve_for
from providers.outbound import AccountConfig, Exchange, GroupKeeper, Outbound, Request, StatusTeller
from providers.outcomes import Failure, Reason, Receipt
from providers.scenarios import Channel, SendText

Clock = Callable[[], datetime]
NOT_KEPT = "(texts of single recipients; not kept)"
AWAITED_SECONDS = 20.0  # how long a vendor may take to say what became of one recipient


class NotReadyYet(Exception):
    """More has to be told to the vendor before the call; the next turn goes on with that."""


@dataclass(slots=True)
class Reply:
    """What a call gave: a receipt or a failure, and what went over the wire."""

    result: Receipt | Failure
    exchanges: Sequence[Exchange] = ()


def connect_way(way: Way) -> Any:
    """A client of the way's account. Raises Failure when its credentials cannot be read."""
    account = way.account
    try:
        credentials = vault.decrypt(account.credentials)
    except vault.VaultError as error:
        raise Failure(Reason.CREDENTIAL, str(error), is_permanent=True) from None
    config = AccountConfig(
        public_id=account.public_id,
        credentials=credentials,
        base_urls=account.base_urls,
        options=way.options,
    )
    if way.dialect.connect is None:
        raise Failure(Reason.NO_ROUTE, "Nothing can be sent there.", is_permanent=True)
    return way.dialect.connect(config)


def ensure_group(client: GroupKeeper, way: Way, transfer: Transfer, now: datetime) -> str:
    """The vendor's id of the transfer's group, made there if need be; else the group's name.

    Raises Failure.
    """
    group = transfer.group
    if not way.dialect.has_groups:
        return str(group.name)
    known = VendorGroup.objects.filter(group=group, account=way.account).first()
    if known is not None:
        return known.vendor_id
    pace.count_call(way, now)
    vendor_id = client.ensure_group(
        CreateGroup(str(way.route.options.get("app_id", "")), group.name, group.send_rate)
    )
    row, _is_new = VendorGroup.objects.get_or_create(
        group=group, account=way.account, defaults={"vendor_id": vendor_id}
    )
    return row.vendor_id


def write_push(lease: Lease, addressed: Addressed, group: str, key: str, now: datetime) -> SendPush:
    """The call for those who were addressed, with the text of the batch, or each its own."""
    batch, transfer = lease.batch, lease.transfer
    left = None
    expires_at = find_expiry(batch)
    if expires_at is not None:
        left = max(1, int((expires_at - now).total_seconds()))
    return SendPush(
        parts=_write_parts(lease, addressed, now),
        group=group,
        tag=transfer.tag,
        name=transfer.name,
        client_key=key,
        expires_in=left,
        wait=AWAITED_SECONDS if is_awaited(batch) else 0.0,
    )


def _write_parts(lease: Lease, addressed: Addressed, now: datetime) -> tuple[PushPart, ...]:
    """The message, for the platforms that the call reaches, and how it names the recipients; in
    several texts where they were rendered so. Raises Failure."""
    batch = lease.batch
    if batch.form == Batch.Form.AUDIENCE:
        message: PushMessage = batch.part.message.read()
        platforms, audience = find_told(lease, now)
        whole = resolve_for(message, platforms)
        said = replace(whole, translations=message.translations)
        return (PushPart(said, audience=audience, platforms=platforms),)
    if batch.part.channel != Channel.PUSH and batch.texts is None and not needs_rendering(batch):
        return (PushPart(batch.part.message.read(), addressed.targets),)
    return tuple(PushPart(message, targets) for message, targets in list_messages(batch, addressed))


@dataclass(slots=True)
class Ready:
    """A call that only has to be made. Where it `runs_at_vendor` its vendor goes on to the later
    steps of a scenario."""

    client: Outbound
    request: Request
    runs_at_vendor: bool = False
    is_personal: bool = False  # what it says is about those who get it, and kept nowhere

    def call(self, hop: tuple[str, int]) -> Reply:
        """Send; a failure is a value here."""
        result: Receipt | Failure
        with http.recording() as exchanges, http.hopping(*hop):
            try:
                result = self.client.send(self.request)
            except Failure as failure:
                result = failure
        if self.is_personal:
            return Reply(result, [replace(one, request=NOT_KEPT) for one in exchanges])
        return Reply(result, exchanges)


def prepare_call(
    lease: Lease, addressed: Addressed, key: str, clock: Clock, since: datetime | None
) -> Ready:
    """Connect, find the vendor's group, write the request to its last byte. Raises Failure,
    and NotReadyYet while a label has members that the vendor does not know.

    `since` is when the call that this one repeats was written: it is then the very same call.
    """
    assert lease.way is not None  # noqa: S101 nothing is prepared without a way
    client = connect_way(lease.way)
    if not sync_labels(client, lease, clock()):
        raise NotReadyYet
    group = ensure_group(client, lease.way, lease.transfer, clock())
    at = since or clock()
    push = write_push(lease, addressed, group, key, at)
    if vendor_steps.is_run_there(lease):
        pace.count_call(lease.way, clock())
        request = vendor_steps.write_send(client, lease, addressed, push, at)
        return Ready(client, request, runs_at_vendor=True)
    is_personal = lease.batch.texts is not None
    if lease.batch.part.channel == Channel.PUSH:
        return Ready(client, client.write(push), is_personal=is_personal)
    text = _write_text(lease.batch, push, lease.way)
    return Ready(client, client.write_text(text), is_personal=is_personal)


def _write_text(batch: Batch, push: SendPush, way: Way) -> SendText:
    """The same call as an SMS or an e-mail."""
    channel = Channel(batch.part.channel)
    first, *others = (
        vendor_steps.write_text(part.message, channel, batch.language, way.dialect, push.expires_in)
        for part in push.parts
    )
    return SendText(
        push=push, channel=channel, message=first, others=tuple(others), sender=batch.part.sender
    )


def fetch_status(attempt: Attempt, way: Way, group_id: int) -> TransferStatus | None:
    """Ask the vendor about a call: by its id for it, else by ours. Raises Failure.

    None when the vendor definitely does not know it.
    """
    client: StatusTeller = connect_way(way)
    if attempt.reference:
        return client.fetch_status(FetchStatus(transfer=attempt.reference))
    known = VendorGroup.objects.filter(group_id=group_id, account=way.account).first()
    group = known.vendor_id if known else ""
    return client.fetch_status(FetchStatus(group=group, client_key=attempt.key))


def find_hop(transfer: Transfer) -> tuple[str, int]:
    """This installation's id and the number of exchanges that the call then has come through."""
    return find_installation().installation_id, transfer.hops + 1
