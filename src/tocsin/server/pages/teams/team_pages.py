"""The pages of one team: about it with its open problems, its notifications, its history, its RFC 2350 profile."""

from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from tocsin.directory import RuleKind, TeamRecord, in_hours, judge_trust, merged_teams, read_team_history, weigh
from tocsin.directory.contacts import contact_states, terms_of
from tocsin.directory.keys import judge_for, team_keys
from tocsin.directory.profile import current_profile, profile_text
from tocsin.interface import PageRouter
from tocsin.node.accounts import Permission, Principal, note_read
from tocsin.problems import team_figures
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.problems import NOTIFICATIONS
from tocsin.server.pages.teams.access import Reader, Surveyor, called, seen_team
from tocsin.server.pages.words import N_

_FEW = 200  # assertions of a kind on one page
_ENTRIES = 200
_PROBLEMS = 20
_NOTICES: Final = {
    "said": N_("Saved. Contact lookups use it at once."),
    "asked": N_("Verification requests are queued: they are sent with the next delivery."),
    "nobody": N_("No verification request was needed: all email addresses are verified or were asked lately."),
    "key": N_("Key added. Check its fingerprint with the team by another way than mail."),
    "archived": N_("Team archived: no event is routed to it. Its history stays."),
    "restored": N_("Team restored: events are routed to it again."),
}


def team_pages(desk: PageContext) -> APIRouter:
    """The pages that show a team."""
    router = PageRouter()

    @router.get("/teams/{key}")
    def team(request: Request, visitor: Reader, key: str, find: str = "", done: str = "") -> Response:
        """Who a team is, how to reach it, what it answers for, and who says so."""
        about = seen_team(desk, visitor, key)
        if about.team.key != key:  # a former key, or its UUID
            return desk.go(f"/teams/{about.team.key}")
        note_read(desk.node.database, visitor, f"team:{about.team.uuid}", now=desk.now)
        shown = about_team(desk, visitor, about, find.strip()[:100])
        return desk.page(request, "teams/team.html", **shown, find=find.strip()[:100], done=done)

    @router.get("/teams/{key}/told")
    def told(request: Request, visitor: Reader, key: str) -> Response:
        """The latest notifications of a team, and how fast it answers."""
        about = seen_team(desk, visitor, key)
        with desk.node.database.reading() as session:
            merged = merged_teams(session)
            numbers = [about.team.id, *(other for other, into in merged.items() if into == about.team.id)]
            figures = team_figures(session, desk.node.store, numbers, now=desk.now)
        whole = visitor.reach(Permission.DIRECTORY_READ).everything
        shown: dict[str, Any] = {"team": about.team, "figures": figures, "whole": whole}
        return desk.page(request, "teams/told.html", **shown)

    @router.get("/teams/{key}/history")
    def history(request: Request, visitor: Surveyor, key: str) -> Response:
        """All statements about a team, the latest first."""
        about = seen_team(desk, visitor, key)
        entries = read_team_history(desk.node.database, about.team.key)[::-1]
        shown: dict[str, Any] = {
            "team": about.team,
            "entries": entries[:_ENTRIES],
            "number": len(entries),
            "called": called(desk, (key for one in entries[:_ENTRIES] for key in one.teams)),
            "whole": True,
        }
        return desk.page(request, "teams/history.html", **shown)

    @router.get("/teams/{key}/profile")
    def profile(request: Request, visitor: Surveyor, key: str) -> Response:
        """The profile as RFC 2350 outlines it."""
        about = seen_team(desk, visitor, key)
        found = current_profile(desk.node.database, about.team.key, now=desk.now).profile
        shown: dict[str, Any] = {"team": about.team, "profile": found, "text": profile_text(found), "whole": True}
        return desk.page(request, "teams/profile.html", **shown)

    @router.get("/teams/{key}/profile.txt")
    def profile_file(visitor: Surveyor, key: str) -> Response:
        """The same as a file."""
        about = seen_team(desk, visitor, key)
        found = current_profile(desk.node.database, about.team.key, now=desk.now).profile
        name = f"attachment; filename={about.team.key}-rfc2350.txt"
        return PlainTextResponse(profile_text(found), headers={"Content-Disposition": name})

    return router


def about_team(desk: PageContext, visitor: Principal, about: TeamRecord, find: str) -> dict[str, Any]:
    """What the page of a team shows; ``find``: only assertions with this text."""
    now, settings = desk.now, desk.node.settings
    with desk.node.database.reading() as session:
        contacts = contact_states(session, now, terms_of(settings), teams=[about.team.id])
    keys = team_keys(desk.node.database, [about.team.id])
    hours = [fact.value for fact in about.facts if fact.kind == "hours"]
    rules = [rule for rule in (*about.rules, *about.rules_overruled) if find.lower() in rule.value.lower()]
    by_kind = {kind: [rule for rule in rules if rule.kind is kind] for kind in RuleKind}
    return {
        "team": about.team,
        "about": about,
        "contacts": contacts,
        "boxes": [(box, about.purpose(box)) for box in about.mailboxes],
        "keys": [(key, judge_for(key, about.team.mailboxes, now)) for key in keys],
        "rules": [(kind, of[:_FEW], len(of)) for kind, of in by_kind.items() if of],
        "there_now": in_hours(hours, about.team.timezone, now) if hours else None,
        "vouching": weigh(about.facts, now.date()),
        "trust": judge_trust(about.facts, settings.directory.needs, now.date()),
        "problems": desk.node.problems.open_of(about.team.key, now=now, limit=_PROBLEMS),
        "notifications": NOTIFICATIONS,
        "archived": about.archived,
        "notices": _NOTICES,
        "related_to": _related(visitor, about),
        "whole": visitor.reach(Permission.DIRECTORY_READ).everything,
    }


def _related(visitor: Principal, about: TeamRecord) -> list[tuple[str, str]]:
    """Where else things of this team are: addresses, and their names in English."""
    key = quote(about.team.key, safe="")
    found = [(f"/events?team={key}", N_("Events"), Permission.EVENTS_READ)]
    found += [(f"/deliveries?team={key}", N_("Notifications"), Permission.DELIVERIES_READ)]
    if about.team.country:
        found.append((f"/coverage/{about.team.country}", N_("Coverage"), Permission.DIRECTORY_SURVEY))
    if rule := next((rule for rule in about.rules if rule.kind is not RuleKind.COUNTRY), None):
        value = f"AS{rule.value}" if rule.kind is RuleKind.ASN else rule.value
        found.append((f"/lookup?q={quote(value)}", N_("Contact lookup"), Permission.LOOKUP))
    return [(path, name) for path, name, act in found if visitor.may(act)]
