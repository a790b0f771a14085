"""How the items of each kind are found: each figure is an aggregate query that an index serves, but for slow kinds."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from sqlalchemy import ColumnElement, Select, distinct, func, literal, select
from sqlalchemy.orm import Session

from tocsin.assets import changes_waiting, stale_assets, touched_assets
from tocsin.delivery import Delivery, DeliveryItem, DeliveryState, DueNews, ItemState, halts
from tocsin.delivery.mailbox import MailState, ReceivedMail
from tocsin.directory import ConflictState, read_conflicts, team_names
from tocsin.directory.claims import ClaimState, read_claims
from tocsin.directory.keys import expiring_keys, team_keys
from tocsin.events import FeedAlarm, Ingest, IngestState, open_rows
from tocsin.exchange.agreements import ending_agreements, waiting_agreements
from tocsin.exchange.ledger import (
    OFFER_WAITS,
    offered_cases,
    open_items,
    open_messages,
    open_questions,
    stuck_dispatches,
    unanswered_offers,
    unanswered_recalls,
    unchecked_partners,
    waiting_since,
    without_receipt,
)
from tocsin.exchange.partners import (
    ListedPartner,
    claimed_keys,
    due_checks,
    ending_attestations,
    ending_keys,
    list_partners,
    refused_partners,
    stopped_keys,
)
from tocsin.incidents import (
    IncidentReader,
    access_to_review,
    due_tasks,
    sightings_to_review,
    waited_enough,
    without_lead,
)
from tocsin.incidents.arrivals import new_reports, ring_backs
from tocsin.incidents.clocks import count_by_stage
from tocsin.incidents.closing import due_lessons
from tocsin.incidents.duty import duty_gaps, unanswered
from tocsin.incidents.notices import notice_laws, open_notices
from tocsin.incidents.takedowns import takedown_needs
from tocsin.incidents.threads import awaited_answers
from tocsin.node.accounts import names_of_actors
from tocsin.node.letters import Letter, LetterState
from tocsin.node.records import AuditAction, AuditEntry, node_uuid, read_asides
from tocsin.pipeline.accept_item import LATELY
from tocsin.pipeline.collectors import CollectorState, added_collectors
from tocsin.pipeline.feed_files import feed_mistakes
from tocsin.pipeline.not_notified import missed_teams
from tocsin.pipeline.not_told import withheld
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.team_items import given_up_networks, unreachable_teams
from tocsin.pipeline.to_do.item import Item
from tocsin.problems import count_unanswered

KEY_DAYS: Final = 30
"""So long before a key of a team ends, it is an item."""

_OVERDUE = timedelta(hours=1)  # a digest that was due so long ago is sent by nobody
_FAILED = timedelta(days=14)  # what failed longer ago is past
_MOST = 20  # items of a kind that has one for each team


@dataclass(frozen=True)
class ListingContext:
    """Where items are looked for. ``conflicts``: how many are open, where that is known. ``person``: who looks."""

    node: NodeWithStores
    session: Session
    now: datetime
    conflicts: int | None = None
    person: int | None = None

    @property
    def reader(self) -> IncidentReader:
        """As whom incidents are read; without a person, what the whole team may read."""
        return IncidentReader(self.person, self.now)

    @cached_property
    def partners(self) -> list[ListedPartner]:
        """All partners."""
        return list_partners(self.session, self.now)

    @cached_property
    def unreachable(self) -> list[DueNews]:
        """What teams without an email address are owed."""
        return unreachable_teams(self.session)


def stopped(context: ListingContext) -> Iterator[Item]:
    """Sending as a whole."""
    stop, _ = halts(context.session)
    if stop:
        yield Item(ItemKind.STOPPED, 1, stop.at, stop.at)


def standby(context: ListingContext) -> Iterator[Item]:
    """Whether this machine is the node, where a second one stands by."""
    found = context.node.standby
    if found is not None and found.remembered()[0]:
        yield Item(ItemKind.STANDBY, 1)


def volume_limit(context: ListingContext) -> Iterator[Item]:
    """Mails that the volume limit keeps."""
    _, limit = halts(context.session)
    if limit:
        yield Item(ItemKind.VOLUME, limit.mails or 1, limit.at, limit.at)


def not_delivered(context: ListingContext) -> Iterator[Item]:
    """Teams whose digests failed or came back within two weeks."""
    teams = select(func.count(distinct(Delivery.team_id)), func.min(Delivery.created_at))
    failed = Delivery.state.in_([DeliveryState.FAILED.value, DeliveryState.BOUNCED.value])
    yield _counted(context, ItemKind.FAILED, teams, failed, Delivery.created_at >= context.now - _FAILED)


def not_encrypted(context: ListingContext) -> Iterator[Item]:
    """Digests without a good key."""
    stuck = select(func.count(), func.min(Delivery.created_at))
    yield _counted(context, ItemKind.STUCK, stuck, Delivery.state == DeliveryState.STUCK.value)


def without_address(context: ListingContext) -> Iterator[Item]:
    """Teams that events wait for, the most events first."""
    found = context.unreachable[:_MOST]
    names = team_names(context.session, [one.team_id for one in found])
    for one in found:
        team = names.get(one.team_id, ("", "?"))
        yield Item(ItemKind.NO_ADDRESS, one.events, one.due_at, one.due_at, team[0], team)


def overdue(context: ListingContext) -> Iterator[Item]:
    """Teams whose digest was due; not what waits behind a held mail, nor teams without an address."""
    held = select(Delivery.team_id).where(Delivery.state == DeliveryState.HELD.value)
    without = [one.team_id for one in context.unreachable]
    teams = select(func.count(distinct(DeliveryItem.team_id)), func.min(DeliveryItem.due_at))
    late = (DeliveryItem.state == ItemState.QUEUED.value, DeliveryItem.due_at <= context.now - _OVERDUE)
    others = (DeliveryItem.team_id.not_in(held), DeliveryItem.team_id.not_in(without))
    found = _counted(context, ItemKind.OVERDUE, teams, *late, *others)
    yield Item(ItemKind.OVERDUE, found.count, found.since, found.since)


def held(context: ListingContext) -> Iterator[Item]:
    """First digests to teams and letters that wait for a look; and for each person what he or she held."""
    session, entry = context.session, AuditEntry
    by_person, waits = entry.word == AuditAction.DELIVERY_HELD.value, Delivery.state == DeliveryState.HELD.value
    subject = literal("delivery:").concat(Delivery.reference)
    others = select(func.count(), func.min(Delivery.created_at)).where(
        waits, subject.not_in(select(entry.subject).where(by_person))
    )
    first, oldest = session.execute(others).one()
    columns = select(subject, Delivery.created_at, entry.actor).join(entry, (entry.subject == subject) & by_person)
    owned = {name: (at, actor) for name, at, actor in session.execute(columns.where(waits).order_by(entry.id))}
    letters = session.scalars(select(Letter).where(Letter.state == LetterState.HELD.value)).all()
    if letters:
        acts = select(entry.subject, entry.actor).where(by_person, entry.subject.startswith("letter:"))
        actors = dict(session.execute(acts.order_by(entry.id)).all())
        owned |= {one.reference: (one.created_at, actors.get(f"letter:{one.reference}", "")) for one in letters}
    names = names_of_actors(session, {of for _, of in owned.values()})
    names |= read_asides(session, {of for _, of in owned.values()})
    counts, times = Counter({"": int(first)}), {"": oldest} if oldest else {}
    for at, actor in owned.values():
        counts[actor] += 1
        times[actor] = min(at, times.get(actor, at))
    for actor in sorted(counts):
        yield Item(ItemKind.HELD, counts[actor], times.get(actor), subject=actor, what=names.get(actor, actor))


def unreadable_rows(context: ListingContext) -> Iterator[Item]:
    """Rows in quarantine; due before the oldest of them is deleted."""
    days = timedelta(days=context.node.settings.retention.quarantine_days)
    count, oldest = open_rows(context.session, context.now - days)
    yield Item(ItemKind.UNREADABLE, count, oldest, oldest + days if oldest else None)


def feeds(context: ListingContext) -> Iterator[Item]:
    """Feeds with an alarm that nobody has looked at, and files of feeds that cannot be used."""
    alarms = select(func.count(distinct(FeedAlarm.feed_id)), func.min(FeedAlarm.opened_at))
    found = _counted(
        context, ItemKind.FEEDS, alarms, FeedAlarm.closed_at.is_(None), FeedAlarm.acknowledged_at.is_(None)
    )
    yield replace(found, count=found.count + len(feed_mistakes(context.node.home)))


def collectors(context: ListingContext) -> Iterator[Item]:
    """Collectors that fail."""
    configured = {*context.node.settings.collect, *added_collectors(context.node.home)}
    wanted = select(CollectorState.name, CollectorState.last_success_at).where(CollectorState.failures > 0)
    failing = [at for name, at in context.session.execute(wanted) if name in configured]
    yield Item(ItemKind.COLLECTORS, len(failing), min((at for at in failing if at is not None), default=None))


def given_up(context: ListingContext) -> Iterator[Item]:
    """Networks with open problems that their teams gave up."""
    for one in given_up_networks(context.node, context.session, context.now)[:_MOST]:
        yield Item(ItemKind.GIVEN_UP, one.problems, one.at, subject=one.subject, team=one.team, what=one.shown)


def no_contact(context: ListingContext) -> Iterator[Item]:
    """Events of the last day."""
    recent = (Ingest.state == IngestState.COMMITTED, Ingest.started_at >= context.now - LATELY)
    lacking = select(func.coalesce(func.sum(Ingest.unrouted), 0), func.min(Ingest.started_at))
    yield _counted(context, ItemKind.NO_CONTACT, lacking, *recent, Ingest.unrouted > 0)


def withheld_events(context: ListingContext) -> Iterator[Item]:
    """Events of the last day that the gate kept from a team."""
    found = withheld(context.session, context.now - LATELY, context.now)
    oldest = min((one.since for one in found), default=None)
    yield Item(ItemKind.WITHHELD, sum(one.events for one in found), oldest)


def not_notified(context: ListingContext) -> Iterator[Item]:
    """Problems of which a responsible team was never notified; all problems are compared for it."""
    found = missed_teams(context.node, context.session, context.now)
    count, oldest = sum(len(one.problems) for one in found), min((one.since for one in found), default=None)
    yield Item(ItemKind.NOT_NOTIFIED, count, oldest)


def no_response(context: ListingContext) -> Iterator[Item]:
    """Problems that go on unanswered; all problems are compared for it."""
    days = context.node.settings.tell.escalate_after_days
    yield Item(ItemKind.NO_RESPONSE, *count_unanswered(context.node.problems, days=days, now=context.now))


def call_outs(context: ListingContext) -> Iterator[Item]:
    """Call-outs at the end of their chain that nobody acknowledged."""
    count, oldest = unanswered(context.session, context.reader)
    yield Item(ItemKind.CALL_OUTS, count, oldest, oldest)


def gaps(context: ListingContext) -> Iterator[Item]:
    """Gaps in rosters; due when the first begins."""
    found = duty_gaps(context.session, context.now)
    yield Item(ItemKind.DUTY_GAPS, len(found), due=found[0][1].start if found else None)


def mails(context: ListingContext) -> Iterator[Item]:
    """Mails that came in and are neither answer nor bounce."""
    waiting = select(func.count(), func.min(ReceivedMail.arrived_at))
    yield _counted(context, ItemKind.MAILS, waiting, ReceivedMail.state == MailState.WAITING.value)


def incident_mails(context: ListingContext) -> Iterator[Item]:
    """Parties to incidents who wait for an answer."""
    found = awaited_answers(context.session, context.reader)
    yield Item(ItemKind.INCIDENT_MAILS, len(found), min((one.since for one in found), default=None))


def inbox(context: ListingContext) -> Iterator[Item]:
    """Reports of the inbox without an owner; notices are items of their own."""
    yield Item(ItemKind.INBOX, *new_reports(context.session, context.reader))


def notices(context: ListingContext) -> Iterator[Item]:
    """Notices of entities by act: those to be answered, due when the first is; and those without an owner."""
    found, laws = open_notices(context.session, context.reader), notice_laws()
    for law, owed in sorted({(one.filed.notice.law, one.owed) for one in found}):
        some = [one for one in found if (one.filed.notice.law, one.owed) == (law, owed)]
        since = min(one.filed.notice.received_at for one in some)
        due = min((one.due for one in some if one.due), default=None)
        subject = law if owed else f"{law}:new"
        yield Item(ItemKind.NOTICES, len(some), since, due, subject=subject, what=laws[law].title)


def calls(context: ListingContext) -> Iterator[Item]:
    """Reporters who wait for a call; due when the first does."""
    count, first = ring_backs(context.session, context.reader)
    yield Item(ItemKind.RING_BACK, count, first, first)


def incidents_unassigned(context: ListingContext) -> Iterator[Item]:
    """Incidents without a lead."""
    found = without_lead(context.session, context.reader)
    yield Item(ItemKind.INCIDENT_LEAD, found.count, found.since)


def incidents_waiting(context: ListingContext) -> Iterator[Item]:
    """Incidents whose waiting is over."""
    found = waited_enough(context.session, context.reader)
    yield Item(ItemKind.INCIDENT_WAITING, found.count, found.since, found.due)


def incident_tasks(context: ListingContext) -> Iterator[Item]:
    """Tasks of incidents that are due."""
    found = due_tasks(context.session, context.reader)
    yield Item(ItemKind.INCIDENT_TASKS, found.count, found.since, found.due)


def clocks(context: ListingContext) -> Iterator[Item]:
    """Clocks of incidents, by how much of their time is over; due when the first of them is."""
    for stage, found in count_by_stage(context.session, context.reader):
        yield Item(ItemKind.CLOCKS, found.count, found.since, found.due, subject=stage)


def lessons(context: ListingContext) -> Iterator[Item]:
    """Lessons of incidents, also of closed ones, that are due."""
    found = due_lessons(context.session, context.reader)
    yield Item(ItemKind.LESSONS, found.count, found.since, found.due)


def incident_sightings(context: ListingContext) -> Iterator[Item]:
    """Observables of incidents that an ingest found, for those who may read them."""
    found = sightings_to_review(context.session, context.reader)
    yield Item(ItemKind.INCIDENT_SIGHTINGS, found.count, found.since)


def incident_access(context: ListingContext) -> Iterator[Item]:
    """Access to restricted incidents that another person gained, for those who may read them."""
    found = access_to_review(context.session, context.reader)
    yield Item(ItemKind.INCIDENT_ACCESS, len(found), min((of.added_at for _, of in found), default=None))


def takedowns(context: ListingContext) -> Iterator[Item]:
    """Take-downs of which nothing was seen for days, that were refused, or that somebody objected to."""
    found = takedown_needs(context.session, context.reader)
    yield Item(ItemKind.TAKEDOWNS, found.count, found.since, found.since)


def assets_touched(context: ListingContext) -> Iterator[Item]:
    """Critical assets that were touched, for those who may read the register."""
    if context.node.settings.assets.enabled:
        count, since = touched_assets(context.session, context.reader)
        yield Item(ItemKind.ASSET_TOUCHED, count, since, since)


def asset_changes(context: ListingContext) -> Iterator[Item]:
    """What operators say of their assets, for those who decide."""
    if context.node.settings.assets.enabled:
        yield Item(ItemKind.ASSET_CHANGES, *changes_waiting(context.session, context.reader))


def assets_stale(context: ListingContext) -> Iterator[Item]:
    """Critical assets that nobody confirmed for a year, for those who confirm them."""
    if context.node.settings.assets.enabled:
        yield Item(ItemKind.ASSETS_STALE, stale_assets(context.session, context.reader))


def partner_claims(context: ListingContext) -> Iterator[Item]:
    """Keys of partners that no person has confirmed."""
    found = claimed_keys(context.partners, context.now)
    yield Item(ItemKind.PARTNER_CLAIMS, len(found), min((key.claimed_at for key in found), default=None))


def partner_checks(context: ListingContext) -> Iterator[Item]:
    """Partners with whom a communication check is due."""
    found = due_checks(context.partners)
    first = min((one.due_at for one in found), default=None)
    yield Item(ItemKind.PARTNER_CHECKS, len(found), first, first)


def agreements(context: ListingContext) -> Iterator[Item]:
    """Agreements that wait for a person to sign, adopt or refuse them."""
    found = waiting_agreements(context.session, node_uuid(context.node.database), context.now)
    yield Item(ItemKind.AGREEMENTS, len(found), min((one.row.came_at for one in found), default=None))


def agreements_ending(context: ListingContext) -> Iterator[Item]:
    """Agreements in force that end within 30 days, or ended, with no later edition; due when the first one does."""
    found = ending_agreements(context.session, node_uuid(context.node.database), context.now)
    first = min((one.body.expires for one in found if one.body.expires), default=None)
    yield Item(ItemKind.AGREEMENTS_ENDING, len(found), None, first)


def partner_items(context: ListingContext) -> Iterator[Item]:
    """What partners offered or recalled, and nobody has decided; due when the first source asks for an answer."""
    found = open_items(context.session)
    yield Item(ItemKind.PARTNER_ITEMS, len(found), *waiting_since(context.session, found))


def partner_cases(context: ListingContext) -> Iterator[Item]:
    """Cases that partners offered, and nobody has answered."""
    found = offered_cases(context.session)
    yield Item(ItemKind.PARTNER_CASES, len(found), min((one.changed_at for one in found), default=None))


def partner_offers(context: ListingContext) -> Iterator[Item]:
    """Cases that we offered, and no partner has answered; due a week after the first offer."""
    found = unanswered_offers(context.session, context.now)
    first = min((one.changed_at for one in found), default=None)
    yield Item(ItemKind.PARTNER_OFFERS, len(found), first, first + OFFER_WAITS if first else None)


def partner_messages(context: ListingContext) -> Iterator[Item]:
    """Requests and notices that nobody has acknowledged; due when the first request is."""
    found = open_messages(context.session)
    since = min((one.made_at for one in found), default=None)
    yield Item(
        ItemKind.PARTNER_MESSAGES, len(found), since, min((one.due_at for one in found if one.due_at), default=None)
    )


def consents(context: ListingContext) -> Iterator[Item]:
    """What partners ask of items that are from here, and what sources have not answered in time; due as was asked."""
    found = open_questions(context.session, context.now)
    first = min((one.answer_by for one in found if one.answer_by), default=None)
    yield Item(ItemKind.CONSENTS, len(found), min((one.made_at for one in found), default=None), first)


def dispatches_stuck(context: ListingContext) -> Iterator[Item]:
    """Dispatches that cannot arrive."""
    found = stuck_dispatches(context.session)
    yield Item(ItemKind.DISPATCHES_STUCK, len(found), min((one.sealed_at for one in found), default=None))


def missing_receipts(context: ListingContext) -> Iterator[Item]:
    """Dispatches that a partner should have had for a week."""
    found = without_receipt(context.session, context.now)
    first = min((one.sealed_at for one in found), default=None)
    yield Item(ItemKind.RECEIPTS_MISSING, len(found), first, first)


def recalls_unanswered(context: ListingContext) -> Iterator[Item]:
    """What was recalled and no signed statement answers."""
    yield Item(ItemKind.RECALLS_UNANSWERED, len(unanswered_recalls(context.session, context.now)))


def numbers_unchecked(context: ListingContext) -> Iterator[Item]:
    """Partners that have not said what they have since this node was restored."""
    yield Item(ItemKind.NUMBERS_UNCHECKED, len(unchecked_partners(context.session)))


def partner_keys(context: ListingContext) -> Iterator[Item]:
    """Pinned keys of partners that expire soon, or did; due when the first one does."""
    found = ending_keys(context.partners, context.now)
    yield Item(
        ItemKind.PARTNER_KEYS, len(found), None, min((key.expires_at for key in found if key.expires_at), default=None)
    )


def partner_keys_stopped(context: ListingContext) -> Iterator[Item]:
    """Keys that their partners stopped."""
    found = stopped_keys(context.partners)
    since = min((key.ended_at for key in found if key.ended_at), default=None)
    yield Item(ItemKind.PARTNER_KEYS_STOPPED, len(found), since)


def partner_volumes(context: ListingContext) -> Iterator[Item]:
    """Partners whose dispatches wait with them, since they brought as much as is taken in a day."""
    yield Item(ItemKind.PARTNER_VOLUMES, len(refused_partners(context.session, context.now)))


def partner_attestations(context: ListingContext) -> Iterator[Item]:
    """Attestations of partners that expire soon, or did; due when the first one does."""
    found = ending_attestations(context.partners, context.now)
    first = min((one.expires for one in found if one.expires), default=None)
    yield Item(ItemKind.PARTNER_ATTESTATIONS, len(found), None, first)


def claims(context: ListingContext) -> Iterator[Item]:
    """Claims that are proved; due before the first of them ends."""
    found = [one for one in read_claims(context.node.database, context.now) if one.state is ClaimState.PROVED]
    first = min((one.expires_at for one in found), default=None)
    yield Item(ItemKind.CLAIMS, len(found), min((one.made_at for one in found), default=None), first)


def conflicts(context: ListingContext) -> Iterator[Item]:
    """Conflicts of the directory, all of which is compared for it."""
    known = context.conflicts
    yield Item(ItemKind.CONFLICTS, open_conflicts(context.node) if known is None else known)


def keys(context: ListingContext) -> Iterator[Item]:
    """Keys of teams that end soon; due before the first of them does."""
    found = expiring_keys(team_keys(context.node.database), context.now, KEY_DAYS)
    yield Item(ItemKind.KEYS, len(found), due=min((until for _, until in found), default=None))


def open_conflicts(node: NodeWithStores) -> int:
    """How many conflicts of the directory are open: as many until its version changes."""
    unsettled = (ConflictState.OPEN, ConflictState.REOPENED)
    return sum(one.state in unsettled for one in read_conflicts(node.database))


def _counted(
    context: ListingContext, kind: ItemKind, wanted: Select[int, datetime], *conditions: ColumnElement[bool]
) -> Item:
    count, oldest = context.session.execute(wanted.where(*conditions)).one()
    return Item(kind, int(count), oldest)
