"""What was read of another tool becomes incidents, in batches of one transaction each; nothing is sent.

All has a name (``once``): a second import of the same changes nothing, a longer one adds what is new. The incident is
found by its number or its mails, whoever may read it, so that nobody needs to be let in to import again.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy.orm import Session

from tocsin.delivery.mailbox import MailKind, read_mail
from tocsin.delivery.never_held import IntakeFilter
from tocsin.incidents.act_parts import people_for
from tocsin.incidents.moving.tickets import BrokenRow, PastEntry, PastIncident
from tocsin.incidents.observables import extract_observables
from tocsin.incidents.read import IncidentReader, merged_root, readable_by_all_of
from tocsin.incidents.states import IncidentEntryKind, IncidentState, ObservableRole, PartyRole
from tocsin.incidents.threads import add_past_mail, past_turn
from tocsin.incidents.write import (
    add_alias,
    add_entry,
    add_incident,
    add_observable,
    add_party,
    incident_of_alias,
    names_kept,
    parties_by_mailbox,
)
from tocsin.node.accounts import Permission
from tocsin.node.node import Node
from tocsin.node.records import Database, cut

if TYPE_CHECKING:
    from tocsin.incidents.models import Incident, Party

_BATCH: Final = 200
_NOTHING: Final = read_mail(b"")

Read = TypeVar("Read")


@dataclass(frozen=True)
class ImportOptions:
    """How incidents are moved in.

    ``tag``: what stands before the number in the subjects of the other tool: ``CERT`` of ``[CERT #4711]``, or empty.
    ``members``: numbers of the persons who alone may read what is new; none: the whole team. ``dry_run``: count, and
    store nothing.
    """

    tag: str = ""
    members: tuple[int, ...] = ()
    dry_run: bool = False

    def alias(self, number: str) -> str:
        """What an incident of the other tool is called here, besides its reference."""
        return f"{self.tag} #{number}".strip()


@dataclass
class ImportCounts:
    """What was new. ``known``: incidents or mails that were here; ``left_out``: mails that only programs wrote.

    ``several``: incidents that belonged to more than one, of which only one can have them.
    """

    incidents: int = 0
    known: int = 0
    entries: int = 0
    parties: int = 0
    observables: int = 0
    mails: int = 0
    merged: int = 0
    left_out: int = 0
    broken: list[BrokenRow] = field(default_factory=list)
    several: list[BrokenRow] = field(default_factory=list)


@dataclass(frozen=True)
class Importer:
    """One import: in which node, how, by whom and when."""

    node: Node
    options: ImportOptions
    actor: str
    now: datetime
    counts: ImportCounts = field(default_factory=ImportCounts)

    @property
    def by(self) -> dict[str, Any]:
        """Who writes, and when."""
        return {"actor": self.actor, "now": self.now}

    @property
    def intake(self) -> IntakeFilter:
        """What must never be held is not moved in either."""
        return IntakeFilter(self.node, "import", lambda: self.now)

    def import_tickets(self, found: Iterable[PastIncident | BrokenRow]) -> ImportCounts:
        """Take over incidents of an export; those that belong to another are merged into it at the end."""
        parts: list[PastIncident] = []
        with transactions(self.node.database, dry_run=self.options.dry_run) as begin:
            for batch in batches(found):
                self.counts.broken += [one for one in batch if isinstance(one, BrokenRow)]
                rows = [one for one in batch if isinstance(one, PastIncident)]
                clean = rows if self.options.dry_run else [self._kept(one) for one in rows]
                parts += [replace(one, entries=(), observables="") for one in clean if one.part_of]
                with begin() as session:
                    leads = _leads(session)
                    for one in clean:
                        self._take(session, one, leads)
                    cut("import.batch")
            for some in batches(parts):
                with begin() as session:
                    for one in some:
                        self._join(session, one)
        return self.counts

    def new_incident(self, session: Session, title: str, opened: datetime, **more: Any) -> "Incident":
        """An incident that was opened in the past."""
        self.counts.incidents += 1
        members = self.options.members
        return add_incident(session, title=title, opened_at=opened, members=members, **more, **self.by)

    def new_party(
        self, session: Session, incident: "Incident", mailbox: str, role: PartyRole, name: str = ""
    ) -> "Party":
        """Somebody who took part."""
        self.counts.parties += 1
        language = self.node.settings.node.language
        party = add_party(
            session, incident, role=role.value, team=None, name=name or mailbox, mailbox=mailbox, phone="",
            language=language, ceiling="AMBER", now=self.now,
        )  # fmt: skip
        data = {"act": "joined", "role": role.value, "name": party.name}
        add_entry(session, incident, IncidentEntryKind.PARTY, data=data, party=party, **self.by)
        return party

    def settle(self, session: Session, incident: "Incident", state: IncidentState, at: datetime, once: str) -> None:
        """The state that it had in the other tool, which is the last word until that says another."""
        data = {"before": incident.state, "after": state.value}
        add_entry(
            session, incident, IncidentEntryKind.STATE, data=data, happened_at=at, once=once, **self.by
        )  # fmt: skip
        if incident.merged_into is not None:
            return
        if state is IncidentState.NEW:
            incident.state = (IncidentState.NEW if incident.lead is None else IncidentState.OPEN).value
            incident.closed_at = None
        else:
            incident.state, incident.closed_at = state.value, at

    def _kept(self, past: PastIncident) -> PastIncident:
        intake = self.intake
        entries = tuple(
            replace(one, text=intake.kept_text(one.text), subject=intake.kept_text(one.subject)) for one in past.entries
        )
        title, observables = intake.kept_text(past.title), intake.kept_text(past.observables)
        return replace(past, title=title, observables=observables, entries=entries)

    def _take(self, session: Session, past: PastIncident, leads: dict[str, int]) -> None:
        name = f"import/{self.options.alias(past.number)}"
        incident, before = incident_of_alias(session, self.options.alias(past.number)), self.counts.entries
        known: set[str] = set()
        if new := incident is None:
            incident = self._open(session, past, leads, name)
        else:
            self.counts.known += 1
            known = names_kept(session, incident)
        changed = past.opened if new else incident.changed_at
        parties = self._parties(session, incident, past)
        if past.observables and (once := f"{name}/{_hash(past.observables)}") not in known:
            self._add_observables(session, incident, past, once)
        for one in past.entries:
            if (once := f"{name}/{one.key}") not in known:
                party = parties.get(one.mailbox or next(iter(past.reporters), ""))
                self._add_entry(session, incident, one, party, once)
        self._settle(session, incident, past, known, name)
        if self.counts.entries > before or new:
            past_turn(session, incident, live=past.state is IncidentState.NEW, now=self.now)
        incident.changed_at = max(changed, past.closed or past.opened, *(one.at for one in past.entries))

    def _open(self, session: Session, past: PastIncident, leads: dict[str, int], name: str) -> "Incident":
        lead, members = leads.get(past.lead), self.options.members
        incident = self.new_incident(
            session, past.title, past.opened, rsit_type=past.rsit_type, tlp=past.tlp, once=name,
            lead=lead if not members or lead in members else None,
        )  # fmt: skip
        incident.severity = past.severity
        add_alias(session, incident, self.options.alias(past.number))
        return incident

    def _settle(self, session: Session, incident: "Incident", past: PastIncident, known: set[str], name: str) -> None:
        """Close or reopen it, where the other tool did so since the import before."""
        ended = [one for one in known if one.startswith(f"{name}/ended/")]
        if past.closed is not None:
            once = f"{name}/ended/{past.state.value}/{past.closed.isoformat()}"
        elif ended:
            once = f"{name}/reopened/{len(ended)}"
        else:
            return
        if once not in known:
            self.counts.entries += 1
            at = past.closed or max((one.at for one in past.entries), default=self.now)
            self.settle(session, incident, past.state, at, once)

    def _parties(self, session: Session, incident: "Incident", past: PastIncident) -> "dict[str, Party]":
        known = parties_by_mailbox(session, incident)
        for role, mailboxes in ((PartyRole.REPORTER, past.reporters), (PartyRole.OTHER, past.copied)):
            for mailbox in mailboxes:
                if mailbox not in known:
                    known[mailbox] = self.new_party(session, incident, mailbox, role)
        return known

    def _add_entry(
        self, session: Session, incident: "Incident", one: PastEntry, party: "Party | None", once: str
    ) -> None:
        self.counts.entries += 1
        if one.kind is IncidentEntryKind.NOTE or party is None:
            text = f"{one.by}: {one.text}" if one.by else one.text
            add_entry(session, incident, IncidentEntryKind.NOTE, text=text, happened_at=one.at, once=once, **self.by)
            return
        self.counts.mails += 1
        mail = replace(_NOTHING, sender=one.mailbox, subject=one.subject, text=one.text, reasons=())
        ours = one.kind is IncidentEntryKind.MAIL_OUT
        add_past_mail(
            session, incident, party, mail,
            ours=ours, kind=MailKind.ANSWER.value, sha256=None, at=one.at, once=once, **self.by,
        )  # fmt: skip

    def _add_observables(self, session: Session, incident: "Incident", past: PastIncident, once: str) -> None:
        found, role = extract_observables(past.observables), ObservableRole.INDICATOR.value
        add = partial(add_observable, session, incident, role=role, tlp=incident.tlp, now=self.now)
        new = [one.value for one in found.found if add(one.kind, one.value)]
        self.counts.observables += len(new)
        self.counts.entries += 1
        unread = [line[:500] for _, line in found.junk]
        data = {"act": "added", "values": new, "known": len(found.found) - len(new), "unread": unread}
        add_entry(
            session, incident, IncidentEntryKind.OBSERVABLE,
            text=past.observables, data=data, happened_at=past.opened, once=once, **self.by,
        )  # fmt: skip

    def _join(self, session: Session, past: PastIncident) -> None:
        """Merge one into the first that it belonged to and that is here; of others a note remains on both sides."""
        here = [one for one in past.part_of if incident_of_alias(session, self.options.alias(one)) is not None]
        first = (here or past.part_of)[0]
        self._merge(session, past.number, first)
        others = [one for one in past.part_of if one != first]
        incident = incident_of_alias(session, self.options.alias(past.number))
        once = f"import/{self.options.alias(past.number)}/also-part-of/{','.join(others)}"
        if incident is None or not others or once in names_kept(session, incident):
            return
        alias = self.options.alias
        named = ", ".join(alias(one) if one in here else f"{alias(one)} (not here)" for one in others)
        at = incident.changed_at
        text = f"Also part of {named}."
        add_entry(session, incident, IncidentEntryKind.NOTE, text=text, once=once, **self.by)
        incident.changed_at = at
        for one in others:
            if (other := incident_of_alias(session, alias(one))) and other.compartment_id == incident.compartment_id:
                at = other.changed_at
                text = (
                    f"{alias(past.number)} ({incident.reference}) was part of this one, too, and is merged elsewhere."
                )
                add_entry(session, other, IncidentEntryKind.NOTE, text=text, **self.by)
                other.changed_at = at
        merged = "not merged into" if incident.merged_into is None else "merged into"
        words = f"{alias(past.number)} is part of several: {merged} {alias(first)}, and noted: {named}."
        self.counts.several.append(BrokenRow(past.line, words))

    def _merge(self, session: Session, number: str, of: str) -> None:
        """Merge one into that which it belonged to, unless one of them is not here, or was taken out again."""
        incident = incident_of_alias(session, self.options.alias(number))
        into = incident_of_alias(session, self.options.alias(of))
        if (
            incident is None
            or into is None
            or incident.merged_into is not None
            or not readable_by_all_of(into, incident)
        ):
            return
        once = f"import/{self.options.alias(number)}/part-of/{of}"
        everybody = IncidentReader(None, self.now)
        if once in names_kept(session, incident) or merged_root(session, everybody, into).id == incident.id:
            return
        data = {"into": into.reference, "state": incident.state}
        at = incident.changed_at
        incident.state, incident.merged_into = IncidentState.MERGED.value, into.id
        add_entry(session, incident, IncidentEntryKind.MERGE, data=data, once=once, **self.by)
        if incident.compartment_id == into.compartment_id:
            changed = into.changed_at
            add_entry(session, into, IncidentEntryKind.MERGE, data={"from": incident.reference}, **self.by)
            into.changed_at = changed
        incident.changed_at = at
        self.counts.merged += 1


Begin = Callable[[], AbstractContextManager[Session]]


@contextmanager
def transactions(database: Database, *, dry_run: bool) -> Iterator[Begin]:
    """How to begin each transaction; in a dry run it is one for all, which is taken back at the end."""
    if not dry_run:
        yield database.begin
        return
    with database.begin() as session:

        @contextmanager
        def same() -> Iterator[Session]:
            yield session
            session.flush()
            session.expunge_all()

        yield same
        session.rollback()


def batches(found: Iterable[Read]) -> Iterator[Sequence[Read]]:
    """What was read, as much as one transaction holds at a time."""
    rest = iter(found)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _leads(session: Session) -> dict[str, int]:
    """The accounts that may lead an incident, by address and by name, in small letters."""
    people = people_for(session, Permission.INCIDENTS_WRITE)
    return {name.lower(): one.id for one in people for name in (one.name, one.mailbox)}
