"""What of every column with a text, JSON or bytes becomes of it when a person is erased.

docs/privacy.md shows this table; a test holds it against the models, so that nobody can add such a
column without saying what is personal in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GOES = "goes"  # the row is about the person, and is deleted
EMPTIED = "emptied"  # emptied for every call that the person was in, and searched besides
SEARCHED = "searched"  # looked through for the person's identifiers, which are taken out
TOLD = "told"  # looked through, and told of, not changed
STAYS = "stays"  # nothing in it is about a person


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of some columns of a table, and why."""

    verb: str
    fields: tuple[str, ...]
    why: str


def _fate(verb: str, fields: str, why: str) -> Fate:
    return Fate(verb, tuple(fields.split()), why)


_SET_UP = "set up by operators, about no recipient"
_WORDS = "words of a fixed list"
_STAFF = "of operators and scripts, who are no recipients"
FATES: Mapping[str, tuple[Fate, ...]] = {
    "person": (
        _fate(
            GOES,
            "external_user_id email phone language country timezone attributes opt_out_reason",
            "the person",
        ),
    ),
    "device": (
        _fate(
            GOES,
            "platform transport token token_state token_evidence language country timezone "
            "app_version sdk_version os_version manufacturer model attributes",
            "a device of the person; others' evidence is searched",
        ),
    ),
    "deviceidentifier": (_fate(GOES, "kind value", "ids of the device"),),
    "devicemark": (_fate(GOES, "kind name", "tags and alias of the device"),),
    "devicesession": (_fate(GOES, "secret_hash", "the device's secret, hashed"),),
    "personmerge": (
        _fate(
            GOES,
            "external_user_id values moved actor undone_by",
            "who was merged into the person; others' values are searched",
        ),
    ),
    "logentry": (
        _fate(GOES, "object_id object_repr change_message", "staff pages' notes on the person"),
    ),
    "targetchunk": (
        _fate(SEARCHED, "ids", "ids that a script named; as many stay, so that counts hold"),
        _fate(STAYS, "kind", _WORDS),
    ),
    "rejectedids": (
        _fate(SEARCHED, "ids", "ids that nobody had; as many stay, so that counts hold"),
        _fate(STAYS, "kind", _WORDS),
    ),
    "trackedtarget": (
        _fate(SEARCHED, "value", "whom a script follows"),
        _fate(STAYS, "door kind told", _WORDS),
        _fate(STAYS, "answered", "an id that we made, or the script made for its call"),
    ),
    "vendorlabelmember": (_fate(SEARCHED, "name", "whom a vendor was told of: the row goes"),),
    "idempotencyrecord": (
        _fate(SEARCHED, "key scope answer", "the row goes; all are forgotten after a day"),
        _fate(STAYS, "door", _WORDS),
        _fate(STAYS, "fingerprint", "a hash of a whole call, kept a day"),
    ),
    "jobpiece": (
        _fate(
            SEARCHED,
            "content",
            "imports, what was left out of them, exports: of a line that names the person no byte "
            "is left but the quotation marks that keep the rows of a CSV apart",
        ),
        _fate(STAYS, "role", _WORDS),
    ),
    "job": (
        _fate(SEARCHED, "params cursor note", "what was asked for"),
        _fate(STAYS, "counts", "counts"),
        _fate(STAYS, "kind status lease_token lease_by created_by", _STAFF),
    ),
    "jobevent": (_fate(SEARCHED, "note", "a sentence"), _fate(STAYS, "old new actor", _STAFF)),
    "import": (
        _fate(SEARCHED, "file_name source shape mapping", "how a file was read"),
        _fate(STAYS, "labels", "numbers"),
        _fate(STAYS, "verb platform created_by", _STAFF),
    ),
    "importkey": (_fate(STAYS, "marks", "32 bits of each value, until the dry run has ended"),),
    "campaign": (
        _fate(SEARCHED, "name tag audience", "tests name single people"),
        _fate(
            STAYS,
            "send_at timezone when_past recurrence when_missed policy status created_by authors",
            _SET_UP,
        ),
    ),
    "approval": (
        _fate(SEARCHED, "note", "a sentence"),
        _fate(STAYS, "digest state asked_by decided_by", _STAFF),
    ),
    "campaignevent": (_fate(SEARCHED, "note", "a sentence"), _fate(STAYS, "old new actor", _STAFF)),
    "occurrence": (_fate(SEARCHED, "note", "a sentence"), _fate(STAYS, "state reason", _WORDS)),
    "part": (
        _fate(SEARCHED, "audiences declared", "whom a script or a vendor was told of"),
        _fate(STAYS, "kind channel sender price", _SET_UP),
    ),
    "transfer": (
        _fate(SEARCHED, "name tag client_key faults", "a script's words"),
        _fate(
            STAYS,
            "kind status policy wall_clock hours fault_base freeze_cursor",
            "figures, and a fixed list",
        ),
    ),
    "transferevent": (_fate(SEARCHED, "note", "a sentence"), _fate(STAYS, "old new actor", _STAFF)),
    "submission": (
        _fate(SEARCHED, "client_key reference callback", "a script's words"),
        _fate(STAYS, "door", _WORDS),
        _fate(STAYS, "fingerprint", "a hash of a whole call, message and all"),
    ),
    "message": (_fate(SEARCHED, "content", "a text may be written to one person"),),
    "messagetemplate": (
        _fate(SEARCHED, "name description content", "a text may be written to one person"),
        _fate(STAYS, "created_by", _STAFF),
    ),
    "scriptschedule": (
        _fate(SEARCHED, "name body", "whom a script planned for"),
        _fate(STAYS, "dialect", _WORDS),
    ),
    "scriptrecord": (
        _fate(SEARCHED, "body text", "whatever a script keeps"),
        _fate(STAYS, "dialect kind", _WORDS),
    ),
    "waitingevent": (_fate(SEARCHED, "content", "a vendor's word about a recipient"),),
    "outboxrow": (
        _fate(SEARCHED, "words", "what a script's server answered"),
        _fate(STAYS, "receipt recipients", "numbers"),
    ),
    "exchange": (
        _fate(EMPTIED, "url request response", "what went over the wire"),
        _fate(STAYS, "method reason", _WORDS),
    ),
    "attempt": (
        _fate(SEARCHED, "words reference parts", "what a vendor said"),
        _fate(STAYS, "key outcome reason polled_state recalled", "our own id, and fixed lists"),
        _fate(STAYS, "doubts", "numbers, which mean nobody any more"),
    ),
    "correction": (
        _fate(SEARCHED, "evidence", "what a vendor said"),
        _fate(STAYS, "old new reason actor", _WORDS),
    ),
    "account": (
        _fate(SEARCHED, "health_words receipt_cursor", "what a vendor said"),
        _fate(STAYS, "name dialect public_id credentials base_urls options limits health", _SET_UP),
    ),
    "door": (
        _fate(SEARCHED, "checked_address check_words", "what a script's server answered"),
        _fate(STAYS, "dialect identifiers secrets options slug code", _SET_UP),
    ),
    "suppression": (
        _fate(SEARCHED, "source", "where it came from"),
        _fate(EMPTIED, "masked", "they stay suppressed, and nobody sees whom it means"),
        _fate(STAYS, "channel kind reason created_by", _WORDS),
        _fate(STAYS, "seal", "a keyed hash"),
    ),
    "tombstone": (
        _fate(STAYS, "seal", "a keyed hash: what keeps the person from coming back"),
        _fate(STAYS, "kind", _WORDS),
    ),
    "segment": (
        _fate(TOLD, "expression", "the job names the segments; who wrote one decides about it"),
        _fate(SEARCHED, "description", "a sentence"),
        _fate(STAYS, "name", _SET_UP),
    ),
    "inboxitem": (_fate(GOES, "message", "what waits for a device"),),
    "segmentversion": (
        _fate(SEARCHED, "expression", "former versions; the one that holds is the segment's"),
        _fate(STAYS, "saved_by", _STAFF),
    ),
    "promotedattribute": (_fate(STAYS, "owner name created_by", _SET_UP),),
    "batch": (
        _fate(EMPTIED, "texts", "what was written to each recipient, until all are settled"),
        _fate(STAYS, "recipients cohorts", "numbers, which mean nobody any more"),
        _fate(STAYS, "platform language state form", _WORDS),
    ),
    "delivery": (_fate(STAYS, "outcome reason", "the books: a number and its outcome"),),
    "receiptrow": (_fate(STAYS, "kind", "the books: a number and what came back"),),
    "counter": (_fate(STAYS, "platform outcome reason", "counts"),),
    "rollup": (_fate(STAYS, "outcome reason", "counts"),),
    "receiptcount": (_fate(STAYS, "platform kind", "counts"),),
    "receiptrollup": (_fate(STAYS, "kind", "counts"),),
    "vendorcount": (_fate(STAYS, "metric", "counts"),),
    "cohort": (_fate(STAYS, "platform language country", "what many recipients have in common"),),
    "seenday": (_fate(STAYS, "platform", "counts"),),
    "auditentry": (
        _fate(
            STAYS,
            "actor verb target_type target_id fields",
            "numbers and names of fields, never values",
        ),
    ),
    "suppressioncount": (_fate(STAYS, "kind", "counts"),),
    "addressrest": (_fate(STAYS, "address", "a push service that many browsers share"),),
    "allowance": (_fate(STAYS, "scope recently", "rates"),),
    "workspace": (_fate(STAYS, "name slug", _SET_UP),),
    "membership": (_fate(STAYS, "role", _STAFF),),
    "invitation": (_fate(STAYS, "role email secret_hash created_by", _STAFF),),
    "apikey": (_fate(STAYS, "name public_id secret_hash dialect scopes created_by", _STAFF),),
    "keyuse": (_fate(STAYS, "dialect quota", _STAFF),),
    "installation": (
        _fate(STAYS, "installation_id key_fingerprints seal_key", "of this installation"),
    ),
    "app": (
        _fate(
            STAYS,
            "name slug platforms timezone default_language fallbacks icon_url device_key "
            "web_origins user_secret",
            _SET_UP,
        ),
    ),
    "appgroup": (_fate(STAYS, "name slug group_key secret_hash", _SET_UP),),
    "group": (_fate(STAYS, "name", _SET_UP),),
    "label": (_fate(SEARCHED, "description", "a sentence"), _fate(STAYS, "name", _SET_UP)),
    "route": (_fate(STAYS, "platform options", _SET_UP),),
    "doorname": (_fate(STAYS, "dialect value", _SET_UP),),
    "vendorgroup": (_fate(STAYS, "vendor_id", _SET_UP),),
    "scenario": (_fate(STAYS, "name key steps run_by", _SET_UP),),
    "testgroup": (
        _fate(SEARCHED, "name", "it may be called like its only member"),
        _fate(STAYS, "created_by", _STAFF),
    ),
    "user": (_fate(STAYS, "password username first_name last_name email", _STAFF),),
    "session": (_fate(STAYS, "session_key session_data", _STAFF),),
    "accessfailurelog": (
        _fate(STAYS, "user_agent ip_address username http_accept path_info", _STAFF),
    ),
    "accessattempt": (
        _fate(
            STAYS,
            "user_agent ip_address username http_accept path_info get_data post_data",
            _STAFF,
        ),
    ),
    "accesslog": (
        _fate(STAYS, "user_agent ip_address username http_accept path_info session_hash", _STAFF),
    ),
    "djangogroup": (_fate(STAYS, "name", "not used"),),
    "permission": (_fate(STAYS, "name codename", "Django's own"),),
    "contenttype": (_fate(STAYS, "app_label model", "Django's own"),),
}
