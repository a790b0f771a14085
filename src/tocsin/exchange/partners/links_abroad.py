"""Links abroad: with whom across borders the link was shown to work lately, by country."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from tocsin.directory.states import LinkProof
from tocsin.exchange.partners.models import Partner
from tocsin.exchange.partners.read import list_partners
from tocsin.exchange.partners.states import CHECK_DAYS, LinkState, last_proof


@dataclass(frozen=True)
class PartnerLink:
    """The link to a partner. ``live``: a receipt, a statement or a signed answer that was verified is recent enough.

    ``proof``: when the newest of them was; ``countries``: whose law the partner is under.
    """

    partner: Partner
    countries: tuple[str, ...]
    state: LinkState
    proof: datetime | None
    live: bool

    def abroad(self, own: str) -> bool:
        """Whether it leads out of our country; what has no country is not counted."""
        return bool(self.countries) and own not in self.countries


@dataclass(frozen=True)
class CountryLinks:
    """The links to partners in a country. ``proof``: the newest of them."""

    country: str
    links: tuple[PartnerLink, ...]

    @property
    def live(self) -> int:
        """How many of them count."""
        return sum(one.live for one in self.links)

    @property
    def proof(self) -> datetime | None:
        """When one of them was last shown to work."""
        return max((one.proof for one in self.links if one.proof), default=None)


def measured_links(session: Session, at: datetime, days: int = CHECK_DAYS) -> list[PartnerLink]:
    """The links to all partners at a time, by name. A link counts for ``days`` after its last proof.

    Never by a key alone, a membership, or a mail without a signature; and not while no confirmed key is valid or the
    newest check failed.
    """
    oldest, found = at - timedelta(days=days), list[PartnerLink]()
    for one in list_partners(session, at):
        checks = [check for check in one.checks if check.at <= at]
        proof = last_proof(one.partner, checks)
        works = one.state in {LinkState.WORKS, LinkState.CHECK_DUE} and proof is not None
        countries = tuple(filter(None, one.partner.countries.split(", ")))
        live = works and proof is not None and oldest < proof <= at
        found.append(PartnerLink(one.partner, countries, one.state, proof, live))
    return found


def by_country(links: Iterable[PartnerLink], own: str) -> list[CountryLinks]:
    """The links abroad by country, by code; a partner under the law of several is in each."""
    found = defaultdict[str, list[PartnerLink]](list)
    for one in links:
        for country in one.countries if one.abroad(own) else ():
            found[country].append(one)
    return [CountryLinks(country, tuple(those)) for country, those in sorted(found.items())]


def link_proofs(links: Iterable[PartnerLink]) -> list[LinkProof]:
    """What the rule on national CIRTs takes of them."""
    return [
        LinkProof(one.partner.team_id, one.partner.name, country, one.proof.date(), one.live)
        for one in links
        if one.proof is not None
        for country in one.countries
    ]
