"""The versions of the document: who put which in force, when and why, and what differs."""

import difflib
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tocsin.directory import OFFICIAL_KINDS
from tocsin.node.errors import ConflictError, NotFoundError, StorageError, UsageError
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say
from tocsin.sharing.gate import RULES, VOLUNTARY
from tocsin.sharing.rules.apply import Rules
from tocsin.sharing.rules.document import RulesDocument, SharingRule, SharingRuleKind
from tocsin.sharing.rules.models import RulesVersion, WithheldReport
from tocsin.sharing.rules.parse import RulesFaultError, read_document

_NO_MORE: Final = say("By a rule of this node that is no longer in force.")

DEFAULT: Final = """\
# The rules of this node: what may be shared with whom, and who else is notified.
# They only narrow what TLP and the table of the gate allow. docs/rules.md has all words.

title = "Rules of this node"
type = "policy"        # policy, agreement or law
parties = []           # whom the document binds
edition = "1"

# A rule has conditions on events, which must all hold, and does one thing. Two examples:
#
# [[share]]
# id = "accounts-not-to-operators"
# to_kind = ["operator"]
# hide = ["source.account"]
# why = "Names of accounts go to the organisation that runs them, not to its provider."
#
# [[route]]
# id = "trial-feed"
# feed = ["new_feed"]
# tell_nobody = true
# why = "We do not know yet how good this feed is."
"""
"""What is in force where nobody set anything: it changes nothing."""


def version_in_force(session: Session) -> RulesVersion | None:
    """The newest version, or None where none was ever set."""
    return session.scalar(select(RulesVersion).order_by(RulesVersion.id.desc()).limit(1))


def rules_in_force(session: Session) -> Rules:
    """The rules that apply now.

    Raises:
        StorageError: the version in force cannot be read; nothing leaves by rules that nobody knows.

    """
    version = version_in_force(session)
    rules = Rules() if version is None else read_version(version.id, version.text)
    more = _voluntary(session)
    return replace(rules, document=replace(rules.document, rules=(*rules.document.rules, *more))) if more else rules


def _voluntary(session: Session) -> tuple[SharingRule, ...]:
    """What keeps events of voluntary reports from supervisors and police, whatever the document says."""
    rows = session.scalars(select(WithheldReport).order_by(WithheldReport.report)).all()
    reports = {
        kind: tuple(one.report for one in rows if getattr(one, kind))
        for kind in sorted(one.value for one in OFFICIAL_KINDS)
    }
    return tuple(
        SharingRule(
            "voluntary-official", SharingRuleKind.SHARE, 0, VOLUNTARY.words, when=(("inbox", of),),
            to=(("kind", (kind,)),), refuse=True,
        )
        for kind, of in reports.items()
        if of
    )  # fmt: skip


def read_version(number: int, text: str) -> Rules:
    """The rules of one version, by its number and text.

    Raises:
        StorageError: it cannot be read.

    """
    return Rules(number, _read(number, text))


def rule_words(session: Session, rules: Collection[str]) -> dict[str, str]:
    """What each of these rules says, by the names that verdicts have: the table's, and those of this node."""
    table = {rule.id: rule.words for rule in RULES}
    table["recipient-ceiling"] = say("The team wants nothing marked as high as this.")
    ours = dict[str, str]()
    if set(rules) - set(table):
        document = rules_in_force(session).document
        local = (*(rule.local for rule in document.rules), *document.transfers)
        ours = {rule.name: rule.words for rule in local if rule is not None}
    return {rule: table.get(rule) or ours.get(rule, _NO_MORE) for rule in rules}


def versions(session: Session, *, limit: int = 100) -> Sequence[RulesVersion]:
    """The versions, newest first."""
    return session.scalars(select(RulesVersion).order_by(RulesVersion.id.desc()).limit(limit)).all()


def rules_version(session: Session, number: int) -> RulesVersion:
    """One version.

    Raises:
        NotFoundError: there is none.

    """
    found = session.get(RulesVersion, number)
    if found is None:
        raise NotFoundError(f"There is no version {number} of the rules.", hint="'tocsin rules versions' lists them.")
    return found


def set_rules(
    session: Session, text: str, *, based_on: int, teams: Collection[str], why: str, actor: str, now: datetime
) -> RulesVersion:
    """Put a text in force as a new version, in the caller's transaction.

    ``based_on``: the number of the version that the person changed, 0 for none. ``teams``: the keys that exist.

    Raises:
        RulesFaultError: it is no valid document; names each line.
        ConflictError: another version came into force meanwhile, or nothing is different.
        UsageError: nobody said why.

    """
    text = text.replace("\r\n", "\n").rstrip() + "\n"
    read_document(text, teams)
    if not why.strip():
        raise UsageError(say("Give a reason."), hint=say("Give the reason in a sentence; it stays with the version."))
    before = version_in_force(session)
    number = before.id if before else 0
    if number != based_on:
        other = say("Version %(number)s came into force meanwhile.", number=number)
        if before:
            other = say(
                "Version %(number)s came into force meanwhile by %(actor)s at %(at)s UTC: %(why)s.",
                number=number,
                actor=before.actor,
                at=f"{before.at:%Y-%m-%d %H:%M}",
                why=before.why,
            )
        raise ConflictError(other, hint=say("Look at what it changed, and change that."))
    if (old := before.text if before else DEFAULT) == text:
        raise ConflictError(say("Nothing is different from the version in force."))
    made = RulesVersion(id=number + 1, at=now, actor=actor, why=" ".join(why.split()), text=text)
    session.add(made)
    try:
        session.flush()
    except IntegrityError as error:  # at the same moment, on PostgreSQL
        raise ConflictError(
            say("Version %(number)s came into force meanwhile.", number=number + 1), hint=say("Look at it first.")
        ) from error
    came, went = _changed(old, text)
    detail: dict[str, object] = {"before": number, "came": came, "went": went}
    audit(session, AuditAction.RULES_CHANGED, at=now, actor=actor, subject=f"rules:{made.id}", detail=detail)
    return made


def difference(before: str, after: str) -> list[str]:
    """The lines that differ, with three around each, as a unified difference without its head."""
    return list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3))[2:]


def _changed(before: str, after: str) -> tuple[int, int]:
    lines = difference(before, after)
    return sum(line.startswith("+") for line in lines), sum(line.startswith("-") for line in lines)


@lru_cache(maxsize=8)
def _read(number: int, text: str) -> RulesDocument:
    try:
        return read_document(text)
    except RulesFaultError as error:
        raise StorageError(
            say("Version %(number)s of the rules cannot be read: %(error)s", number=number, error=error),
            hint=say("Put a version in force that this one reads."),
        ) from error
