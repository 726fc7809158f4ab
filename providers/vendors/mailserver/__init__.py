"""E-mail through this installation's own mail server: a later step of a scenario."""

from __future__ import annotations

from providers.contract import Addressing, Dialect, Limits
from providers.fields import FieldSpec, gettext_noop
from providers.scenarios import Channel

from . import outbound

DIALECT = Dialect(
    key="mailserver",
    label="Mail server",
    purpose=gettext_noop("Mail through a server of your own, for those whom no push reaches."),
    platforms=frozenset(),
    channels=frozenset({Channel.EMAIL}),
    limits=Limits(
        batch_size=outbound.MAX_BATCH,
        texts_per_call=outbound.MAX_BATCH,
        in_flight=2,
        max_payload_bytes=100_000,
        addressing=frozenset({Addressing.USERNAME}),
    ),
    account_options=(
        FieldSpec(
            name="sender",
            label=gettext_noop("From"),
            help=gettext_noop("For example Shop <news@shop.example>."),
            required=True,
            minimum=3,
            maximum=320,
        ),
    ),
    connect=outbound.connect,
)
