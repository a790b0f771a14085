"""What a purge will touch, found before it begins: references, hashes and numbers, nothing of the content."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery, digests_with, mail_files
from tocsin.delivery import find_mail as find_sent
from tocsin.delivery.mailbox import MailOnServer, copies_of, hash_of_id
from tocsin.events import Ingest, Reread, TeamSet, set_aside
from tocsin.exchange.ledger import (
    MadeKind,
    MadeThing,
    archives_of,
    find_item,
    kept_before,
    letters_of_dispatches,
    made_of,
    recalled_versions,
)
from tocsin.incidents import PART_NAME, IncidentReader, find_part, incident_numbers, letters_of_part
from tocsin.incidents.arrivals import files_of, find_report, letters_of, mails_of, others_with_files_of
from tocsin.incidents.evidence import (
    IncidentEvidence,
    incidents_of_mails,
    incidents_of_reports,
    items_with_files,
)
from tocsin.incidents.threads import IncidentMail, parts_of_mail
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.letters import Letter
from tocsin.node.paths import HomeFolder
from tocsin.node.records import purged_rows
from tocsin.node.sentences import say
from tocsin.operations.purge.references import PurgeKind, PurgeReference, read_reference
from tocsin.pipeline.comments import find_comment
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.uploads import Upload, read_upload
from tocsin.problems.answers import Answer
from tocsin.problems.replies import find_mail


@dataclass(frozen=True)
class IngestPart:
    """What goes of one ingest. ``events``: rows of its events; ``rows``: places of its set-aside rows; None: all.

    ``event_count``, ``row_count``: how many these are. ``told``: team id → how many of the events it is told of.
    ``came_at``: when the report came.
    """

    ingest: int
    events: tuple[int, ...] | None
    rows: tuple[int, ...] | None
    event_count: int
    row_count: int
    told: Mapping[int, int]
    came_at: datetime

    @property
    def whole(self) -> bool:
        """Whether all of the ingest goes."""
        return self.events is None and self.rows is None


@dataclass(frozen=True)
class PurgePlan:
    """All that one purge touches.

    ``identity``: what only this very thing has. ``digests``: references of digests that told of it. ``files``: in the
    home, with folders whole. ``blobs``: files of public reports; ``evidence``: of incidents; ``mails``: received mails.
    ``also``: parts of incidents that are the same, or were made of it. ``things``: what else was made of an item of a
    partner; ``archives``: files of dispatches. ``subjects``: what the audit log calls it. ``words``: what answers
    of the API may have named it by. ``related``: what may hold the same and stays.
    """

    reference: str
    kind: PurgeKind
    identity: str
    came_at: datetime | None = None
    parts: tuple[IngestPart, ...] = ()
    digests: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    blobs: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    mails: tuple[MailOnServer, ...] = ()
    also: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    related: tuple[str, ...] = ()


def make_plan(
    node: NodeWithStores, text: str, reader: IncidentReader | None = None, keep: Mapping[str, str] | None = None
) -> PurgePlan:
    """What a purge of the thing that somebody names will touch.

    ``reader``: who names it, who must be able to read what is restricted; None: a purge that is done again.
    ``keep``: of an item of a partner, what of all that was made of it stays.

    Raises:
        UsageError: it names nothing, or several things.
        NotFoundError: there is no such thing here.
        ConflictError: of an item of a partner, something is in an incident that the reader may not read.

    """
    found: list[PurgePlan] = []
    candidates = read_reference(text)
    for reference in candidates:
        try:
            with node.database.reading() as session:
                if reference.kind is PurgeKind.INCIDENT:
                    found.append(_incident(node, session, reference, reader))
                elif reference.kind is PurgeKind.PARTNER_ITEM:
                    found.append(_partner_item(node, session, reference, reader, keep))
                else:
                    found.append(_PLANNERS[reference.kind](node, session, reference))
        except NotFoundError:
            continue
    if not found:
        raise NotFoundError(
            say("There is nothing here that is called '%(reference)s'.", reference=text[:60]),
            hint=say("Lists show references; what was purged before is not here any more."),
        )
    if len(found) > 1:
        names = ", ".join(plan.reference for plan in found)
        raise UsageError(
            say("'%(reference)s' may be several things.", reference=text[:60]),
            hint=say("Say which: %(names)s.", names=names),
        )
    return found[0]


def _event(node: NodeWithStores, session: Session, reference: PurgeReference) -> PurgePlan:
    number, row = reference.numbers
    ingest = _ingest_of(session, number)
    part = _part(node, session, ingest, events=(row,), rows=())
    if not part.event_count:
        raise NotFoundError("There is no such event.")
    identity = f"{ingest.sha256}/{row}"
    return _of_parts(node, session, reference, [part], identity=identity, came_at=ingest.started_at)


def _row(node: NodeWithStores, session: Session, reference: PurgeReference) -> PurgePlan:
    number, place = reference.numbers
    ingest = _ingest_of(session, number)
    part = _part(node, session, ingest, events=(), rows=(place,))
    if not part.row_count:
        raise NotFoundError("There is no such row.")
    again = session.scalars(select(Ingest.number).where(Ingest.replay_of == number)).all()
    related = [f"ingest:{other}" for other in again]
    identity, came_at = f"{ingest.sha256}//{place}", ingest.started_at
    return _of_parts(node, session, reference, [part], identity=identity, came_at=came_at, related=related)


def _ingest(node: NodeWithStores, session: Session, reference: PurgeReference) -> PurgePlan:
    ingest = _ingest_of(session, int(reference.name))
    part = _part(node, session, ingest, events=None, rows=None)
    again = session.scalars(select(Ingest.number).where(Ingest.replay_of == ingest.number)).all()
    sent = session.scalars(select(Upload)).all()
    related = [f"ingest:{other}" for other in again]
    related += [f"upload:{upload.uuid}" for upload in sent if ingest.number in upload.ingests]
    related += [f"ingest:{other}" for other in session.scalars(select(Reread.number).where(Reread.of == ingest.number))]
    identity, came_at = ingest.sha256, ingest.started_at
    return _of_parts(node, session, reference, [part], identity=identity, came_at=came_at, related=related)


def _upload(node: NodeWithStores, session: Session, reference: PurgeReference) -> PurgePlan:
    upload = read_upload(session, UUID(reference.name))
    ingests = [session.get_one(Ingest, number) for number in upload.ingests]
    after = upload.begun_after or 0
    new = [ingest for ingest in ingests if ingest.number > after]  # others were here before
    parts = [_part(node, session, ingest, events=None, rows=None) for ingest in new]
    name = str(upload.uuid)
    return _of_parts(
        node,
        session,
        reference,
        parts,
        identity=name,
        came_at=upload.sent_at,
        files=[f"{HomeFolder.UPLOADS}/{name}"],
        words=[name],
    )


def _collected(node: NodeWithStores, _session: Session, reference: PurgeReference) -> PurgePlan:
    place = f"{HomeFolder.COLLECTED}/{reference.name}/refused"
    refused = sorted(path.name for path in (node.home / place).glob("*"))
    if not refused:
        raise NotFoundError("This collector refused nothing.")
    files = tuple(f"{place}/{name}" for name in refused)
    return PurgePlan(str(reference), reference.kind, _hash(*refused), files=files)


def _mail(_node: NodeWithStores, session: Session, reference: PurgeReference) -> PurgePlan:
    mail = find_mail(session, int(reference.name))
    mails = [MailOnServer(one.size, one.sha256, hash_of_id(one.message_id)) for one in copies_of(session, mail)]
    subjects = [f"mail:{one.id}" for one in copies_of(session, mail)]
    return PurgePlan(
        str(reference), reference.kind, mail.sha256, mail.read_at, mails=tuple(mails), subjects=tuple(subjects)
    )  # fmt: skip


def _inbox(node: NodeWithStores, session: Session, reference: PurgeReference) -> PurgePlan:
    reader = IncidentReader(None, datetime.now(UTC))
    report = find_report(session, reader, reference.name)
    mails = mails_of(session, report)
    letters = letters_of(session, report)
    files = [path for letter in letters for path in mail_files(node.mails, letter.reference)]
    subjects = [str(reference), *(f"letter:{letter.reference}" for letter in letters)]
    subjects += [f"mail:{mail.id}" for mail in mails]
    return PurgePlan(
        str(reference),
        reference.kind,
        _hash(report.act),
        report.received_at,
        files=_within(node, files),
        blobs=tuple(files_of(session, report)),
        mails=tuple(MailOnServer(one.size, one.sha256, hash_of_id(one.message_id)) for one in mails),
        subjects=tuple(subjects),
        words=(report.reference,),
        related=(
            *(f"inbox:{other}" for other in others_with_files_of(session, reader, report)),
            *items_with_files(session, reader, [*files_of(session, report), *(mail.sha256 for mail in mails)]),
        ),
    )


def _sent(node: NodeWithStores, session: Session, reference: PurgeReference) -> PurgePlan:
    one = find_sent(session, reference.name)
    identity = _hash(one.key) if isinstance(one, Letter) else one.uuid.hex
    files = mail_files(node.mails, one.reference)
    return PurgePlan(
        str(reference),
        reference.kind,
        identity,
        one.created_at,
        files=_within(node, files),
        digests=() if isinstance(one, Letter) else (one.reference,),
        subjects=(str(reference),),
    )


def _answer(_node: NodeWithStores, session: Session, reference: PurgeReference) -> PurgePlan:
    answer = session.scalar(select(Answer).where(Answer.uuid == UUID(reference.name)))
    if answer is None:
        raise NotFoundError("There is no such answer.")
    return PurgePlan(str(reference), reference.kind, answer.uuid.hex, answer.at, subjects=(str(reference),))


def _comment(_node: NodeWithStores, session: Session, reference: PurgeReference) -> PurgePlan:
    found = find_comment(session, int(reference.name))
    return PurgePlan(str(reference), reference.kind, _hash(str(found.id), found.at.isoformat()), found.at)


def _incident(
    node: NodeWithStores, session: Session, reference: PurgeReference, reader: IncidentReader | None
) -> PurgePlan:
    part = find_part(session, reader, reference.name)
    letters = letters_of_part(session, part)
    files = [path for letter in letters for path in mail_files(node.mails, letter.reference)]
    of, row, related = part.incident, part.row, part.related
    digest, mails, also = getattr(row, "sha256", "") or "", [], []
    if isinstance(row, IncidentMail):
        also = [one for one in parts_of_mail(session, row) if one != str(reference)]
        if digest and digest in node.mailroom:
            mails = [MailOnServer(node.mailroom.size(digest), digest, hash_of_id(row.message_id))]
        related = (*related, *items_with_files(session, IncidentReader(None, datetime.now(UTC)), [digest]))
    return PurgePlan(
        str(reference), reference.kind, _hash(of.uuid.hex, reference.name, digest), of.opened_at,
        files=_within(node, files), subjects=(str(reference), *also), words=(of.reference,), mails=tuple(mails),
        also=tuple(also), evidence=(digest,) if isinstance(row, IncidentEvidence) and row.kept else (),
        related=related,
    )  # fmt: skip


def _partner_item(
    node: NodeWithStores, session: Session, reference: PurgeReference, reader: IncidentReader | None,
    keep: Mapping[str, str] | None,
) -> PurgePlan:  # fmt: skip
    """An item of a partner in all versions that it recalled, with what was made of them: the plans of the parts."""
    item = find_item(session, int(reference.name))
    versions = {one.id: one for one in (item, *recalled_versions(session, item))}
    keep = kept_before(node, item) if keep is None else keep
    made = made_of(node, session, list(versions.values()), datetime.now(UTC), reader=reader, kept=keep)
    going = [one for one in made if not one.stays]
    if any(one.hidden for one in going):
        raise ConflictError(say("A part of it is in a restricted incident: a person with access ends it."))
    plans = [plan for one in going if (plan := _plan_of(node, session, one, reader)) is not None]
    things = tuple(one.name for one in going if not _is_part(one.name))
    parts = tuple(one.name for one in going if _is_part(one.name))

    def all_of(name: str) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(one for plan in plans for one in getattr(plan, name)))

    return PurgePlan(
        str(reference), reference.kind, _hash(item.node.hex, item.item.hex, str(item.version)), item.came_at,
        parts=_joined(part for plan in plans for part in plan.parts), digests=all_of("digests"),
        files=tuple(dict.fromkeys((*all_of("files"), *_files_of_dispatches(node, session, going)))),
        evidence=all_of("evidence"), mails=all_of("mails"), also=tuple(dict.fromkeys((*parts, *all_of("also")))),
        things=things, archives=archives_of(session, list(versions.values()), set(things)),
        subjects=tuple(dict.fromkeys((str(reference), *all_of("subjects"), *things))), words=all_of("words"),
        related=tuple(one for one in all_of("related") if one not in {*parts, *things}),
    )  # fmt: skip


def _plan_of(
    node: NodeWithStores, session: Session, one: MadeThing, reader: IncidentReader | None
) -> PurgePlan | None:  # fmt: skip
    """What the purge of a thing by itself would touch; None: it is of the exchange alone."""
    place, _, name = one.name.partition(":")
    if _is_part(one.name):
        return _incident(node, session, PurgeReference(PurgeKind.INCIDENT, name), reader)
    kind = next((kind for kind in (PurgeKind.INGEST, PurgeKind.EVENT, PurgeKind.MAIL) if kind == place), None)
    return None if kind is None else _PLANNERS[kind](node, session, PurgeReference(kind, name))


def _joined(parts: Iterable[IngestPart]) -> tuple[IngestPart, ...]:
    """What goes of each ingest, once: the whole of it, or all of these events."""
    found = dict[int, IngestPart]()
    for one in parts:
        known = found.get(one.ingest)
        if known is None or one.whole:
            found[one.ingest] = one
        elif not known.whole:
            events = (*(known.events or ()), *(one.events or ()))
            told = Counter(known.told) + Counter(one.told)
            found[one.ingest] = replace(known, events=events, event_count=len(events), told=dict(told))
    return tuple(found.values())


def _is_part(name: str) -> bool:
    place, _, part = name.partition(":")
    return place == PurgeKind.INCIDENT and re.fullmatch(PART_NAME, part) is not None


def _files_of_dispatches(node: NodeWithStores, session: Session, made: Sequence[MadeThing]) -> tuple[str, ...]:
    """The mails on this disk that brought it to partners without a node."""
    numbers = [int(one.name.partition(":")[2]) for one in made if one.kind is MadeKind.DISPATCH]
    references = [one.reference for one in letters_of_dispatches(session, numbers)]
    return _within(node, [path for one in references for path in mail_files(node.mails, one)])


def incidents_in(session: Session, plan: PurgePlan) -> set[int]:
    """The numbers of the incidents whose content a purge touches, whoever may read them."""
    found: set[int] = set()
    if plan.kind is PurgeKind.INCIDENT:
        found.add(find_part(session, None, plan.reference.partition(":")[2]).incident.id)
    if plan.kind is PurgeKind.PARTNER_ITEM:
        names = {one.split(":")[1] for one in (*plan.also, *plan.things) if one.startswith("incident:")}
        found |= incident_numbers(session, names)
    if plan.kind is PurgeKind.INBOX:
        report = find_report(session, IncidentReader(None, datetime.now(UTC)), plan.reference.partition(":")[2])
        found |= incidents_of_reports(session, [report.id])
    return found | incidents_of_mails(session, [mail.sha256 for mail in plan.mails])


_PLANNERS: Final[Mapping[PurgeKind, Callable[[NodeWithStores, Session, PurgeReference], PurgePlan]]] = {
    PurgeKind.EVENT: _event,
    PurgeKind.ROW: _row,
    PurgeKind.INGEST: _ingest,
    PurgeKind.UPLOAD: _upload,
    PurgeKind.COLLECTED: _collected,
    PurgeKind.MAIL: _mail,
    PurgeKind.INBOX: _inbox,
    PurgeKind.DELIVERY: _sent,
    PurgeKind.LETTER: _sent,
    PurgeKind.ANSWER: _answer,
    PurgeKind.COMMENT: _comment,
}


def _ingest_of(session: Session, number: int) -> Ingest:
    found = session.get(Ingest, number)
    if found is None:
        raise NotFoundError("There is no such ingest.")
    return found


def _part(
    node: NodeWithStores,
    session: Session,
    ingest: Ingest,
    *,
    events: tuple[int, ...] | None,
    rows: tuple[int, ...] | None,
) -> IngestPart:
    told: Counter[int] = Counter()
    found = node.store.told_sets(ingest.number, events) if events != () else None
    for number, count in () if found is None else found["told"].value_counts().iter_rows():
        members = session.get(TeamSet, number) if number else None
        told.update(dict.fromkeys(members.members if members else (), count))
    gone = purged_rows(session, ingest.number)
    wanted = () if rows == () or gone is None else set_aside(node.quarantine, ingest.number)
    aside = [row for row in wanted if row.place not in (gone or ()) and (rows is None or row.place in rows)]
    return IngestPart(
        ingest.number, events, rows, 0 if found is None else found.height, len(aside), dict(told), ingest.started_at
    )


def _of_parts(
    node: NodeWithStores,
    session: Session,
    reference: PurgeReference,
    parts: Sequence[IngestPart],
    *,
    identity: str,
    came_at: datetime,
    related: Collection[str] = (),
    files: Collection[str] = (),
    words: Collection[str] = (),
) -> PurgePlan:
    """The plan of what is parts of ingests: the digests that told of them, and what of these is on this disk."""
    digests: list[Delivery] = [one for part in parts for one in digests_with(session, part.ingest, part.told)]
    mails = [path for digest in digests for path in mail_files(node.mails, digest.reference)]
    whole = [f"ingest:{part.ingest}" for part in parts if part.whole]
    return PurgePlan(
        str(reference),
        reference.kind,
        _hash(identity),
        came_at,
        parts=tuple(parts),
        digests=tuple(dict.fromkeys(digest.reference for digest in digests)),
        files=(*files, *_within(node, mails)),
        subjects=tuple(dict.fromkeys([*whole, *([str(reference)] if whole or files else [])])),
        words=tuple(words),
        related=tuple(related),
    )


def _within(node: NodeWithStores, paths: Collection[Path]) -> tuple[str, ...]:
    return tuple(sorted(path.relative_to(node.home).as_posix() for path in set(paths)))


def _hash(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
