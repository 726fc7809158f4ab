"""Which words of a JSON column are ours, and stay whoever is called like them: keys that our code
writes, and values of fixed lists. Ids come from apps: a user may be called `body` or `android`.
All others may name somebody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from campaigns.models import Settled
from campaigns.models.audience import PLATFORM_KEYS
from campaigns.selectors.audience_fields import FieldKind, find_field
from campaigns.selectors.identifiers import identifier_kinds
from campaigns.services.erase_words import FREE, OURS, Shape
from campaigns.services.import_tally import TALLY
from campaigns.services.import_targets import is_known_heading
from campaigns.services.import_text import JSONL
from providers.fields import BUTTON_PARTS, FieldSpec
from providers.message import BLOCKS, Attachment, EmailContent, InAppContent, SmsContent
from providers.message_channels import OTHER_BLOCKS, TRANSLATED_SINGLY
from providers.message_fields import LIQUID, Platform
from providers.message_platforms import BLOCK_FIELDS
from providers.outcomes import Reason

LISTED = frozenset({"int", "bool", "choice", "color", "int_list", "number"})
OWN_BLOCKS = {"in_app": InAppContent, "sms": SmsContent, "email": EmailContent}
NAMING = frozenset({"person.external_user_id", "person.email", "person.phone", "device.alias",
                    "device.tag"})  # fmt: skip
KINDS = ("external_user_id", "email", "phone", "token", "person", *sorted(identifier_kinds()))
# A word of a file that is one of these names nobody: each line may hold it.
CELLS = frozenset(
    {*PLATFORM_KEYS, *KINDS, *Settled.values, *map(str, Reason), "true", "false", "null"}
)

BUTTONS = Shape(keys=dict.fromkeys(BUTTON_PARTS, FREE))
ATTACHMENTS = Shape(keys={item.name: FREE for item in fields(Attachment)})
SPECIAL = {"buttons": BUTTONS, "attachments": ATTACHMENTS}


def _list_choices() -> frozenset[str]:
    blocks = (*BLOCK_FIELDS.values(), *OTHER_BLOCKS.values())
    return frozenset(choice for specs in blocks for spec in specs for choice in spec.choices)


def _list_names() -> frozenset[str]:
    """Of all fields of a message: a dialect's words are often the same."""
    blocks = (*BLOCKS.values(), *OWN_BLOCKS.values())
    return frozenset({item.name for block in blocks for item in fields(block)} | {*PLATFORM_KEYS})


# What a vendor alone understands is in its words, which we do not know; it names nobody by a key.
EXTRAS = Shape(keeps_keys=True, known=_list_choices().__contains__)
# What a script has written may name people by keys, but not where its call begins.
SCRIPT_INNER = Shape(known=(_list_names() | _list_choices()).__contains__)
SCRIPT = Shape(keeps_keys=True, others=SCRIPT_INNER)


def _shape_block(kind: type[Any], specs: tuple[FieldSpec, ...], text: Shape) -> Shape:
    special = {spec.name: OURS for spec in specs if spec.kind in LISTED} | {"extras": FREE}
    names = (item.name for item in fields(kind))
    return Shape(keys={name: special.get(name, SPECIAL.get(name, text)) for name in names})


def _shape_message(text: Shape) -> Shape:
    blocks = {
        one.value: _shape_block(kind, BLOCK_FIELDS[one], text) for one, kind in BLOCKS.items()
    }
    others = {name: _shape_block(kind, OTHER_BLOCKS[name], text)
              for name, kind in OWN_BLOCKS.items()}  # fmt: skip
    spoken = {"title": text, "body": text, "buttons": text}
    single = [path.split(".") for path in TRANSLATED_SINGLY]
    there = Shape(keys=spoken | {name: text for _block, name in single}, others=text)
    homes = {*(one.value for one in Platform), *(block for block, _name in single)}
    translated = Shape(keys=spoken | dict.fromkeys(homes, there))
    fixed = dict.fromkeys(("channel", "template", "default_language", "fallbacks"), OURS)
    tables = {
        "defaults": Shape(keeps_keys=True, others=FREE),
        "translations": Shape(keeps_keys=True, others=translated),
        "extras": EXTRAS,
    }
    addressed = dict.fromkeys(("link", "image"), text)
    common = {"title": text, "body": text, "buttons": BUTTONS} | addressed
    return Shape(keys=common | blocks | others | fixed | tables, others=FREE)


PLAIN = _shape_message(FREE)
TEMPLATED = _shape_message(Shape(is_template=True))
MESSAGE = Shape(choose=lambda body: TEMPLATED if body.get("template") == LIQUID else PLAIN)


def _shape_condition(body: Mapping[str, Any]) -> Shape:
    field = find_field(str(body.get("field", "")))
    names = field is None or field.kind is FieldKind.CUSTOM or field.name in NAMING
    is_free = names or str(body["field"]).startswith("device.id.")
    own = {"field": OURS, "op": OURS, "value": FREE if is_free else OURS}
    return Shape(keys=own | dict.fromkeys(("and", "or", "not"), EXPRESSION), others=FREE)


EXPRESSION = Shape(choose=_shape_condition)
ONE_AUDIENCE = Shape(
    keys={"persons": FREE, "expression": EXPRESSION}
    | dict.fromkeys(
        ("all", "labels", "segment", "devices", "unknown_of", "outcomes_of"), OURS
    ),
    others=FREE,
)  # fmt: skip
AUDIENCE = Shape(
    keys={
        **ONE_AUDIENCE.keys,
        "combine": Shape(keys=dict.fromkeys(("include", "exclude"), ONE_AUDIENCE), others=FREE),
    },
    others=FREE,
)
DECLARED = Shape(
    keeps_keys=True, others=Shape(keys={"labels": OURS, "expression": EXPRESSION}, others=FREE)
)
PARAMS = Shape(
    keys={
        "expression": EXPRESSION,
        "only": Shape(keeps_keys=True, others=FREE),
        **dict.fromkeys(
            ("what", "format", "kind", "reason", "channel", "until", "field", "start", "end",
             "zone", "since"),
            OURS,
        ),
    },
    keeps_keys=True,
    others=FREE,
)  # fmt: skip
INDEXED = Shape(keys={"name": OURS}, keeps_keys=True, others=OURS)
HEADINGS = Shape(known=is_known_heading)
IMPORT_SHAPE = Shape(keys={"columns": HEADINGS}, keeps_keys=True, others=OURS)
MAPPING = Shape(known=is_known_heading, others=OURS)
MERGED = Shape(
    keys=dict.fromkeys(("email", "phone", "attributes"), FREE), keeps_keys=True, others=OURS
)
EVENT = Shape(
    keys=dict.fromkeys(("target", "reference", "transfer", "message", "id"), FREE),
    keeps_keys=True,
    others=OURS,
)
FAULTS = Shape(keys={"kind": OURS, "platform": OURS, "identifier": OURS}, keeps_keys=True,
               others=FREE)  # fmt: skip
CALLBACK = Shape(keys={"content_type": OURS}, keeps_keys=True, others=FREE)
NAMED = Shape(keeps_keys=True, others=FREE)


def shape_params(row: Any) -> Shape:
    """Of a job: an index is made for an attribute by its name."""
    return INDEXED if "owner" in row.params else PARAMS


def shape_cursor(row: Any) -> Shape:
    """Of a job: a report holds what it has counted by the values of an attribute, an import why it
    leaves rows out."""
    is_custom = ".custom." in str(row.params.get("field", ""))
    values = Shape(others=OURS) if is_custom else OURS
    return Shape(keys={"values": values, TALLY: NAMED}, keeps_keys=True, others=OURS)


def shape_import(row: Any) -> Shape:
    """Only of a table the heading may be a row in truth."""
    return OURS if row.shape.get("format") == JSONL else IMPORT_SHAPE


def shape_mapping(row: Any) -> Shape:
    """Its keys are the headings, as `shape_import` has them."""
    return OURS if row.shape.get("format") == JSONL else MAPPING


SHAPES: Mapping[tuple[str, str], Shape | Callable[[Any], Shape]] = {
    ("message", "content"): MESSAGE,
    ("messagetemplate", "content"): MESSAGE,
    ("campaign", "audience"): AUDIENCE,
    ("part", "audiences"): AUDIENCE,
    ("part", "declared"): DECLARED,
    ("job", "params"): shape_params,
    ("job", "cursor"): shape_cursor,
    ("import", "shape"): shape_import,
    ("import", "mapping"): shape_mapping,
    ("segment", "expression"): EXPRESSION,
    ("segmentversion", "expression"): EXPRESSION,
    ("personmerge", "values"): MERGED,
    ("waitingevent", "content"): EVENT,
    ("transfer", "faults"): FAULTS,
    ("submission", "callback"): CALLBACK,
    ("attempt", "parts"): NAMED,
    ("idempotencyrecord", "answer"): Shape(keeps_keys=True),
    ("scriptschedule", "body"): SCRIPT,
    ("scriptrecord", "body"): SCRIPT,
}


def find_shape(row: Any, column: str) -> Shape:
    """What a column of this row is made of."""
    found = SHAPES[str(row._meta.model_name), column]
    return found if isinstance(found, Shape) else found(row)
