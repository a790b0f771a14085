"""Call-outs: opened where a rule says so, taken along the chain, acknowledged or at the end of it.

What is decided stands in the records before anything leaves. A mail is owed in the same transaction, so it leaves once.
A webhook and an SMS are noted as begun, then sent: after a kill in between nobody knows whether they left, and they are
sent once more, under the same name.
"""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.texts import TextFolders, texts_for
from tocsin.incidents.act_parts import people_for
from tocsin.incidents.duty.chain import (
    CallSubject,
    call_chain,
    is_graver,
    is_quiet,
    next_in_chain,
    waits_quietly,
)
from tocsin.incidents.duty.channels import incoming_sms, post_webhook, spool_sms
from tocsin.incidents.duty.letters import mail_person
from tocsin.incidents.duty.live import LiveRoster
from tocsin.incidents.duty.models import CallOut, CallOutCall, CallOutRule
from tocsin.incidents.duty.read import TEST, calls_of, live_rosters, phones_of, rules_of
from tocsin.incidents.duty.states import CallChannel, CallOutState, CallState
from tocsin.incidents.models import Incident
from tocsin.incidents.read import IncidentReader, compartments_of, is_restricted
from tocsin.incidents.states import UNDER_WAY, SeverityLevel
from tocsin.node.accounts import Permission, Person
from tocsin.node.errors import InputError, RemoteError, SettingError, StorageError
from tocsin.node.node import Node
from tocsin.node.paths import HomeFolder
from tocsin.node.records import AuditAction, audit, cut
from tocsin.node.sentences import say
from tocsin.node.tokens import open_tokens

PATH: Final = "/call/"
"""Where the link of a call leads; its token follows."""

LINK_LASTS: Final = timedelta(hours=24)
"""So long a link or the word of an SMS acknowledges."""

_PURPOSE: Final = "call-out"
_ACTOR: Final = "duty"
_TRIES: Final = 2  # of a call of which nobody knows whether it left


@dataclass(frozen=True)
class _Look:
    """What is the same for all call-outs of one look."""

    node: Node
    session: Session
    now: datetime

    @cached_property
    def rosters(self) -> Mapping[int, LiveRoster]:
        return {one.row.id: one for one in live_rosters(self.session, self.now)}

    @cached_property
    def active(self) -> frozenset[int]:
        return frozenset(one.id for one in people_for(self.session, Permission.INCIDENTS_READ))

    @cached_property
    def readers(self) -> Mapping[int, frozenset[int]]:
        """Who may read each restricted compartment."""
        found: dict[int, set[int]] = {}
        for person in self.active:
            for compartment in compartments_of(self.session, IncidentReader(person, self.now))[1:]:
                found.setdefault(compartment, set()).add(person)
        return {compartment: frozenset(people) for compartment, people in found.items()}

    def on_duty(self, roster: int | None) -> list[int]:
        found = self.rosters.get(roster or 0)
        return found.on_duty(self.now) if found else []

    def chain(self, rule: CallOutRule, subject: CallSubject) -> list[int]:
        first, second = self.on_duty(rule.roster_id), self.on_duty(rule.second_id)
        return call_chain(first, second, rule.people, subject, self.active)

    def subject(self, incident: Incident) -> CallSubject:
        readers = self.readers.get(incident.compartment_id, frozenset()) if is_restricted(incident) else None
        return CallSubject(
            incident.reference, incident.severity, readers, incident.lead, incident.id, incident.compartment_id
        )


def call_out_due(node: Node, items: Collection[str], now: datetime, check_sole: Callable[[], None]) -> int:
    """Call whom the rules say; how many calls left. ``items``: the kinds of to-do items that there are now.

    ``check_sole``: raises ConflictError where another machine may call.

    Raises:
        StorageError: the records cannot be used. What goes wrong with a channel is noted with its call.

    """
    acknowledge_by_sms(node, now)
    with node.database.reading() as session:
        live = select(CallOut.id).where(CallOut.live_key.is_not(None) | (CallOut.state == CallOutState.OPEN.value))
        if not rules_of(session) and session.scalar(live.limit(1)) is None:
            return 0
    with node.database.begin() as session:
        look = _Look(node, session, now)
        _settle_subjects(look, items)
        _advance(look)
        cut("duty.calling")
    cut("duty.called")
    return _send_owed(node, now, check_sole)


def kinds_called_for(session: Session) -> set[str]:
    """The kinds of to-do items that a rule calls for, so that only these are looked for."""
    return {kind for rule in rules_of(session) for kind in rule.kinds}


def open_call_out(session: Session, rule: CallOutRule, subject: CallSubject, *, actor: str, now: datetime) -> CallOut:
    """A new call-out, whose first person is called at the next look."""
    test = subject.level == TEST
    made = CallOut(
        rule_id=rule.id, incident_id=subject.incident, compartment_id=subject.compartment, subject=subject.name,
        level=subject.level, live_key=None if test else _key(rule, subject), state=CallOutState.OPEN.value,
        opened_at=now, next_at=now, acknowledged_at=None, acknowledged_by="", note="",
    )  # fmt: skip
    session.add(made)
    session.flush()
    _note(session, made, AuditAction.CALL_OUT_OPENED, actor=actor, now=now, rule=rule.id, level=subject.level)
    return made


def acknowledge(session: Session, found: CallOut, *, by: str, note: str, now: datetime) -> bool:
    """Note that someone takes care; False where someone did before, or what it was about ended.

    ``by``: as the audit log names people, or ``number +230…``.
    """
    if found.state not in {CallOutState.OPEN, CallOutState.UNANSWERED}:
        return False
    found.state, found.next_at = CallOutState.ACKNOWLEDGED.value, None
    found.acknowledged_at, found.acknowledged_by, found.note = now, by, note
    actor = by if by.startswith("person:") else _ACTOR
    _note(session, found, AuditAction.CALL_OUT_ACKNOWLEDGED, actor=actor, now=now, by=by.partition(" ")[0])
    return True


def call_of_link(session: Session, node: Node, token: str, now: datetime) -> tuple[CallOut, CallOutCall] | None:
    """What the link of a call leads to: for a day, while nobody acknowledged, and the person called may read it."""
    if (secret := open_tokens(node.home).read(_PURPOSE, token)) is None:
        return None
    call = session.scalar(select(CallOutCall).where(CallOutCall.secret == secret, CallOutCall.at > now - LINK_LASTS))
    found = session.get(CallOut, call.call_out_id, with_for_update=True) if call else None
    if call is None or found is None or found.state not in {CallOutState.OPEN, CallOutState.UNANSWERED}:
        return None
    return (found, call) if _may_answer(session, found, call, now) else None


def _may_answer(session: Session, found: CallOut, call: CallOutCall, now: datetime) -> bool:
    """Whether the person who was called has an account still, and may read what it is about."""
    person = session.get_one(Person, call.person)
    reads = found.compartment_id in compartments_of(session, IncidentReader(call.person, now))
    return reads and person.blocked_at is None and person.removed_at is None


def acknowledge_by_sms(node: Node, now: datetime) -> int:
    """Take the words of SMS that came, each from a number that was called; how many acknowledged something.

    Numbers can be forged: what is noted is the number, not a person. A message whose word was taken is deleted.
    """
    done = 0
    for message in incoming_sms(node.settings.duty):
        words = {word for word in message.text.split() if len(word) == 6 and word.isascii() and word.isdigit()}
        if not words:
            continue
        with node.database.begin() as session:
            row = CallOutCall
            sent = row.code.in_(words), row.channel == CallChannel.SMS.value, row.at > now - LINK_LASTS
            calls = session.scalars(select(row).where(*sent)).all()
            phones = phones_of(session, [one.person for one in calls])
            matched = [one for one in calls if phones.get(one.person) == message.number]
            for one in matched:
                found = session.get_one(CallOut, one.call_out_id, with_for_update=True)
                if _may_answer(session, found, one, now):
                    done += acknowledge(session, found, by=f"number {message.number}", note="", now=now)
        if matched:
            message.path.unlink(missing_ok=True)
    return done


def _key(rule: CallOutRule, subject: CallSubject) -> str:
    return f"{rule.id}/{subject.name}"


def _settle_subjects(look: _Look, items: Collection[str]) -> None:
    """Open what a rule asks for, and end what is over; quiet hours only keep from opening."""
    session, now = look.session, look.now
    open_ones = select(CallOut).where(CallOut.live_key.is_not(None)).order_by(CallOut.id)
    live = {one.live_key: one for one in session.scalars(open_ones.with_for_update())}  # someone may acknowledge one
    wanted: dict[str, tuple[CallOutRule, CallSubject]] = {}
    for rule in rules_of(session):
        found = [CallSubject(kind) for kind in rule.kinds if kind in items]
        found += [look.subject(one) for one in _severe(look, rule)]
        wanted |= {_key(rule, one): (rule, one) for one in found}
    for key, before in live.items():
        current = wanted.get(key or "")
        if current is None or is_graver(current[1].level, before.level):
            _end(before)
    session.flush()
    for key, (rule, subject) in wanted.items():
        if (key not in live or live[key].live_key is None) and not _waits(look, rule, subject):
            open_call_out(session, rule, subject, actor=_ACTOR, now=now)


def _severe(look: _Look, rule: CallOutRule) -> Sequence[Incident]:
    """The incidents of the rule's level or above, in compartments that someone with an account may read."""
    if not rule.severity:
        return ()
    lowest = SeverityLevel(rule.severity).rank
    levels = [one.value for one in SeverityLevel if one.rank >= lowest]
    of = Incident.severity.in_(levels), Incident.state.in_([one.value for one in UNDER_WAY])
    return look.session.scalars(select(Incident).where(*of, Incident.compartment_id.in_([0, *look.readers]))).all()


def _waits(look: _Look, rule: CallOutRule, subject: CallSubject) -> bool:
    roster = look.rosters.get(rule.roster_id)
    zone = roster.roster.time_zone if roster else None
    quiet = zone is not None and is_quiet(look.now, zone, rule.quiet_from, rule.quiet_to)
    return quiet and waits_quietly(subject.level, rule.quiet_below)


def _end(found: CallOut) -> None:
    found.live_key = None
    if found.state == CallOutState.OPEN:
        found.state, found.next_at = CallOutState.ENDED.value, None


def _advance(look: _Look) -> None:
    """Call the next of each chain whose time has come, or whose last calls all failed."""
    row = CallOut
    due = row.state == CallOutState.OPEN.value, row.next_at <= look.now
    found = look.session.scalars(select(row).where(*due).order_by(row.id).with_for_update()).all()
    calls = calls_of(look.session, found)
    for one in found:
        rule = look.session.get_one(CallOutRule, one.rule_id)
        chain = look.chain(rule, _subject_of(look, one))
        person = next_in_chain(chain, {call.person for call in calls[one.id]})
        if person is None:
            _miss(look, one)
            continue
        reached = _call(look, rule, one, person)
        one.next_at = look.now + timedelta(minutes=rule.minutes) if reached else look.now


def _subject_of(look: _Look, found: CallOut) -> CallSubject:
    incident = None if found.incident_id is None else look.session.get(Incident, found.incident_id)
    return CallSubject(found.subject) if incident is None else look.subject(incident)


def _call(look: _Look, rule: CallOutRule, found: CallOut, person: int) -> bool:
    """Call someone by all channels of the rule, the mail at once; False where none of them can be."""
    reached = False
    for channel in rule.channels:
        secret, code = secrets.token_urlsafe(16), f"{secrets.randbelow(10**6):06d}"
        made = CallOutCall(
            call_out_id=found.id, person=person, channel=channel, state=CallState.OWED.value, at=look.now, attempts=0,
            secret=secret, code=code, error="",
        )  # fmt: skip
        look.session.add(made)
        look.session.flush()
        if channel == CallChannel.MAIL:
            link = _link(look.node, secret)
            mailed = _mail(look, found, person, "call", key=f"call:{made.id}", link=link)
            made.state = (CallState.SENT if mailed else CallState.FAILED).value
        reached |= made.state != CallState.FAILED
    _note(
        look.session, found, AuditAction.CALL_OUT_CALLED, actor=_ACTOR, now=look.now, person=person,
        channels=list(rule.channels),
    )  # fmt: skip
    return reached


def _miss(look: _Look, found: CallOut) -> None:
    """The end of the chain: it is a to-do item now, and the managers who may read it are written to."""
    found.state, found.next_at = CallOutState.UNANSWERED.value, None
    _note(look.session, found, AuditAction.CALL_OUT_UNANSWERED, actor=_ACTOR, now=look.now)
    if found.level == TEST:
        return
    readers = _subject_of(look, found).readers
    for one in people_for(look.session, Permission.RULES_WRITE):
        if readers is None or one.id in readers:
            link = f"{look.node.settings.server.url}/duty/call-outs"
            _mail(look, found, one.id, "missed", key=f"missed:{found.id}", link=link)


def _mail(look: _Look, found: CallOut, person: int, text: str, *, key: str, link: str) -> bool:
    to = look.session.get_one(Person, person)
    node = look.node.settings.node
    words = texts_for(to.language or node.language, TextFolders(look.node.home / HomeFolder.TEMPLATES, node.language))
    level = {"": "duty_todo", TEST: "duty_test"}.get(found.level, found.level)
    return mail_person(
        look.session, look.node, person, text, key=key, now=look.now, about=_about(found), reference=found.reference,
        subject=found.subject, level=words.words.get(level, found.level), link=link,
        phone=look.node.settings.duty.phone or words.say("duty_none"),
    )  # fmt: skip


def _about(found: CallOut) -> str:
    """What shows its mails, and its lines of the audit log: the incident, to those who may read that."""
    return f"incident:{found.subject}" if found.incident_id is not None else ""


def _note(session: Session, found: CallOut, word: AuditAction, *, actor: str, now: datetime, **detail: object) -> None:
    subject = _about(found) or f"call-out:{found.id}"
    audit(session, word, at=now, actor=actor, subject=subject, detail={"call_out": found.id, **detail})


def _link(node: Node, secret: str) -> str:
    return f"{node.settings.server.url}{PATH}{open_tokens(node.home).make(_PURPOSE, secret)}"


def _send_owed(node: Node, now: datetime, check_sole: Callable[[], None]) -> int:
    """Send the calls by webhook and SMS that are owed, each begun in the records before."""
    with node.database.reading() as session:
        row = CallOutCall
        open_ones = row.state.in_([CallState.OWED.value, CallState.SENDING.value])
        numbers = session.scalars(select(row.id).where(open_ones).order_by(row.id)).all()
    sent = 0
    for number in numbers:
        check_sole()
        if _begin(node, number, now):
            cut("duty.sending")
            error = _send(node, number, now)
            cut("duty.sent")
            sent += _finish(node, number, error, now)
    return sent


def _begin(node: Node, number: int, now: datetime) -> bool:
    with node.database.begin() as session:
        call = session.get_one(CallOutCall, number, with_for_update=True)
        found = session.get_one(CallOut, call.call_out_id, with_for_update=True)
        if call.state not in {CallState.OWED, CallState.SENDING}:
            return False
        if found.state != CallOutState.OPEN:
            call.state, call.error = CallState.FAILED.value, say("The call-out was over before.")
            return False
        if call.attempts >= _TRIES:
            call.state, call.error = CallState.FAILED.value, say("It is not known whether this call left.")
            _hurry(session, found, call, now)
            return False
        call.state, call.attempts = CallState.SENDING.value, call.attempts + 1
        return True


def _send(node: Node, number: int, now: datetime) -> str:
    """Send one call; why it could not be sent, or empty."""
    settings = node.settings.duty
    with node.database.reading() as session:
        call = session.get_one(CallOutCall, number)
        found = session.get_one(CallOut, call.call_out_id)
        phone = phones_of(session, [call.person]).get(call.person, "")
    level = found.level or "to do"
    ring = f" Ring {settings.phone}." if settings.phone else ""
    try:
        if call.channel == CallChannel.SMS:
            if not settings.sms_folder:
                return say("There is no SMS server in the settings.")
            text = f"{found.reference}: {found.subject}, {level}.{ring} Answer: OK {call.code}"
            spool_sms(settings, phone, text, name=f"{call.id:08d}")
        elif not settings.webhook:
            return say("There is no webhook in the settings.")
        else:
            document = {
                "call_out": found.reference, "subject": found.subject, "level": level, "ring": settings.phone,
                "to": phone, "link": _link(node, call.secret),
            }  # fmt: skip
            post_webhook(settings, document, name=f"call-{call.id}", now=now)
    except (InputError, RemoteError, SettingError, StorageError) as error:
        return str(error)
    return ""


def _finish(node: Node, number: int, error: str, now: datetime) -> bool:
    with node.database.begin() as session:
        call = session.get_one(CallOutCall, number, with_for_update=True)
        call.state, call.error = (CallState.FAILED if error else CallState.SENT).value, error
        if error:
            _hurry(session, session.get_one(CallOut, call.call_out_id, with_for_update=True), call, now)
    return not error


def _hurry(session: Session, found: CallOut, failed: CallOutCall, now: datetime) -> None:
    """Where all calls of a person failed, the next one is called at once."""
    session.flush()
    of = CallOutCall.call_out_id == found.id, CallOutCall.person == failed.person
    states = session.scalars(select(CallOutCall.state).where(*of))
    if found.state == CallOutState.OPEN and all(one == CallState.FAILED for one in states):
        found.next_at = now
