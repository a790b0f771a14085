"""What a digest takes back of earlier ones, since a report was read again; it waits until a person lets it go."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from tocsin.delivery.columns import WIDTH, fit, wrap
from tocsin.delivery.mime import plain
from tocsin.delivery.models import Delivery, DeliveryItem, DeliveryState, ItemState
from tocsin.delivery.outbox import holds_items, open_held
from tocsin.delivery.texts import Texts
from tocsin.directory import Team
from tocsin.sharing.gate import Marking, ReleasePurpose, decide, read_marking, recipient_of

PLACES: Final = 10
"""So many of the problems that are taken back are named."""

Corrections = Mapping[int, Sequence["DigestCorrection"]]
"""By team."""

_UNHEARD: Final = (DeliveryState.SHADOW.value, DeliveryState.REDIRECTED.value, DeliveryState.BOUNCED.value)


@dataclass(frozen=True)
class DigestCorrection:
    """What one digest told a team and what is not so: so many problems, the first with where and what they are.

    ``sent``: the day on which it left; ``places``: at most `PLACES`; ``tlp`` and ``pap``: the labels of these.
    """

    reference: str
    sent: str
    problems: int
    places: Sequence[tuple[str, str]]
    tlp: str
    pap: str | None

    @property
    def marking(self) -> Marking:
        """How the places are marked."""
        return read_marking(self.tlp, self.pap)

    def stored(self) -> dict[str, object]:
        """As the records keep it."""
        return asdict(self)


def read_corrections(stored: Sequence[Mapping[str, object]] | None) -> tuple[DigestCorrection, ...]:
    """What the records keep of a digest."""
    return tuple(DigestCorrection(**one) for one in stored or ())  # type: ignore[arg-type]  # written by `stored`


def correction_block(corrections: Sequence[DigestCorrection], team: Team, own: Collection[str], texts: Texts) -> str:
    """The text, 76 columns wide; places that the gate no longer lets out are not named."""
    recipient = recipient_of(team, own=own)
    blocks = []
    for one in corrections:
        said = texts.say("correction", one.problems, n=one.problems, reference=one.reference, date=one.sent)
        lines = [wrap(said)]
        if decide(one.marking, recipient, ReleasePurpose.REMEDIATION).allowed:
            lines += [f"  {fit(f'{plain(where)}  {plain(what)}', WIDTH - 2)}" for where, what in one.places]
            if more := one.problems - len(one.places):
                lines.append("  " + texts.say("correction_more", n=more))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def digests_that_left(session: Session, ingests: Collection[int]) -> dict[tuple[int, int], Delivery]:
    """The digests by which these ingests and runs told their teams, by ingest and team: they cannot come back.

    Of several the first that a team got; one that none got, as it was a trial or came back, where there is no other.
    """
    left = or_(Delivery.state.in_([DeliveryState.SENT.value, *_UNHEARD]), Delivery.mails_sent > 0)
    rows = (
        select(DeliveryItem.ingest, DeliveryItem.team_id, Delivery)
        .join(Delivery, holds_items())
        .where(DeliveryItem.ingest.in_(ingests), left)
        .order_by(Delivery.state.in_(_UNHEARD).desc(), Delivery.id.desc())
    )
    return {(ingest, team): digest for ingest, team, digest in session.execute(rows)}


def was_heard(digest: Delivery) -> bool:
    """Whether a digest that left reached a team."""
    return digest.state not in _UNHEARD


def hold_digests(
    session: Session, ingest: int, corrections: Corrections, *, domain: str, channel: str, now: datetime
) -> None:
    """One held digest for each team that is owed something of an ingest, or has something to be corrected.

    In the caller's transaction; nothing of the ingest counts before.
    """
    waiting = DeliveryItem.ingest == ingest, DeliveryItem.state == ItemState.PREPARED.value
    owed = {item.team_id: item.events for item in session.scalars(select(DeliveryItem).where(*waiting))}
    events = {team: owed.get(team, 0) for team in sorted(owed.keys() | corrections.keys())}
    for team, digest in open_held(session, events, domain=domain, channel=channel, now=now).items():
        digest.corrections = [one.stored() for one in corrections.get(team, ())] or None
        bound = update(DeliveryItem).where(*waiting, DeliveryItem.team_id == team)
        session.execute(bound.values(delivery_id=digest.id, state=ItemState.CLAIMED.value))
