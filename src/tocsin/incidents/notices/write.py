"""A notice taken in: a report of the inbox, the notice itself, its receipt, all in the caller's transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from tocsin.directory import Team
from tocsin.incidents.arrivals import (
    EntryKind,
    Notice,
    PublicFile,
    PublicReport,
    ReportAttachment,
    ReportBasis,
    ReportDoor,
    ReporterLetter,
    ReportForm,
    Ticket,
    add_report,
    answer_report,
    end_our_answer,
    enter,
    guess_kind,
    incidents_of,
    note_in_incidents,
    note_on_report,
    notice_of,
    put_into,
    report_of_act,
    take_report,
)
from tocsin.incidents.notices.laws import NoticeKind, NoticeLaw
from tocsin.incidents.notices.read import FiledNotice
from tocsin.incidents.read import TEAM
from tocsin.incidents.states import IncidentEntryKind
from tocsin.interface import N_, Say
from tocsin.node.errors import ConflictError
from tocsin.node.letters import NOTICE, queue_letter
from tocsin.node.node import Node
from tocsin.node.sentences import say
from tocsin.sharing.gate import GateVerdict, Marking, ReleasePurpose, Tlp, decide, recipient_of
from tocsin.sharing.rules import rules_in_force

KINDS: Final[Mapping[NoticeKind, str]] = {
    NoticeKind.EARLY_WARNING: N_("Early warning"),
    NoticeKind.NOTIFICATION: N_("Notification"),
    NoticeKind.INTERMEDIATE: N_("Intermediate report"),
    NoticeKind.FINAL_REPORT: N_("Final report"),
}
"""What each kind is called."""

_RECEIPT: Final = N_("Receipt %(reference)s: %(kind)s (%(law)s)")
_RECEIVED: Final = N_(
    "%(kind)s of %(entity)s under %(law)s, version %(version)s, was received on %(at)s UTC. Its reference is "
    "%(reference)s."
)
_ANSWER: Final = N_("Answer to %(reference)s: %(kind)s (%(law)s)")


@dataclass(frozen=True)
class NoticeFiling:
    """What an entity files, or somebody types in for it.

    ``values``: as `read_values` gave them, without what must never be held. ``mailbox``: where the receipt goes.
    ``sender``: who filed it. ``after``: a notice of the same incident; ``corrects``: the one whose place it takes.
    """

    law: NoticeLaw
    kind: NoticeKind
    team: Team
    values: Mapping[str, Any]
    door: ReportDoor
    received_at: datetime
    mailbox: str
    sender: str
    language: str
    after: Notice | None = None
    corrects: Notice | None = None
    files: Sequence[tuple[ReportAttachment, str]] = ()


@dataclass(frozen=True)
class NoticeOffice:
    """The node where notices come in. ``actor``: who acts, as the audit log names people.

    ``say``: says a text in the language of whoever is written to. ``due_at``: when letters may leave, if not at once.
    """

    node: Node
    say: Say
    actor: str
    now: datetime
    due_at: datetime | None = None


def file_notice(session: Session, office: NoticeOffice, filing: NoticeFiling, ticket: Ticket) -> Notice:
    """Take a notice in, and send its receipt; the same form twice is one.

    What follows or corrects one in a restricted incident is in that, too: nobody else learns what it says.

    Raises:
        ConflictError: what it corrects was corrected already.

    """
    now, actor = office.now, office.actor
    if (known := report_of_act(session, ticket)) is not None and (same := notice_of(session, known)) is not None:
        return same
    law, corrects = filing.law, filing.corrects
    if corrects is not None:
        session.refresh(corrects, with_for_update=True)
        if corrects.superseded:
            raise ConflictError(say("This version was corrected already."))
        corrects.superseded = True
    what = text_of(law, filing.kind, filing.values, office.node.settings.node.language)
    form = ReportForm(
        guess_kind(what), what, mailbox=filing.mailbox, language=filing.language, door=ReportDoor.NOTICE,
        sender=filing.sender, subject=f"{law.title} {filing.kind.replace('_', ' ')}: {filing.team.name}"[:300],
        basis=ReportBasis.MANDATORY if law.mandatory else ReportBasis.VOLUNTARY,
        basis_act=law.id if law.mandatory else "",
    )  # fmt: skip
    report = add_report(session, ticket, form, now=now, actor=actor, files=len(filing.files))
    for file, digest in filing.files:
        session.add(PublicFile(report_id=report.id, name=file.name, bytes=len(file.content), sha256=digest))
    earlier = corrects or filing.after
    notice = Notice(
        report_id=report.id, team_id=filing.team.id, law=law.id, kind=filing.kind.value,
        chain=earlier.chain if earlier else report.reference, version=corrects.version + 1 if corrects else 1,
        superseded=False, fields=dict(filing.values), door=filing.door.value,
        received_at=filing.received_at, filed_by=actor, answered_at=None,
    )  # fmt: skip
    session.add(notice)
    session.flush()
    _send_receipt(session, office, filing, report, notice)
    before = session.get_one(PublicReport, earlier.report_id) if earlier else report
    if before.compartment_id != TEAM:
        for incident in incidents_of(session, before):
            put_into(session, report, incident, person=None, actor=actor, now=now)
    return notice


def answer_notice(
    session: Session,
    office: NoticeOffice,
    found: FiledNotice,
    team: Team,
    text: str,
    *,
    person: int,
    once: str | None,
) -> None:
    """Answer an entity: by letter through the gate, and in its portal. It stops our clock.

    Raises:
        ConflictError: the gate says no.

    """
    notice, report, node = found.notice, found.report, office.node
    now, actor = office.now, office.actor
    verdict = _verdict(session, node, team, Tlp.AMBER)
    if not verdict.allowed:
        raise ConflictError(verdict.words)
    values = {"reference": report.reference, "kind": office.say(report.language, KINDS[NoticeKind(notice.kind)])}
    subject = office.say(report.language, _ANSWER, law=notice.law.upper(), **values)
    letter = ReporterLetter(subject, f"TLP:AMBER\n\n{text}\n\n-- \n{node.settings.node.name}\n")
    answer_report(
        session,
        report,
        text,
        person=person,
        letter=letter,
        act=once,
        kind=NOTICE,
        due_at=office.due_at,
        actor=actor,
        now=now,
    )
    if notice.answered_at is not None:
        return
    notice.answered_at = now
    note_in_incidents(
        session, report, IncidentEntryKind.NOTICE, {"act": "answered"}, author=f"person:{person}", actor=actor, now=now
    )
    for incident in incidents_of(session, report):
        end_our_answer(session, incident, notice, now, actor=actor, now=now)


def waive_answer(
    session: Session, office: NoticeOffice, found: FiledNotice, reason: str, *, person: int
) -> None:  # fmt: skip
    """Note that a notice needs no answer; our clock does not apply then.

    Raises:
        ConflictError: it was answered, or another person said so before.

    """
    notice, report, now, actor = found.notice, found.report, office.now, office.actor
    if notice.answered_at is not None or notice.waived_at is not None:
        raise ConflictError(say("%(reference)s waits for no answer.", reference=report.reference))
    notice.waived_at = now
    if report.owner is None:
        take_report(session, report, person, actor=actor, now=now)
    note_on_report(session, report, reason, person=person, actor=actor, now=now)
    author = f"person:{person}"
    note_in_incidents(session, report, IncidentEntryKind.NOTICE, {"act": "waived"}, author=author, actor=actor, now=now)
    for incident in incidents_of(session, report):
        end_our_answer(session, incident, notice, None, reason=reason, author=author, actor=actor, now=now)


def text_of(law: NoticeLaw, kind: str, values: Mapping[str, Any], language: str) -> str:
    """What a notice says, a paragraph for each field."""
    fields = [one for one in law.fields_of(kind) if one.id in values]
    return "\n\n".join(f"{one.name_in(language)}: {shown(values[one.id])}" for one in fields)


def shown(value: Any) -> str:
    """The value of a field as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(one.replace("_", " ") for one in value)
    return str(value)


def kept_values(values: Mapping[str, Any], kept: Callable[[str], str]) -> dict[str, Any]:
    """The values without what must never be held. ``kept``: what of a text may be kept."""
    return {name: kept(value) if isinstance(value, str) else value for name, value in values.items()}


def _send_receipt(
    session: Session, office: NoticeOffice, filing: NoticeFiling, report: PublicReport, notice: Notice
) -> None:
    """The time at which it was received, by mail. Where the gate says no, why not stays as a note."""
    node, now = office.node, office.now
    verdict = _verdict(session, node, filing.team, Tlp.CLEAR)
    if not verdict.allowed:
        enter(session, report, EntryKind.NOTE, f"No receipt was sent. {verdict.words}", person=None, now=now)
        return
    if not filing.mailbox:
        return
    language, own = filing.language, node.settings.node
    at = f"{notice.received_at.astimezone(UTC):%Y-%m-%d %H:%M}"
    values = {
        "kind": office.say(language, KINDS[filing.kind]), "law": filing.law.title, "reference": report.reference,
        "entity": filing.team.name, "version": notice.version, "at": at,
    }  # fmt: skip
    body = f"{office.say(language, _RECEIVED, **values)}\n\n-- \n{own.name}\n{own.contact}\n"
    queue_letter(
        session, key=f"inbox:{report.reference}:receipt", kind=NOTICE, mailbox=filing.mailbox,
        subject=office.say(language, _RECEIPT, **values), body=body, now=now, due_at=office.due_at,
        team_id=filing.team.id,
    )  # fmt: skip


def _verdict(session: Session, node: Node, team: Team, tlp: Tlp) -> GateVerdict:
    """Whether the gate lets something of this marking go to an entity, about what it filed itself."""
    rules = (rule.local for rule in rules_in_force(session).sharing.document.rules if not rule.when)
    recipient = recipient_of(team, own=node.settings.node.own_teams)
    return decide(Marking(tlp), recipient, ReleasePurpose.REMEDIATION, [one for one in rules if one is not None])
