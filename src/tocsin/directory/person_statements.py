"""What a person says by command: this is that team's, it is not, or an earlier word is taken back.

Each is one transaction with its audit entry. An import never touches what is written here.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.directory import canonical
from tocsin.directory.effective import BESIDE, OVER, DirectoryPart, EffectiveAssertions, merged_teams, read_effective
from tocsin.directory.model import DirectoryRule, ResponsibilityRole, RuleKind
from tocsin.directory.precedence import MAILBOX, PERSON, MailboxClaim
from tocsin.directory.queries import find_team
from tocsin.directory.tables import ConstituencyRow, DenialRow, MailboxRow, TeamRow
from tocsin.directory.version import DirectoryStateRow
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.records import AuditAction, Database, audit
from tocsin.node.sentences import say

CLAIM_KINDS = (*RuleKind, MAILBOX)
_Row = ConstituencyRow | MailboxRow | DenialRow


@dataclass(frozen=True)
class PersonStatement:
    """A person's word as given: ``team`` by key or UUID, ``kind`` of a rule or ``mailbox``, ``value`` as typed.

    ``beside``: what imports say of the value, or of parts of it, stands beside this word.
    """

    team: str
    kind: str
    value: str
    said_by: str
    reason: str = ""
    role: ResponsibilityRole = ResponsibilityRole.RESPONSIBLE
    confidence: int | None = None
    as_of: date | None = None
    beside: bool = False


@dataclass(frozen=True)
class Effect:
    """A claim that this word overruled, or that holds again; ``overruled`` says by which word, or is empty."""

    team: str
    kind: str
    value: str
    role: str
    source: str
    overruled: str


@dataclass(frozen=True)
class AssertionResult:
    """What came of a word: the team's key, the value in canonical form, and the claims that it changed.

    ``changed`` is False where the same was said already. ``overruled_by``: the decision that stands against this word.
    """

    team: str
    kind: str
    value: str
    changed: bool
    version: str
    effects: tuple[Effect, ...] = ()
    overruled_by: str = ""


@dataclass(frozen=True)
class _Matter:
    """What is spoken of, found in the records."""

    session: Session
    team: TeamRow
    kind: str
    value: str

    def rows(self, table: type[ConstituencyRow | MailboxRow | DenialRow]) -> list[_Row]:
        """The persons' words on it that stand, in this table; those of merged teams with them."""
        merged = merged_teams(self.session)
        teams = [self.team.id, *(team for team, into in merged.items() if into == self.team.id)]
        query = select(table).where(table.team_id.in_(teams), table.withdrawn.is_(None)).order_by(table.id)
        if table is MailboxRow:
            query = query.where(MailboxRow.address == self.value, MailboxRow.word.is_not(None))
        else:
            query = query.where(table.kind == self.kind, table.value == self.value)  # type: ignore[union-attr]
        if table is ConstituencyRow:
            query = query.where(ConstituencyRow.word.is_not(None))
        return list(self.session.scalars(query))

    @property
    def claims(self) -> list[_Row]:
        """The persons' claims on it that stand."""
        return self.rows(MailboxRow if self.kind == MAILBOX else ConstituencyRow)


def add_assertion(database: Database, said: PersonStatement, *, actor: str, now: datetime) -> AssertionResult:
    """As `add_assertion_in`, in a transaction of its own."""
    with database.begin() as session:
        return add_assertion_in(session, said, actor=actor, now=now)


def add_assertion_in(session: Session, said: PersonStatement, *, actor: str, now: datetime) -> AssertionResult:
    """Record in the caller's transaction that something is a team's; the same person's earlier word gives way.

    Raises:
        UsageError: the kind, the value or the name of who says it cannot be taken.
        NotFoundError: there is no such team.
        ConflictError: a person said otherwise of this team and this value, and that stands.

    """

    def write(matter: _Matter) -> bool:
        _refuse_if(matter.rows(DenialRow), matter, "is not theirs")
        row = _claim_row(matter, said, now)
        for earlier in matter.claims:
            if _content(earlier) == _content(row):
                return False
            if earlier.said_by != row.said_by:
                role = getattr(earlier, "role", said.role.value)
                _refuse_if([earlier] if role != said.role.value else [], matter, f"is theirs as {role}")
            else:
                earlier.withdrawn = now
        matter.session.add(row)
        return True

    return _speak(session, said, AuditAction.ASSERTION_MADE, write, actor=actor, now=now)


def add_denial(database: Database, said: PersonStatement, *, actor: str, now: datetime) -> AssertionResult:
    """Record that something is not a team's: what imports say of it, and of parts of it, is overruled.

    Raises:
        UsageError: the kind, the value or the name of who says it cannot be taken.
        NotFoundError: there is no such team.
        ConflictError: a person said that it is theirs, and that stands.

    """

    def write(matter: _Matter) -> bool:
        _refuse_if(matter.claims, matter, "is theirs")
        for earlier in matter.rows(DenialRow):
            if earlier.said_by == said.said_by:
                return False
        row = DenialRow(team_id=matter.team.id, kind=matter.kind, value=matter.value, recorded=now, withdrawn=None)
        row.said_by, row.reason = said.said_by, said.reason
        matter.session.add(row)
        return True

    with database.begin() as session:
        return _speak(session, said, AuditAction.ASSERTION_DENIED, write, actor=actor, now=now)


def withdraw_statement(database: Database, said: PersonStatement, *, actor: str, now: datetime) -> AssertionResult:
    """Take back what ``said_by`` said of a team and a value, claim or denial; what everybody said when it is empty.

    Raises:
        UsageError: the kind or the value cannot be taken.
        NotFoundError: there is no such team, or nobody said such a thing.

    """

    def write(matter: _Matter) -> bool:
        rows = [*matter.claims, *matter.rows(DenialRow)]
        mine = [row for row in rows if said.said_by in {"", row.said_by}]
        if not mine:
            who = said.said_by or "No person"
            raise NotFoundError(
                f"{who} said nothing of {matter.team.key} and {matter.kind} {matter.value} that still holds.",
                hint=f"'tocsin directory history {matter.team.key}' shows what was said.",
            )
        for row in mine:
            row.withdrawn = now
        return True

    with database.begin() as session:
        return _speak(session, said, AuditAction.ASSERTION_WITHDRAWN, write, actor=actor, now=now)


def read_value_kind(text: str) -> str:
    """The kind that a word names.

    Raises:
        UsageError: it is none.

    """
    word = {"as": "asn"}.get(text.strip().lower(), text.strip().lower())
    if word not in CLAIM_KINDS:
        raise UsageError(say("'%(text)s' is none of %(claim_kinds)s.", text=text, claim_kinds=", ".join(CLAIM_KINDS)))
    return word


def read_value_of_kind(kind: str, text: str) -> str:
    """The canonical form of a value.

    Raises:
        UsageError: it is no value of this kind.

    """
    try:
        return canonical.mailbox(text) if kind == MAILBOX else canonical.RULE_VALUES[RuleKind(kind)](text)
    except ValueError as error:
        raise UsageError(say("%(kind)s '%(value)s': %(error)s.", kind=kind, value=text, error=error)) from None


def read_line(what: str, text: str, *, needed: bool = False) -> str:
    """One line that a person gave, such as a name or a reason.

    Raises:
        UsageError: it has a line break, is too long, or is empty where it is needed.

    """
    try:
        return (canonical.name if needed else canonical.line)(text)
    except ValueError as error:
        raise UsageError(say("%(kind)s '%(value)s': %(error)s.", kind=what, value=text, error=error)) from None


def renew_version(session: Session) -> str:
    """A new version of the directory; whoever changes it at the same time waits here."""
    state = session.scalars(select(DirectoryStateRow).with_for_update()).one()
    state.renew()
    return state.version


def audit_detail(kind: str, value: str) -> dict[str, object]:
    """Kind and value for the audit log; the value of a mailbox is personal data and stays out."""
    return {"kind": kind} if kind == MAILBOX else {"kind": kind, "value": value}


def _speak(
    session: Session,
    said: PersonStatement,
    word: AuditAction,
    write: Callable[[_Matter], bool],
    *,
    actor: str,
    now: datetime,
) -> AssertionResult:
    """Record one word in the caller's transaction, and what it changed."""
    kind = read_value_kind(said.kind)
    value = read_value_of_kind(kind, said.value)
    state = session.scalars(select(DirectoryStateRow).with_for_update()).one()
    team = session.get_one(TeamRow, find_team(session, said.team))
    part = _reach(kind, value)
    before = read_effective(session, part)
    if not write(_Matter(session, team, kind, value)):
        return AssertionResult(team.key, kind, value, changed=False, version=state.version)
    session.flush()
    role = {"role": said.role.value} if word is AuditAction.ASSERTION_MADE else {}
    detail = audit_detail(kind, value) | role
    audit(session, word, at=now, actor=actor, subject=f"team:{team.uuid}", detail=detail)
    version = renew_version(session)
    after = read_effective(session, part)
    own = [
        claim.overruled
        for claim in _claims(after)
        if claim.overruled and claim.team_id == team.id and claim.source == f"{PERSON}{said.said_by}"
    ]
    effects = tuple(_effects(session, before, after))
    return AssertionResult(
        team.key, kind, value, changed=True, version=version, effects=effects, overruled_by="".join(own[:1])
    )


def _reach(kind: str, value: str) -> DirectoryPart:
    """What a word on this value can change: networks and domains have parts, the others are themselves alone."""
    return (
        DirectoryPart(kind=kind)
        if kind in {RuleKind.PREFIX, RuleKind.DOMAIN}
        else DirectoryPart(kind=kind, values={kind: [value]})
    )


def _claim_row(matter: _Matter, said: PersonStatement, now: datetime) -> ConstituencyRow | MailboxRow:
    given = {
        "team_id": matter.team.id,
        "source": f"{PERSON}{said.said_by}",
        "as_of": said.as_of or now.date(),
        "confidence": said.confidence,
        "said_by": said.said_by,
        "recorded": now,
        "withdrawn": None,
        "word": BESIDE if said.beside else OVER,
        "reason": said.reason,
    }
    if matter.kind == MAILBOX:
        return MailboxRow(address=matter.value, **given)
    return ConstituencyRow(kind=matter.kind, value=matter.value, role=said.role.value, **given)


def _content(row: _Row) -> tuple[object, ...]:
    names = ("said_by", "role", "confidence", "as_of", "word", "reason")
    return tuple(getattr(row, name, None) for name in names)


def _refuse_if(rows: Iterable[_Row], matter: _Matter, otherwise: str) -> None:
    for row in rows:
        raise ConflictError(
            say(
                "%(said_by)s said on %(recorded)s that %(kind)s %(value)s %(otherwise)s (%(key)s).",
                said_by=row.said_by,
                recorded=f"{row.recorded:%Y-%m-%d}",
                kind=matter.kind,
                value=matter.value,
                otherwise=otherwise,
                key=matter.team.key,
            ),
            hint=f"Take that back first: tocsin directory withdraw {matter.team.key} {matter.kind} {matter.value}",
        )


def _claims(found: EffectiveAssertions) -> list[DirectoryRule | MailboxClaim]:
    return [*found.rules, *found.overruled, *found.mailboxes, *found.mailboxes_overruled]


def _effects(session: Session, before: EffectiveAssertions, after: EffectiveAssertions) -> list[Effect]:
    """The claims that were there before and that are overruled now, or hold again."""
    then = {_key(claim): claim.overruled for claim in _claims(before)}
    changed = [
        claim
        for claim in _claims(after)
        if _key(claim) in then and bool(then[_key(claim)]) is not bool(claim.overruled)
    ]
    teams = {claim.team_id for claim in changed}
    keys = {row.id: row.key for row in session.execute(select(TeamRow.id, TeamRow.key).where(TeamRow.id.in_(teams)))}
    return [Effect(keys[claim.team_id], *_key(claim)[1:], claim.overruled) for claim in changed]


def _key(claim: DirectoryRule | MailboxClaim) -> tuple[int, str, str, str, str]:
    if isinstance(claim, MailboxClaim):
        return claim.team_id, MAILBOX, claim.address, "", claim.source
    return claim.team_id, claim.kind.value, claim.value, claim.role.value, claim.source
