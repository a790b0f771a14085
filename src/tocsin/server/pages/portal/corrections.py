"""What an operator corrects of the own team: email addresses, networks, mutes, notification settings.

It holds at once where it takes something away, or concerns the own mailboxes and wishes; what is claimed beyond that
waits for proof and for a person here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.datastructures import FormData, QueryParams

from tocsin.delivery.never_held import IntakeFilter
from tocsin.directory import (
    BY_TEAM,
    HistoryEntry,
    PersonFact,
    PersonStatement,
    Team,
    acts,
    add_assertion,
    add_denial,
    read_team_history,
    say_of_team,
    withdraw_statement,
)
from tocsin.directory.claims import acts as claim_acts
from tocsin.directory.claims import read_claims
from tocsin.interface import Act, context_for, read_request
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.letters import queue_letter
from tocsin.node.sentences import say
from tocsin.pipeline.stores import NodeWithStores
from tocsin.server.pages.words import N_
from tocsin.server.security import text_of

DAYS: Final = (30, 90, 180, 365)
"""For how long something may be muted."""

_ACTS: Final = {act.name: act for act in (*acts.ACTS, *claim_acts.ACTS)}
_LETTER = """\
Hello,

{mailbox} is now an email address of {team}:
a person who is signed in for {team} added it. Notifications of {sender}
go there too.

If that is wrong, answer this mail, or remove the address at {link}

{sender}
{contact}
"""


@dataclass(frozen=True)
class CorrectionInput:
    """What a correction is made of: whose team, who says it, and the form that says it, or else its address."""

    node: NodeWithStores
    team: Team
    visitor: Principal
    form: FormData
    address: QueryParams
    now: datetime

    def text(self, name: str) -> str:
        """One field of the form."""
        return IntakeFilter(self.node, "portal").kept_text(text_of(self.form, name, self.address.get(name, "")).strip())

    def statement(self, kind: str, value: str, reason: str = "") -> PersonStatement:
        """A word of the visitor on something of the team."""
        return PersonStatement(self.team.key, kind, value, self.visitor.actor, reason)

    def perform(self, act: Act, **values: object) -> None:
        """Do an act with these values for the visitor."""
        act.perform(context_for(self.node, self.visitor, act, self.now), read_request(act, values))


@dataclass(frozen=True)
class Correction:
    """One thing that can be corrected, what it needs, and what is said when it is done (to be translated)."""

    permission: Permission
    do: Callable[[CorrectionInput], None]
    done: str


def denials_of(node: NodeWithStores, team: Team, visitor: Principal) -> list[HistoryEntry]:
    """What the visitor said is not the team's, and can take back."""
    said = read_team_history(node.database, team.key)
    return [
        entry for entry in said if entry.act == "denial" and entry.withdrawn is None and entry.said_by == visitor.actor
    ]


def add_mailbox(given: CorrectionInput) -> None:
    """Add an email address of the team; those that are known get a mail about it."""
    node, team = given.node, given.team
    said = given.statement("mailbox", given.text("mailbox"), BY_TEAM)
    spoken = add_assertion(node.database, said, actor=given.visitor.actor, now=given.now)
    if not spoken.changed:
        return
    own, link = node.settings.node, f"{node.settings.server.url}/portal/contacts"
    body = _LETTER.format(mailbox=spoken.value, team=team.name, sender=own.name, contact=own.contact, link=link)
    subject = f"{own.name}: an email address was added for {team.name}"
    with node.database.begin() as session:
        for mailbox in team.mailboxes:
            key = f"mailbox-added:{team.uuid}:{given.now.isoformat()}:{mailbox}"
            queue_letter(
                session, key=key, kind="mailbox-added", mailbox=mailbox, subject=subject, body=body, now=given.now
            )


def deny(given: CorrectionInput) -> None:
    """Say that something is not the team's; its last email address stays, else it could not be notified any more."""
    if given.text("kind") == "mailbox" and set(given.team.mailboxes) == {given.text("value").lower()}:
        raise UsageError(
            say("This is the last email address of the team."), hint=say("Add another one first, then remove this one.")
        )
    said = given.statement(given.text("kind"), given.text("value"), BY_TEAM)
    add_denial(given.node.database, said, actor=given.visitor.actor, now=given.now)


def undo(given: CorrectionInput) -> None:
    """Take one's word back."""
    said = given.statement(given.text("kind"), given.text("value"))
    withdraw_statement(given.node.database, said, actor=given.visitor.actor, now=given.now)


def claim(given: CorrectionInput) -> None:
    """Claim something for the team."""
    if given.text("at") not in given.team.mailboxes:
        raise UsageError(say("A claim needs an email address of the team."), hint=say("Choose one, or add one first."))
    value, mailbox = given.text("value"), given.text("at")
    number = value.upper().removeprefix("AS")
    if any(number == denial.value.upper() for denial in denials_of(given.node, given.team, given.visitor)):
        raise ConflictError(
            say("You removed %(value)s.", value=value),
            hint=say("Press Undo beside it."),
        )
    given.perform(_ACTS["make"], value=value, team=given.team.key, mailbox=mailbox)


def code(given: CorrectionInput) -> None:
    """Prove a claim by the code from a verification request."""
    number, database = given.text("claim"), given.node.database
    own = {str(made.number) for made in read_claims(database, given.now) if made.team == given.team.key}
    if number not in own:
        raise UsageError(say("There is no such claim."), hint=say("Load the page again."))
    given.perform(_ACTS["prove"], number=number, code=given.text("code"))


def add_mute(given: CorrectionInput) -> None:
    """Mute something for a time."""
    days = given.text("for_days")
    given.perform(
        _ACTS["mute"],
        team=given.team.key,
        kind=given.text("kind"),
        value=given.text("what"),
        days=days if days in {str(of) for of in DAYS} else DAYS[0],
        reason=" ".join(given.text("reason").split()),
    )


def end_mute(given: CorrectionInput) -> None:
    """Unmute it."""
    given.perform(_ACTS["unmute"], team=given.team.key, kind=given.text("kind"), value=given.text("value"))


def wish(given: CorrectionInput) -> None:
    """Keep the notification settings."""
    for name, field in (("interval", "interval"), ("formats", "format"), ("language", "mail_language")):
        word = PersonFact(name, (given.text(field),), given.visitor.actor)
        say_of_team(given.node.database, given.team.key, word, actor=given.visitor.actor, now=given.now)


CORRECTIONS: Final = {
    "mailbox": Correction(Permission.DIRECTORY_WRITE, add_mailbox, N_("The email address was added.")),
    "deny": Correction(Permission.DIRECTORY_WRITE, deny, N_("It was removed.")),
    "undo": Correction(Permission.DIRECTORY_WRITE, undo, N_("It was undone.")),
    "claim": Correction(Permission.CLAIMS_MAKE, claim, N_("The claim was made. Prove below that it is yours.")),
    "code": Correction(Permission.CLAIMS_MAKE, code, N_("The code is right. The claim waits for a decision.")),
    "mute": Correction(Permission.DIRECTORY_WRITE, add_mute, N_("It is muted. You get no notifications for it.")),
    "unmute": Correction(Permission.DIRECTORY_WRITE, end_mute, N_("It is no longer muted.")),
    "how": Correction(
        Permission.DIRECTORY_WRITE, wish, N_("The settings were saved. They hold from the next mail on.")
    ),
}
"""What can be corrected, by the last part of its address."""

UNDONE_BY: Final = {"deny": "undo"}
"""What undoes a correction of something that its form names by ``kind`` and ``value``."""
