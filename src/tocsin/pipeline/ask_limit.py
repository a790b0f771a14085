"""Asking a team, by mail, whether it may receive events that are above its maximum TLP."""

from typing import Annotated, Final, cast

from pydantic import BaseModel, Field

from tocsin.directory import read_team
from tocsin.interface import N_, Act, ActContext, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import NotFoundError
from tocsin.node.letters import queue_letter
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say
from tocsin.pipeline.accept_item import LATELY
from tocsin.pipeline.not_told import withheld
from tocsin.pipeline.stores import NodeWithStores
from tocsin.sharing.gate import read_tlp

_KIND: Final = "limit-asked"
_SUBJECT: Final = N_("%(sender)s: events that we may not send to %(team)s")
_BODY: Final = N_("""\
Hello,

%(events)s events of the last 24 hours about networks of %(team)s are marked TLP:%(label)s.
As far as we know, %(team)s wants nothing above TLP:%(limit)s, so we did not send them.

If you may receive events marked TLP:%(label)s, please confirm it by answering this mail.

%(sender)s
%(contact)s
""")


class LimitQuestion(BaseModel):
    """Which team is asked."""

    team: Annotated[str, Wording(lacking=N_("Name a team."))] = Field(
        min_length=1, max_length=200, title=N_("Team"), description="Key or UUID of a team.", examples=["operator"]
    )


class LettersQueued(BaseModel):
    """How many email addresses of a team are asked; 0: it was asked today."""

    team: str
    letters: int


def ask_limit(context: ActContext, request: LimitQuestion) -> LettersQueued:
    """One mail to each of its email addresses, in its language, at most once a day; its maximum TLP stays.

    Raises:
        NotFoundError: there is no such team, or its limit kept nothing from it in the last 24 hours.

    """
    node, now = cast("NodeWithStores", context.node), context.now
    team, _ = read_team(node.database, request.team)
    own = node.settings.node
    with node.database.begin() as session:
        kept = [one for one in withheld(session, now - LATELY, now) if one.team[0] == team.key and one.limit]
        if not kept:
            raise NotFoundError(say("Nothing is withheld by the maximum TLP of %(team)s.", team=team.name))
        values = {
            "team": team.name, "events": sum(one.events for one in kept), "limit": team.ceiling,
            "label": max((one.limit for one in kept), key=lambda label: read_tlp(label).rank),
            "sender": own.name, "contact": own.contact,
        }  # fmt: skip
        subject, body = (context.say(team.language, text, **values) for text in (_SUBJECT, _BODY))
        letters = sum(
            queue_letter(
                session, key=f"{_KIND}:{team.uuid}:{now:%Y-%m-%d}:{mailbox}", kind=_KIND, mailbox=mailbox,
                subject=subject, body=body, now=now,
            )
            for mailbox in team.mailboxes
        )  # fmt: skip
        detail: dict[str, object] = {"letters": letters, "label": values["label"]}
        audit(session, AuditAction.LIMIT_ASKED, subject=f"team:{team.uuid}", detail=detail, at=now, actor=context.actor)
    return LettersQueued(team=team.key, letters=letters)


ACTS: Final = (
    Act(
        "ask-limit", "Ask a team whether it may receive what is withheld by its maximum TLP", ask_limit, noun="team",
        permission=Permission.DIRECTORY_EDIT, audit=(AuditAction.LIMIT_ASKED,), command="directory ask-limit",
        route="/teams/{team}/ask-limit", page=OwnSurface("/today/withheld/ask"), arguments=("team",),
        told="{letters} email addresses of {team} are asked.",
    ),
)  # fmt: skip
"""What can be done about the limit of a team."""
