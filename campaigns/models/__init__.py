"""Every model, importable from one place."""

from campaigns.models.access import (
    ApiKey,
    AuditEntry,
    IdempotencyRecord,
    Installation,
    KeyUse,
    Membership,
    Workspace,
)
from campaigns.models.accounts import (
    Account,
    AddressRest,
    Allowance,
    Door,
    DoorName,
    Exchange,
    Route,
    Throttle,
    VendorGroup,
    VendorLabel,
    VendorLabelMember,
)
from campaigns.models.approval import Approval
from campaigns.models.apps import App, AppGroup, Group
from campaigns.models.audience import Device, DeviceIdentifier, Label, LabelMember, Person, Segment
from campaigns.models.batches import Attempt, Batch
from campaigns.models.campaign import (
    Campaign,
    CampaignEvent,
    Occurrence,
    Policy,
    WhenMissed,
    WhenPast,
)
from campaigns.models.events import WaitingEvent
from campaigns.models.imports import Import, ImportKey
from campaigns.models.inbox import DeviceSession, InboxItem
from campaigns.models.invitation import Invitation
from campaigns.models.jobs import Job, JobEvent, JobPiece
from campaigns.models.kept import MessageTemplate, Tester, TestGroup
from campaigns.models.ledger import (
    Cohort,
    Correction,
    Counter,
    Delivery,
    ReceiptCount,
    ReceiptRollup,
    ReceiptRow,
    Rollup,
    SendMinute,
    Settled,
    VendorCount,
)
from campaigns.models.marks import DeviceMark
from campaigns.models.merges import PersonMerge
from campaigns.models.message import Message
from campaigns.models.outbox import OutboxRow
from campaigns.models.privacy import Suppression, SuppressionCount, Tombstone
from campaigns.models.scenario import Handover, Scenario, StepLead, StepMember
from campaigns.models.scripts import Planned, ScriptRecord, ScriptSchedule
from campaigns.models.seen import SeenDay
from campaigns.models.segments import PromotedAttribute, SegmentVersion
from campaigns.models.tracked import ToldReport, TrackedTarget
from campaigns.models.transfer import (
    Part,
    RejectedIds,
    Submission,
    TargetChunk,
    Transfer,
    TransferEvent,
)

__all__ = [
    "Account",
    "AddressRest",
    "Allowance",
    "ApiKey",
    "App",
    "AppGroup",
    "Approval",
    "Attempt",
    "AuditEntry",
    "Batch",
    "Campaign",
    "CampaignEvent",
    "Cohort",
    "Correction",
    "Counter",
    "Delivery",
    "Device",
    "DeviceIdentifier",
    "DeviceMark",
    "DeviceSession",
    "Door",
    "DoorName",
    "Exchange",
    "Group",
    "Handover",
    "IdempotencyRecord",
    "Import",
    "ImportKey",
    "InboxItem",
    "Installation",
    "Invitation",
    "Job",
    "JobEvent",
    "JobPiece",
    "KeyUse",
    "Label",
    "LabelMember",
    "Membership",
    "Message",
    "MessageTemplate",
    "Occurrence",
    "OutboxRow",
    "Part",
    "Person",
    "PersonMerge",
    "Planned",
    "Policy",
    "PromotedAttribute",
    "ReceiptCount",
    "ReceiptRollup",
    "ReceiptRow",
    "RejectedIds",
    "Rollup",
    "Route",
    "Scenario",
    "ScriptRecord",
    "ScriptSchedule",
    "SeenDay",
    "Segment",
    "SegmentVersion",
    "SendMinute",
    "Settled",
    "StepLead",
    "StepMember",
    "Submission",
    "Suppression",
    "SuppressionCount",
    "TargetChunk",
    "TestGroup",
    "Tester",
    "Throttle",
    "ToldReport",
    "Tombstone",
    "TrackedTarget",
    "Transfer",
    "TransferEvent",
    "VendorCount",
    "VendorGroup",
    "VendorLabel",
    "VendorLabelMember",
    "WaitingEvent",
    "WhenMissed",
    "WhenPast",
    "Workspace",
]
