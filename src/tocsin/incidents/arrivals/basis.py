"""On what basis a report came, and whether it may go to a supervisor or the police.

Who reports without having to must not find his words used against him: NIS2, article 30(2), and the practice of
CSIRTs, whose reporters stay owners of what they report.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.incidents.arrivals.models import (
    PublicReport,
    ReleaseGround,
    ReleaseScope,
    ReportBasis,
    ReportRelease,
)
from tocsin.node.errors import ConflictError
from tocsin.node.sentences import Sentence, join_sentences, say
from tocsin.sharing.gate import GateVerdict, Marking, Recipient, ReleasePurpose, Tlp, decide
from tocsin.sharing.rules import WithheldReport

HINT = say("Record the consent of who reported it, or the order that demands it.")


def unreleased(session: Session, reports: Collection[PublicReport], scope: ReleaseScope) -> list[PublicReport]:
    """Those of the reports that came voluntarily, for which there is neither consent nor an order for this scope."""
    voluntary = [one for one in reports if one.basis == ReportBasis.VOLUNTARY]
    row = ReportRelease
    of = row.report_id.in_([one.id for one in voluntary]), row.scope.in_({scope.value, ReleaseScope.BOTH.value})
    released = (
        set(session.scalars(select(row.report_id).where(*of, row.withdrawn_at.is_(None)))) if voluntary else set()
    )
    return [one for one in voluntary if one.id not in released]


def check_release(session: Session, reports: Collection[PublicReport], recipient: Recipient) -> None:
    """Whether a recipient may have something of these reports, whatever their marking is.

    Raises:
        ConflictError: the gate keeps it back, since one of them came voluntarily.

    """
    if not recipient.official:
        return
    held = unreleased(session, reports, ReleaseScope(recipient.official))
    verdict = decide(Marking(Tlp.CLEAR), recipient, ReleasePurpose.COORDINATION, voluntary=bool(held))
    if not verdict.allowed:
        raise ConflictError(refusal(verdict, held, {one.compartment_id for one in held}), hint=HINT)


def refusal(verdict: GateVerdict, held: Collection[PublicReport], compartments: Collection[int]) -> Sentence:
    """What the gate says, and of which reports, as far as they are in these compartments."""
    references = ", ".join(one.reference for one in held if one.compartment_id in compartments)
    named = (say("Reports: %(references)s.", references=references),) if references else ()
    return join_sentences(" ", (verdict.words, *named))


def settle_events(session: Session, report: PublicReport, *, first: bool = False) -> None:
    """Let the gate know who is kept from the event that was made of a report. ``first``: it is going to be made."""
    kinds = ReleaseScope.AUTHORITY, ReleaseScope.POLICE
    authority, police = (bool(unreleased(session, [report], one)) for one in kinds)
    row = session.get(WithheldReport, report.reference)
    if row is not None:
        row.authority, row.police = authority, police
    elif first:
        session.add(WithheldReport(report=report.reference, authority=authority, police=police))


def releases_of(session: Session, reports: Collection[PublicReport]) -> Sequence[ReportRelease]:
    """Consents and orders of reports, in order."""
    of = ReportRelease.report_id.in_([one.id for one in reports])
    return session.scalars(select(ReportRelease).where(of).order_by(ReportRelease.id)).all()


def add_release(
    session: Session,
    report: PublicReport,
    ground: ReleaseGround,
    *,
    scope: ReleaseScope,
    given_by: str,
    means: str,
    given_at: datetime,
    person: int,
    now: datetime,
) -> bool:
    """Keep a consent or an order, whose entries are the caller's; False where the same is here already."""
    said: dict[str, Any] = {
        "ground": ground.value, "scope": scope.value, "given_by": given_by, "means": means, "given_at": given_at,
    }  # fmt: skip
    known = select(ReportRelease.id).filter_by(report_id=report.id, withdrawn_at=None, **said)
    if session.scalar(known) is not None:
        return False
    session.add(ReportRelease(report_id=report.id, recorded_at=now, recorded_by=person, **said))
    session.flush()
    return True
