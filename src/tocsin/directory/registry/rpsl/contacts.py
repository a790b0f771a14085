"""Who is to be told of an AS number or a network, by what its object and the objects that it names say.

The abuse contact is the first of these that leads to a mailbox:

1. ``abuse-c`` of the object itself;
2. ``abuse-c`` of its organisation, or of the organisation that this one belongs to;
3. ``abuse-mailbox`` of the object itself (before ``abuse-c`` there was nothing else);
4. ``abuse-mailbox`` of its organisation;
5. ``abuse-mailbox`` of the response teams that it names by ``mnt-irt``;
6. ``abuse-mailbox`` of its ``tech-c`` or ``admin-c``.

The security contact are the response teams that it names by ``mnt-irt``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from tocsin.directory.registry.rpsl.gather import HandleRegister

NO_ROLE: Final = "there is no such role or person in these files"
NO_MAILBOX: Final = "it has no abuse-mailbox"
NO_ORGANISATION: Final = "there is no such organisation in these files"
NO_TEAM: Final = "there is no such irt in these files"
CYCLE: Final = "the organisations that it belongs to name each other in a circle"
UNREADABLE: Final = "its mailbox cannot be read"


@dataclass(frozen=True, slots=True)
class RpslContact:
    """Whom to tell: the handle (or the mailbox itself) that abuse reports go to, and response teams; one may be empty.

    ``via`` says how it was found, ``organisation`` is the handle of the one that named it, or of the object's own.
    """

    abuse: str
    teams: tuple[str, ...]
    via: str
    organisation: str = ""

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        """What makes it a team of its own."""
        return self.abuse, self.teams


@dataclass(frozen=True, slots=True)
class Chain:
    """What an organisation leads to: a handle with a mailbox and how, or nothing and what is wrong."""

    handle: str = ""
    via: str = ""
    legacy: str = ""
    problems: tuple[tuple[str, str], ...] = ()


@dataclass
class Contacts:
    """Finds contacts in a register; what an organisation leads to is worked out once."""

    register: HandleRegister
    _chains: dict[str, Chain] = field(default_factory=dict)

    def find(
        self, org: str, abuse_c: str, mailboxes: str, irts: str, contacts: str
    ) -> tuple[RpslContact | None, list[tuple[str, str]]]:
        """The contact of an object that names these, if any, and what is wrong as ``(what, why)``.

        All handles are in upper case; several stand with blanks between.
        """
        problems: list[tuple[str, str]] = []
        handle, via = self._own(abuse_c, problems) if abuse_c else ("", "")
        chain = self.chain(org) if org else Chain()
        if not handle:
            handle, via = chain.handle, chain.via
            problems += chain.problems
        teams = tuple(sorted(self._teams(irts, problems))) if irts else ()
        if not handle:
            handle, via = self._legacy(chain, mailboxes, teams, contacts)
        if not handle and not teams:
            return None, problems
        abuse_of_team = via == "abuse-mailbox of its irt"
        return RpslContact("" if abuse_of_team else handle, teams, via or "mnt-irt", org), problems

    def chain(self, org: str) -> Chain:
        """What an organisation leads to."""
        found = self._chains.get(org)
        if found is None:
            found = self._chains[org] = self._follow(org)
        return found

    def _own(self, abuse_c: str, problems: list[tuple[str, str]]) -> tuple[str, str]:
        why = self._why_not(abuse_c)
        if why:
            problems.append((f"abuse-c {abuse_c}", why))
            return "", ""
        return abuse_c, "abuse-c"

    def _why_not(self, handle: str) -> str:
        """Why a handle leads to no mailbox, or an empty text."""
        mailboxes = self.register.mailboxes.get(handle)
        if mailboxes:
            return ""
        if handle in self.register.unreadable:
            return UNREADABLE
        return NO_ROLE if mailboxes is None else NO_MAILBOX

    def _follow(self, org: str) -> Chain:
        problems: list[tuple[str, str]] = []
        seen: list[str] = []
        legacy = ""
        while org:
            if org in seen:
                problems.append((f"org {org}", CYCLE))
                break
            seen.append(org)
            found = self.register.organisations.get(org)
            if found is None:
                problems.append((f"org {org}", NO_ORGANISATION))
                break
            legacy = legacy or (org if found.mailboxes else "")
            why = self._why_not(found.abuse_c) if found.abuse_c else ""
            if found.abuse_c and not why:
                return Chain(found.abuse_c, "abuse-c of its organisation", legacy, tuple(problems))
            if why:
                problems.append((f"org {org}, abuse-c {found.abuse_c}", why))
            elif org in self.register.unreadable:
                problems.append((f"org {org}", UNREADABLE))
            org = found.parent
        return Chain(legacy=legacy, problems=tuple(problems))

    def _teams(self, irts: str, problems: list[tuple[str, str]]) -> Iterator[str]:
        for name in irts.split():
            team = self.register.irts.get(name)
            if team is not None and (team.mailboxes or team.abuse):
                yield name
                continue
            known = UNREADABLE if name in self.register.unreadable else "it has no e-mail and no abuse-mailbox"
            problems.append((f"mnt-irt {name}", NO_TEAM if team is None else known))

    def _legacy(self, chain: Chain, mailboxes: str, teams: Iterable[str], contacts: str) -> tuple[str, str]:
        if mailboxes:
            return mailboxes, "abuse-mailbox"
        if chain.legacy:
            return chain.legacy, "abuse-mailbox of its organisation"
        if any(self.register.irts[name].abuse for name in teams):
            return "irt", "abuse-mailbox of its irt"
        for handle in contacts.split():
            if self.register.mailboxes.get(handle):
                return handle, "abuse-mailbox of its tech-c or admin-c"
        return "", ""

    def mailboxes(self, contact: RpslContact) -> Iterator[tuple[str, str]]:
        """Each mailbox of a contact with its purpose, ``abuse`` or ``security``."""
        register, named = self.register, contact.abuse
        if "@" in named:
            found: tuple[str, ...] = tuple(named.split())
        elif named in register.organisations:
            found = register.organisations[named].mailboxes
        else:
            found = register.mailboxes.get(named, ())
        yield from ((address, "abuse") for address in found)
        for team in (register.irts[name] for name in contact.teams):
            yield from ((address, "security") for address in team.mailboxes or team.abuse)
            if not contact.abuse:
                yield from ((address, "abuse") for address in team.abuse)
