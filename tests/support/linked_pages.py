"""The pages that mails lead to: how a digest is answered, and whether a mailbox is the right one."""

import re

import httpx

from support.world import World, link_of, send
from tocsin.directory.contacts.verification import verify_team

_OPERATOR, _SECTOR = "abuse@operator.example", "cert@banks.example"
_TOLD = ("192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.131")
_QUESTION = re.compile(r"^ {2}https://csirt\.example(/v/\S+)\s*$", re.MULTILINE)


def answer_paths(world: World, client: httpx.Client) -> dict[str, str]:
    """The pages of two digests by a name, one answered in part and one whole; and what a link to none leads to."""
    world.hear(*_TOLD)
    mails = world.tell()
    some, whole = link_of(mails[_OPERATOR]), link_of(mails[_SECTOR])
    recorded = send(client, some, "fixed", _TOLD[0], note="Patched, and the port is closed from outside.")
    send(client, some, "accepted", _TOLD[1], days="90")
    send(client, whole, "not_ours")
    return {
        "answer-in-part": some,
        "answer-whole": whole,
        "answer-all": f"{some}?state=all",
        "answer-found-nothing": f"{some}?find=nowhere",
        "answer-recorded": recorded.headers["location"],
        "answer-no-such-link": "/a/x",
    }


def verify_paths(world: World) -> dict[str, str]:
    """The questions to holders of mailboxes by a name: of a team with networks, and of one without."""
    return {f"verify-{team}": ask(world, team) for team in ("operator", "outsider")}


def ask(world: World, team: str) -> str:
    """Ask the mailbox of a team whether it is theirs; the path of the link."""
    world.tell()  # what else waits goes first: a mailbox then gets this letter alone
    verify_team(world.node, team, now=world.now)
    (path,) = [path for mail in world.tell().values() for path in _QUESTION.findall(mail.body)]
    return str(path)
