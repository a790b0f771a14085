"""What another machine sent, or may have sent, before this one took over from it.

The copy that this node was made of is older than its last mails: what left is noted, and what may have left is held, so
that only a person sends it again. Where newer copies were damaged, it does not know some of them at all: they are known
by marks that say of which report, to which team.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.mail_marks import mark
from tocsin.delivery.models import Delivery, DeliveryItem, DeliveryState, ItemState
from tocsin.delivery.never_held import HotlineMessage, NeverHeldReference, ReferenceState
from tocsin.directory import TeamRow
from tocsin.events import Ingest
from tocsin.node.files import write_whole
from tocsin.node.letters import Letter, LetterState
from tocsin.node.paths import HomeFile
from tocsin.node.records import AuditAction, Base, audit, continue_numbering
from tocsin.node.sentences import say

_MAY_BE_TOLD: Final = say(
    "The machine before this one sent mails to this team that are not in the copy: look whether this was in one of "
    "them. Release it to send it; drop it if it was."
)

_OPEN = (DeliveryState.QUEUED.value, DeliveryState.RETRY.value, DeliveryState.HELD.value)
_LETTERS = (LetterState.QUEUED.value, LetterState.RETRY.value, LetterState.HELD.value)


@dataclass
class MailProgress:
    """Of one mail: of how many parts which have left, and whether one may have. ``marks``: see `mail_marks`."""

    parts: int = 1
    left: set[int] = field(default_factory=set)
    perhaps: set[int] = field(default_factory=set)
    marks: dict[str, Any] = field(default_factory=dict)
    at: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether all of it left, for certain."""
        return not self.perhaps and len(self.left) == self.parts


@dataclass
class SentBefore:
    """What the machine before sent that the copy does not know: it is not sent again as something new.

    ``digests``: by the mark of a report and a team the number of the digest that told it. ``teams``: told of something
    that may not be known by its mark. ``letters``: the marks of their keys. ``anybody``: mails left of which nothing
    is known. ``at``: when this machine took over.
    """

    at: str = ""
    digests: dict[str, int] = field(default_factory=dict)
    teams: list[int] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)
    anybody: bool = False

    def __bool__(self) -> bool:
        return bool(self.digests or self.teams or self.letters or self.anybody)


@dataclass(frozen=True)
class TakenOverMails:
    """References of what the other machine sent, of what it may have sent, and of what the copy does not know."""

    sent: Sequence[str]
    held: Sequence[str]
    unknown: Sequence[str] = ()
    before: SentBefore = field(default_factory=SentBefore)


def read_intents(lines: Iterable[Mapping[str, Any]]) -> dict[str, MailProgress]:
    """What was about to leave and what left, by reference, of lines as `Standby.begin` and `left` write them. Pure."""
    found: dict[str, MailProgress] = {}
    for line in lines:
        marks = line.get("of", {})
        for act in ("began", "left", "back"):
            for name in line.get(act, ()):
                reference, part, parts = str(name).rsplit("/", 2)
                one = found.setdefault(reference, MailProgress())
                one.parts = int(parts)
                (one.perhaps.add if act == "began" else one.perhaps.discard)(int(part))
                one.marks, one.at = marks.get(reference, one.marks), str(line.get("at", ""))
                if act == "left":
                    one.left.add(int(part))
    return found


def settle_taken_over(
    session: Session, lines: Sequence[Mapping[str, Any]], *, now: datetime, salt: str
) -> TakenOverMails:
    """Note in the caller's transaction what left, and hold what may have left, of that which the copy has as owed.

    What it does not know gets a row, so that its number is never given again, and is remembered by its marks.
    """
    found = read_intents(lines)
    sent: list[str] = []
    held: list[str] = []
    for one in _owed(session, found):
        way = found[one.reference]
        if way.perhaps:
            held.append(one.reference)
            _hold(session, one, now)
        elif len(way.left) == way.parts:
            sent.append(one.reference)
            _note_sent(session, one, way, now)
        elif isinstance(one, Delivery) and way.left:
            one.mails_sent = max(one.mails_sent, *way.left)  # the other parts follow
    sent += _note_hotline(session, found, now)
    unknown = _unknown(session, found)
    before = SentBefore(now.isoformat(), anybody=any("damaged" in line for line in lines))
    teams = {mark(salt, team.key): team.id for team in session.scalars(select(TeamRow))} if unknown else {}
    for reference, way in unknown.items():
        if reference.startswith("LTR-"):
            _add_letter(session, reference, way, before)
        elif reference.startswith("TOC-"):
            _add_digest(session, reference, way, teams.get(str(way.marks.get("team"))), before)
    session.flush()
    for model in (Delivery, Letter) if unknown else ():
        continue_numbering(session.connection(), Base.metadata.tables[model.__tablename__])
    return TakenOverMails(sorted(sent), sorted(held), sorted(unknown), before)


def _note_hotline(session: Session, found: Mapping[str, MailProgress], now: datetime) -> list[str]:
    sent: list[str] = []
    for row in session.scalars(select(NeverHeldReference)) if any(name.startswith("NHR-") for name in found) else ():
        message = session.scalar(select(HotlineMessage).where(HotlineMessage.reference_id == row.id))
        if row.reference in found and message is not None and message.sent_at is None:
            row.state, message.sent_at = ReferenceState.SENT.value, now  # where no receipt comes, a person rings
            sent.append(row.reference)
    return sent


def remember_sent_before(home: Path, before: SentBefore) -> None:
    """Remember what is not to be sent again, in the home: copies and backups have it, too."""
    if not before:
        return
    if (old := sent_before(home)) is not None:  # of a takeover before this one
        before.digests = old.digests | before.digests
        before.teams = sorted({*old.teams, *before.teams})
        before.letters = [*old.letters, *before.letters]
        before.anybody = before.anybody or old.anybody
    write_whole(home / HomeFile.SENT_BEFORE, json.dumps(asdict(before)).encode())


def sent_before(home: Path) -> SentBefore | None:
    """What the machine before sent that its copy did not know, or None."""
    path = home / HomeFile.SENT_BEFORE
    return SentBefore(**json.loads(path.read_bytes())) if path.exists() else None


def bind_sent_before(session: Session, before: SentBefore, salt: str) -> None:
    """Bind what the machine before told to the digest that told it, in the caller's transaction: it is news no more."""
    queued = (
        select(DeliveryItem, Ingest.content_hash, TeamRow.key)
        .join(Ingest, Ingest.number == DeliveryItem.ingest)
        .join(TeamRow, TeamRow.id == DeliveryItem.team_id)
        .where(DeliveryItem.state == ItemState.QUEUED.value, DeliveryItem.team_id.in_(before.teams))
    )
    for item, content_hash, team in session.execute(queued).all():
        number = before.digests.get(mark(salt, team, content_hash))
        if number is not None and (told := session.get(Delivery, number)) is not None:
            item.state, item.delivery_id = ItemState.CLAIMED.value, told.id
            told.events += item.events
            told.subject = "" if told.state == DeliveryState.HELD.value else told.subject  # it is rendered to be seen


def uncertain_teams(session: Session, before: SentBefore) -> set[int]:
    """The teams of which it is not known what they were told, until a person let one of their digests go."""
    at = datetime.fromisoformat(before.at)
    looked = {*session.scalars(select(Delivery.team_id).where(Delivery.released_at >= at))}
    if before.anybody:
        return {*session.scalars(select(TeamRow.id))} - looked
    numbers = set(before.digests.values())
    bound = {*session.scalars(select(DeliveryItem.delivery_id).where(DeliveryItem.delivery_id.in_(numbers)))}
    open_ones = select(Delivery.team_id).where(Delivery.id.in_(numbers - bound))
    return {*session.scalars(open_ones)} - looked


def say_why_held(session: Session, uncertain: Collection[int]) -> None:
    """Let the held digests of uncertain teams say why they wait, in the caller's transaction."""
    held = select(Delivery).where(Delivery.team_id.in_(uncertain), Delivery.state == DeliveryState.HELD.value)
    for one in session.scalars(held) if uncertain else ():
        one.error = one.error or _MAY_BE_TOLD


def hold_letters_sent_before(
    session: Session, letters: Iterable[Letter], before: SentBefore, salt: str, *, now: datetime
) -> None:
    """Let letters wait for a person that the machine before may have sent, in the caller's transaction."""
    for one in letters:
        if one.released_at is None and mark(salt, one.key) in before.letters:
            _hold(session, one, now)


def _unknown(session: Session, found: Mapping[str, MailProgress]) -> dict[str, MailProgress]:
    """What left or may have left of which the copy has no row."""
    known = {*session.scalars(select(Delivery.reference).where(Delivery.reference.in_(found)))}
    numbers = [int(one.rpartition("-")[2]) for one in found if one.startswith("LTR-")]
    known |= {letter.reference for letter in session.scalars(select(Letter).where(Letter.id.in_(numbers)))}
    rows = session.scalars(select(NeverHeldReference)) if any(one.startswith("NHR-") for one in found) else ()
    known |= {row.reference for row in rows}
    return {one: way for one, way in found.items() if one not in known and (way.left or way.perhaps)}


def _add_digest(session: Session, reference: str, way: MailProgress, team: int | None, before: SentBefore) -> None:
    """A digest that the machine before sent: sent here too, or held where it is not certain that all of it left."""
    if team is None:
        before.anybody = True
        return
    number, at = int(reference.rpartition("-")[2]), datetime.fromisoformat(way.at)
    one = Delivery(
        id=number, uuid=uuid4(), reference=reference, message_id=str(way.marks["id"]), team_id=team, events=0,
        state=DeliveryState.SENT.value, created_at=at, next_try_at=None, attempts=0, sent_at=at, channel="smtp",
        subject=say("Sent by the machine before this one; not in the copy"), mails_sent=way.parts, waiting=[], path="",
        size=0, counts={}, error="", released_at=None, repeats=None,
    )  # fmt: skip
    session.add(one)
    now = datetime.fromisoformat(before.at)
    if way.is_whole:
        _note_sent(session, one, way, now)
    else:
        one.sent_at, one.mails_sent = None, 0
        _hold(session, one, now)
    before.digests |= dict.fromkeys(way.marks["reports"], number)
    before.teams = sorted({*before.teams, team})


def _add_letter(session: Session, reference: str, way: MailProgress, before: SentBefore) -> None:
    """A letter that the machine before sent; to whom is not known here."""
    at = datetime.fromisoformat(way.at)
    one = Letter(
        id=int(reference.rpartition("-")[2]), key=f"before:{reference}", kind="before", mailbox="",
        subject=say("Sent by the machine before this one; not in the copy"), body="", reply_to="", answers="",
        message_id=str(way.marks.get("id", "")), state=LetterState.SENT.value, created_at=at, due_at=at, sent_at=at,
        attempts=0, error="", channel="", path="", released_at=None,
    )  # fmt: skip
    session.add(one)
    _note_sent(session, one, way, at)
    if "key" in way.marks:
        before.letters.append(str(way.marks["key"]))


def _owed(session: Session, found: Mapping[str, MailProgress]) -> list[Delivery | Letter]:
    digests = session.scalars(select(Delivery).where(Delivery.state.in_(_OPEN)).order_by(Delivery.id))
    letters = session.scalars(select(Letter).where(Letter.state.in_(_LETTERS)).order_by(Letter.id))
    return [one for one in (*digests, *letters) if one.reference in found]


def _hold(session: Session, one: Delivery | Letter, now: datetime) -> None:
    """Let it wait for a person; a letter that is shown only with what it is about fails there, and says why."""
    one.error = say("The machine before this one may have sent it. Release it to send it again; drop it if it arrived.")
    if isinstance(one, Letter) and one.about:
        one.state = LetterState.FAILED.value
        _audit(session, AuditAction.LETTER_FAILED, one, now)
        return
    one.state = DeliveryState.HELD.value
    _audit(session, AuditAction.DELIVERY_HELD, one, now)


def _note_sent(session: Session, one: Delivery | Letter, way: MailProgress, now: datetime) -> None:
    one.state, one.sent_at = DeliveryState.SENT.value, one.sent_at or now
    if isinstance(one, Delivery):
        one.mails_sent = way.parts
    _audit(session, AuditAction.DELIVERY_SENT if isinstance(one, Delivery) else AuditAction.LETTER_SENT, one, now)


def _audit(session: Session, word: AuditAction, one: Delivery | Letter, now: datetime) -> None:
    subject = f"delivery:{one.reference}" if isinstance(one, Delivery) else one.about or f"letter:{one.reference}"
    audit(session, word, at=now, actor="takeover", subject=subject)
