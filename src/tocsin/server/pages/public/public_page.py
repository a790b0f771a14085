"""What public pages have in common: how long they may be kept, and a team as everybody sees it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response

from tocsin.directory import ChannelKind, ContactPurpose, FactKind, TeamKind
from tocsin.directory.profile import PublicKey, TeamProfile
from tocsin.interface import visitor_of
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.words import N_

FRESH: Final = "public, max-age=300"
_PERSONAL: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

KINDS: Final = {
    TeamKind.NATIONAL: N_("National %(csirt)s"),
    TeamKind.GOVERNMENTAL: N_("%(csirt)s of the government"),
    TeamKind.SECTORAL: N_("%(csirt)s of a sector"),
    TeamKind.REGIONAL: N_("Regional %(csirt)s"),
    TeamKind.PRODUCT: N_("Security team of a product"),
    TeamKind.OPERATOR: N_("Network operator"),
    TeamKind.ABUSE: N_("Abuse contact"),
    TeamKind.ORGANISATION: N_("Team of an organisation"),
    TeamKind.HELPLINE: N_("Helpline"),
    TeamKind.HOTLINE: N_("Hotline"),
    TeamKind.POLICE: N_("Police"),
    TeamKind.AUTHORITY: N_("Supervisor or ministry"),
}

PURPOSES: Final = {
    ContactPurpose.GENERAL: N_("for everything"),
    ContactPurpose.INCIDENT: N_("for incidents"),
    ContactPurpose.ABUSE: N_("for abuse"),
    ContactPurpose.SECURITY: N_("for security"),
    ContactPurpose.VULNERABILITY: N_("for flaws in products and pages"),
    ContactPurpose.EMERGENCY: N_("for emergencies"),
}

_WEB = (ChannelKind.FORM, ChannelKind.WEBSITE, ChannelKind.PROFILE)
_WEB_WORDS = {
    ChannelKind.FORM: N_("Report form"),
    ChannelKind.WEBSITE: N_("Website"),
    ChannelKind.PROFILE: N_("Profile"),
}


@dataclass(frozen=True)
class ContactCard:
    """How to reach a team.

    ``mailboxes``, ``phones``: with words for what they are for, or empty; ``pages``: words and address.
    """

    mailboxes: tuple[tuple[str, str], ...]
    phones: tuple[tuple[str, str], ...]
    pages: tuple[tuple[str, str], ...]
    hours: tuple[str, ...]
    timezone: str
    languages: tuple[str, ...]
    keys: tuple[PublicKey, ...]

    def __bool__(self) -> bool:
        return bool(self.mailboxes or self.phones or self.pages)


def card_of(profile: TeamProfile) -> ContactCard:
    """The ways to reach a team that its public profile names."""
    values = {kind: tuple(fact.value for fact in profile.facts if fact.kind is kind) for kind in FactKind}
    return ContactCard(
        mailboxes=tuple((box, _purpose(purpose)) for box, purpose in profile.mailboxes),
        phones=tuple((value, said) for kind, value, said in _channels(profile) if kind is ChannelKind.PHONE),
        pages=tuple((_WEB_WORDS[of], value) for of in _WEB for kind, value, _ in _channels(profile) if kind is of),
        hours=values[FactKind.HOURS],
        timezone=profile.timezone if values[FactKind.HOURS] else "",
        languages=values[FactKind.LANGUAGE],
        keys=profile.keys,
    )


def show(
    desk: PageContext, request: Request, template: str, *, keep: bool = True, status: int = 200, **context: Any
) -> Response:
    """A public page; ``keep``: the same for everybody who speaks a language, so browsers and proxies may keep it."""
    shared: dict[str, Any] = {
        "kinds": KINDS,
        "signing_in": request.app.state.signing_in,
        "helplines": desk.node.settings.node.helplines,
    }
    response = desk.page(request, template, status=status, **shared, **context)
    if status == 200 and keep and visitor_of(request).person is None:
        response.headers["Cache-Control"] = FRESH
        response.headers["X-Robots-Tag"] = "all"
    return response


def show_personal(desk: PageContext, request: Request, template: str, **context: Any) -> Response:
    """A page that others should not learn of: kept nowhere, told to no other site, and left in a hurry if need be."""
    response = show(desk, request, template, keep=False, exit_page=desk.node.settings.node.exit_page, **context)
    response.headers.update(_PERSONAL)
    return response


def _channels(profile: TeamProfile) -> Iterator[tuple[ChannelKind, str, str]]:
    for fact in profile.facts:
        if fact.kind is FactKind.CHANNEL:
            yield ChannelKind(fact.get("kind")), fact.value, _purpose(fact.get("purpose"))


def _purpose(word: str) -> str:
    return PURPOSES[ContactPurpose(word)] if word and word != ContactPurpose.GENERAL else ""
