"""All that is known of one team, read from the records, and a person's word on it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.directory.effective import ARCHIVED, DirectoryPart, read_effective
from tocsin.directory.facts import ContactPurpose, Fact, FactKind
from tocsin.directory.model import DirectoryRule, Team
from tocsin.directory.precedence import MailboxClaim, is_person
from tocsin.directory.purposes import purpose_of
from tocsin.directory.queries import find_team, read_teams
from tocsin.directory.tables import FactRow
from tocsin.node.records import Database, from_row


@dataclass(frozen=True)
class TeamRecord:
    """A team and all that is said of it: what holds, what a person's word overrules, and what was withdrawn."""

    team: Team
    mailboxes: tuple[MailboxClaim, ...]
    rules: tuple[DirectoryRule, ...]
    facts: tuple[Fact, ...]
    rules_overruled: tuple[DirectoryRule, ...] = ()
    overruled: tuple[Fact, ...] = ()
    fields: tuple[Fact, ...] = ()
    withdrawn: tuple[Fact, ...] = ()

    def of(self, kind: FactKind) -> list[Fact]:
        """The facts of one kind that hold, in the order in which they came."""
        return [fact for fact in self.facts if fact.kind is kind]

    @property
    def archived(self) -> Fact | None:
        """What says that the team is archived, if it is; its value is the reason."""
        return next((fact for fact in self.fields if fact.get("field") == ARCHIVED), None)

    def purpose(self, mailbox: MailboxClaim) -> ContactPurpose:
        """What a mailbox of this team is for."""
        return purpose_of(mailbox.purpose, mailbox.address, self.team.kind)


def read_about(database: Database, key: str, at: datetime | None = None) -> TeamRecord:
    """All that is known of the team with this key or UUID; of a merged team, of the one that it is now.

    Of a time in the past, what was said then; names and preferences are those of now, and withdrawn is what had been
    withdrawn by then.

    Raises:
        NotFoundError: there is no such team.

    """
    with database.reading() as session:
        number = find_team(session, key)
        found = read_effective(session, DirectoryPart(teams={number}), at)
        (team,) = read_teams(session, found, {number})
        numbers = [number, *(other for other, into in found.merged.items() if into == number)]
        facts = _facts(session, numbers)
    current = [fact for fact in facts if fact.stood(at)]
    holding, overruled = settle_facts(fact for fact in current if fact.kind is not FactKind.FIELD)
    return TeamRecord(
        team=team,
        mailboxes=tuple(found.mailboxes),
        rules=tuple(found.rules),
        facts=tuple(holding),
        rules_overruled=tuple(found.overruled),
        overruled=tuple(overruled),
        fields=tuple(fact for fact in current if fact.kind is FactKind.FIELD),
        withdrawn=tuple(fact for fact in facts if fact.withdrawn and (at is None or fact.withdrawn <= at)),
    )


def settle_facts(facts: Iterable[Fact]) -> tuple[list[Fact], list[Fact]]:
    """The facts that hold and those that do not: where a person spoke of one thing, imports of it are overruled.

    One thing is the membership of one body, the attestation of one issuer, a statement about one section; of the other
    kinds, such as languages, all of that kind.
    """
    known = list(facts)
    spoken = {(fact.kind, fact.thing) for fact in known if is_person(fact.source)}
    beaten = [not is_person(fact.source) and (fact.kind, fact.thing) in spoken for fact in known]
    holding = [fact for fact, out in zip(known, beaten, strict=True) if not out]
    return holding, [fact for fact, out in zip(known, beaten, strict=True) if out]


def _facts(session: Session, teams: Collection[int]) -> list[Fact]:
    rows = session.scalars(select(FactRow).where(FactRow.team_id.in_(teams)).order_by(FactRow.id))
    return [fact_of(row) for row in rows]


def fact_of(row: FactRow) -> Fact:
    """A row as a fact."""
    return from_row(Fact, row, kind=FactKind(row.kind), detail=tuple(sorted(row.detail.items())))
