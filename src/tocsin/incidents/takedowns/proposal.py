"""Whom to write to so that content goes away, from the directory and the tables of networks alone.

Nobody outside is asked: what these do not know, a person looks up (`outside`), where the marking allows it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from tocsin.directory import ResponsibilityRole, RuleKind, Team, TeamKind
from tocsin.directory.registry import RdapAnswer, kept_answer
from tocsin.incidents.observables import extract_observables, host_of, registered_domain
from tocsin.incidents.states import ObservableKind
from tocsin.incidents.takedowns.states import TakedownRole
from tocsin.interface import ActContext
from tocsin.networks import NetworkLookup, Networks, country_names, parse_address
from tocsin.node.sentences import say
from tocsin.sharing.lookup import Subject, decide_each, open_router
from tocsin.sharing.routing import RoutingDecision, RuleMatch

KINDS: Final = (ObservableKind.URL, ObservableKind.DOMAIN, ObservableKind.IP)
"""What can be taken down."""


@dataclass(frozen=True, slots=True)
class TakedownTarget:
    """What shall be taken down. ``address``: where it is hosted, empty where that is not known."""

    kind: ObservableKind
    value: str
    address: str = ""

    @property
    def name(self) -> str:
        """Its domain name; empty where it has none."""
        host = host_of(self.kind, self.value)
        return "" if parse_address(host) else host

    @property
    def registered(self) -> str:
        """The domain that somebody registered."""
        return registered_domain(self.name) if self.name else ""

    @property
    def subject(self) -> Subject:
        """What the directory is asked."""
        country = "" if self.address else self.name.rpartition(".")[2].upper()
        address = parse_address(self.address) if self.address else None
        known = country if country in country_names() else None
        return Subject(self.value, address=address, domain=self.name or None, country=known)


@dataclass(frozen=True, slots=True)
class ProposedRecipient:
    """Somebody who can take it down. ``reason``: a sentence; ``team``: its number in the directory."""

    role: TakedownRole
    name: str
    mailbox: str
    reason: str
    team: int | None = None
    language: str = ""


def read_targets(text: str) -> tuple[list[TakedownTarget], list[str]]:
    """What a text names, each once; and the lines without any. A line with a name and an address says where it is."""
    targets: dict[tuple[ObservableKind, str], TakedownTarget] = {}
    unread = []
    for line in text.splitlines():
        found = [one for one in extract_observables(line).found if one.kind in KINDS]
        named = [one for one in found if one.kind is not ObservableKind.IP]
        addresses = [one.value for one in found if one.kind is ObservableKind.IP]
        where = addresses[0] if len(named) == len(addresses) == 1 else ""
        for one in named if where else found:
            target = target_of(one.kind, one.value, where)
            if where or (one.kind, one.value) not in targets:
                targets[one.kind, one.value] = target
        if not found and line.strip():
            unread.append(line.strip())
    return [*targets.values()], unread


def target_of(kind: str, value: str, address: str = "") -> TakedownTarget:
    """A target; where its host is an address, that is where it is."""
    host = host_of(kind, value)
    return TakedownTarget(ObservableKind(kind), value, address or (host if parse_address(host) else ""))


@dataclass(frozen=True)
class KnownContacts:
    """What recipients are chosen from. ``own``: keys of our own teams, which we do not write to.

    ``lists``: keys of teams that keep lists for browsers; ``registrars``: what registries said of domains before.
    """

    teams: Mapping[int, Team]
    own: frozenset[str]
    lists: Sequence[str]
    registrars: Mapping[str, RdapAnswer]

    def recipients(
        self, target: TakedownTarget, facts: NetworkLookup, decision: RoutingDecision
    ) -> list[ProposedRecipient]:
        """Who can take a target down, in the order in which they are asked; each team once."""
        found = [*self._network(target, facts, decision), *self._registrar(target)]
        found += [*self._csirt(target, facts, decision), *self._lists()]
        order, seen = [*TakedownRole], set[str]()
        chosen = []
        for one in sorted(found, key=lambda one: order.index(one.role)):
            if one.mailbox not in seen:
                seen.add(one.mailbox)
                chosen.append(one)
        return chosen

    def _network(
        self, target: TakedownTarget, facts: NetworkLookup, decision: RoutingDecision
    ) -> Iterable[ProposedRecipient]:
        """The host: who answers for the network, else for the AS, else for the name; then the AS above it."""
        matches = [one for one in (*decision.matches, *decision.passed_over) if self._may_write(one)]
        levels = (RuleKind.PREFIX, RuleKind.ASN) if target.address else (RuleKind.DOMAIN,)
        of_level = [next((one for one in matches if one.level is level), None) for level in levels]
        roles = iter((TakedownRole.HOST, TakedownRole.UPSTREAM))
        for match in filter(None, of_level):
            if match.level is RuleKind.ASN and (facts.prefix or target.address):
                reason = say(
                    "Announces %(network)s as AS%(asn)s", network=facts.prefix or target.address, asn=match.value
                )
            else:
                reason = say("Responsible for %(value)s, source: %(source)s", value=match.value, source=match.source)
            yield self._team(next(roles), self.teams[match.team_id], reason)

    def _registrar(self, target: TakedownTarget) -> Iterable[ProposedRecipient]:
        known = self.registrars.get(target.registered)
        mailbox = next((box for one in known.contacts for box in one.mailboxes), "") if known else ""
        if known and mailbox:
            reason = say("Registrar of %(domain)s, source: RDAP", domain=target.registered)
            yield ProposedRecipient(TakedownRole.REGISTRAR, known.holder or mailbox, mailbox, reason)

    def _csirt(
        self, target: TakedownTarget, facts: NetworkLookup, decision: RoutingDecision
    ) -> Iterable[ProposedRecipient]:
        """The national CSIRT of where it is hosted, else of the top-level domain."""
        country = facts.country or target.subject.country or ""
        matches = (*decision.matches, *decision.passed_over)
        by_rule = (self.teams[one.team_id] for one in matches if one.level is RuleKind.COUNTRY and self._may_write(one))
        if (team := next(by_rule, self._national.get(country))) is not None:
            yield self._team(TakedownRole.CSIRT, team, say("CSIRT of %(country)s", country=country))

    @cached_property
    def _national(self) -> Mapping[str, Team]:
        """A national team of each country."""
        national = (one for one in self.teams.values() if one.kind is TeamKind.NATIONAL and self._has_address(one))
        return {one.country: one for one in national if one.country}

    def _lists(self) -> Iterable[ProposedRecipient]:
        for team in self._listing:
            yield self._team(TakedownRole.BROWSER_LIST, team, say("Keeps a list that browsers warn by"))

    @cached_property
    def _listing(self) -> list[Team]:
        return [one for one in self.teams.values() if one.key in self.lists and one.mailboxes]

    def _may_write(self, match: RuleMatch) -> bool:
        return match.role is ResponsibilityRole.RESPONSIBLE and self._has_address(self.teams[match.team_id])

    def _has_address(self, team: Team) -> bool:
        return bool(team.mailboxes) and team.key not in self.own

    def _team(self, role: TakedownRole, team: Team, reason: str) -> ProposedRecipient:
        return ProposedRecipient(role, team.name, team.mailboxes[0], reason, team.id, team.language)


def proposals(context: ActContext, targets: Sequence[TakedownTarget]) -> list[list[ProposedRecipient]]:
    """For each target who can take it down, as this node knows it."""
    node, settings = context.node, context.node.settings
    router, networks = open_router(node, context.now), Networks.open(node.home)
    domains = {one.registered for one in targets} - {""}
    answers = {domain: found[0] for domain in domains if (found := kept_answer(node.database, domain))}
    known = KnownContacts(router.teams, frozenset(settings.node.own_teams), settings.takedowns.browser_lists, answers)
    decided = decide_each([one.subject for one in targets], router, networks)
    return [known.recipients(one, *of) for one, of in zip(targets, decided, strict=True)]
