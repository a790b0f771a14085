"""Every decision of who may do what: one table of roles, and one question about an object.

A role gives an act for everything (`ALL`), or for what belongs to the visitor's own teams (`OWN`), or not at all.
An API token gives what both its person's role and its own scopes give.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class AccountRole(StrEnum):
    """What a person is here for."""

    ADMINISTRATOR = "administrator"  # sets up the node and its people
    MANAGER = "manager"  # decides rules and conflicts, beside all that analysts do
    ANALYST = "analyst"  # works with reports, events and teams
    AUDITOR = "auditor"  # reads everything, changes nothing; the reading is on record
    OPERATOR = "operator"  # sees and answers for the networks of the own organisations
    ASSESSOR = "assessor"  # works on readiness assessments
    DELEGATE = "delegate"  # negotiates texts
    PROTECTION_OFFICER = "protection-officer"  # what must never be held: references, and the hotline
    NOBODY = "nobody"  # the public, without an account


class Permission(StrEnum):
    """What can be done through a door; each route names one."""

    PUBLIC_READ = "public.read"  # the pages for everybody: who helps me, directory, statistics
    PUBLIC_REPORT = "public.report"  # send a report, and read its answer with its secret
    LINK_USE = "link.use"  # whoever holds a link that was mailed: answers, confirmations
    SIGN_IN = "sign.in"  # prove who one is
    ACCOUNT_OWN = "account.own"  # the own password, devices, sessions and tokens
    ACTS_UNDO = "acts.undo"  # take back what one did a moment ago
    TODAY_READ = "today.read"
    TODAY_WORK = "today.work"  # take, assign and snooze to-do items; comment on anything
    EVENTS_READ = "events.read"
    EVENTS_EXPORT = "events.export"
    VIEWS_WRITE = "views.write"
    REPORTS_READ = "reports.read"
    REPORTS_WRITE = "reports.write"  # send reports in
    QUARANTINE_READ = "quarantine.read"
    QUARANTINE_MEND = "quarantine.mend"
    LOOKUP = "lookup"
    DIRECTORY_READ = "directory.read"
    DIRECTORY_WRITE = "directory.write"  # profiles, contacts, assertions
    DIRECTORY_SURVEY = "directory.survey"  # the whole of it: conflicts, claims, coverage, who said what when
    DIRECTORY_EDIT = "directory.edit"  # a person's word on any team, which no import overrules
    DIRECTORY_DECIDE = "directory.decide"  # conflicts, merges, claims
    CLAIMS_MAKE = "claims.make"
    DELIVERIES_READ = "deliveries.read"
    DELIVERIES_STEER = "deliveries.steer"  # release, hold, drop, send again
    RULES_READ = "rules.read"
    RULES_WRITE = "rules.write"
    PORTAL_READ = "portal.read"  # problems of the own networks
    PORTAL_WRITE = "portal.write"  # answer, mute, correct
    INBOX_READ = "inbox.read"  # what the public reported
    INBOX_WRITE = "inbox.write"
    INCIDENTS_READ = "incidents.read"  # those of the whole team; of restricted ones, those that name the person
    INCIDENTS_WRITE = "incidents.write"
    INCIDENTS_ENTER = "incidents.enter"  # let oneself into a restricted one for a day, with a reason; it is reviewed
    ASSETS_READ = "assets.read"  # the register of critical assets: of operators, their own
    ASSETS_WRITE = "assets.write"
    PARTNERS_READ = "partners.read"
    PARTNERS_WRITE = "partners.write"  # who a partner is, and which of its keys count
    READINESS_READ = "readiness.read"
    READINESS_WRITE = "readiness.write"
    NEVER_HELD_WORK = "never_held.work"  # references to what must never be held, which no other role sees
    CONTENT_PURGE = "content.purge"  # delete for good, unseen, what must not be here: whoever meets it does so at once
    DRAFTING_READ = "drafting.read"
    DRAFTING_WRITE = "drafting.write"
    AUDIT_READ = "audit.read"
    ADMIN_READ = "admin.read"
    ADMIN_WRITE = "admin.write"
    METRICS_READ = "metrics.read"


class Extent(StrEnum):
    """How far an act goes."""

    ALL = "all"
    OWN = "own"


OPEN: Final = (Permission.PUBLIC_READ, Permission.PUBLIC_REPORT, Permission.LINK_USE, Permission.SIGN_IN)
"""What everybody may do: it uses nothing that a session gives."""

UNFINISHED: Final = frozenset({*OPEN, Permission.ACCOUNT_OWN})
"""What somebody may do whose role needs a second factor, until it is set up."""

IN_API: Final = frozenset({
    Permission.ACTS_UNDO,
    Permission.TODAY_READ, Permission.TODAY_WORK,
    Permission.EVENTS_READ, Permission.EVENTS_EXPORT, Permission.REPORTS_READ, Permission.REPORTS_WRITE,
    Permission.QUARANTINE_READ, Permission.QUARANTINE_MEND,
    Permission.LOOKUP, Permission.DIRECTORY_READ, Permission.DIRECTORY_WRITE, Permission.DIRECTORY_EDIT,
    Permission.DIRECTORY_DECIDE, Permission.CLAIMS_MAKE,
    Permission.DELIVERIES_READ, Permission.DELIVERIES_STEER, Permission.PORTAL_WRITE, Permission.INBOX_READ,
    Permission.INBOX_WRITE, Permission.INCIDENTS_READ, Permission.INCIDENTS_WRITE,
    Permission.NEVER_HELD_WORK, Permission.CONTENT_PURGE,
    Permission.AUDIT_READ, Permission.ADMIN_READ, Permission.METRICS_READ,
})  # fmt: skip
"""What the API can be asked to do, beyond what is open: other acts are of no use to a program."""

_READING = (
    Permission.TODAY_READ, Permission.EVENTS_READ, Permission.REPORTS_READ, Permission.QUARANTINE_READ,
    Permission.LOOKUP, Permission.DIRECTORY_READ,
    Permission.DIRECTORY_SURVEY, Permission.DELIVERIES_READ, Permission.RULES_READ, Permission.INBOX_READ,
    Permission.INCIDENTS_READ, Permission.PARTNERS_READ, Permission.READINESS_READ, Permission.DRAFTING_READ,
)  # fmt: skip
_WORKING = (
    *_READING, Permission.TODAY_WORK, Permission.EVENTS_EXPORT, Permission.VIEWS_WRITE, Permission.REPORTS_WRITE,
    Permission.QUARANTINE_MEND, Permission.DIRECTORY_WRITE,
    Permission.DIRECTORY_EDIT, Permission.CLAIMS_MAKE, Permission.DELIVERIES_STEER, Permission.INBOX_WRITE,
    Permission.INCIDENTS_WRITE, Permission.CONTENT_PURGE, Permission.METRICS_READ,
)  # fmt: skip
_DECIDING = (
    *_WORKING,
    Permission.DIRECTORY_DECIDE,
    Permission.RULES_WRITE,
    Permission.PARTNERS_WRITE,
    Permission.AUDIT_READ,
    Permission.INCIDENTS_ENTER,
)

_ALL_OF: Final[dict[AccountRole, tuple[Permission, ...]]] = {
    AccountRole.ADMINISTRATOR: (
        *_DECIDING,
        Permission.ADMIN_READ,
        Permission.ADMIN_WRITE,
        Permission.READINESS_WRITE,
        Permission.DRAFTING_WRITE,
    ),
    AccountRole.MANAGER: (*_DECIDING, Permission.ADMIN_READ, Permission.ASSETS_READ, Permission.ASSETS_WRITE),
    AccountRole.ANALYST: (*_WORKING, Permission.ASSETS_READ),
    AccountRole.AUDITOR: (*_READING, Permission.AUDIT_READ, Permission.ADMIN_READ, Permission.METRICS_READ),
    AccountRole.OPERATOR: (),
    AccountRole.ASSESSOR: (Permission.READINESS_READ, Permission.READINESS_WRITE),
    AccountRole.DELEGATE: (Permission.DRAFTING_READ, Permission.DRAFTING_WRITE),
    AccountRole.PROTECTION_OFFICER: (Permission.NEVER_HELD_WORK, Permission.CONTENT_PURGE, Permission.TODAY_READ),
    AccountRole.NOBODY: (),
}
_OWN_OF: Final[dict[AccountRole, tuple[Permission, ...]]] = {
    AccountRole.OPERATOR: (
        Permission.PORTAL_READ, Permission.PORTAL_WRITE, Permission.EVENTS_READ, Permission.EVENTS_EXPORT,
        Permission.DELIVERIES_READ,
        Permission.DIRECTORY_READ, Permission.DIRECTORY_WRITE, Permission.CLAIMS_MAKE, Permission.LOOKUP,
        Permission.ASSETS_READ, Permission.ASSETS_WRITE,
    ),
}  # fmt: skip


_OWN_DOINGS: Final = (Permission.ACCOUNT_OWN, Permission.ACTS_UNDO)  # whoever has an account may


def extent(role: AccountRole, act: Permission) -> Extent | None:
    """How far a role may do an act; None: not at all."""
    if act in OPEN or act in _ALL_OF[role] or (act in _OWN_DOINGS and role is not AccountRole.NOBODY):
        return Extent.ALL
    return Extent.OWN if act in _OWN_OF.get(role, ()) else None


@dataclass(frozen=True)
class PermissionScope:
    """Which teams' things a visitor may reach with one act. ``teams``: numbers of teams, unused if ``everything``."""

    everything: bool
    teams: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return self.everything or bool(self.teams)

    def covers(self, teams: Iterable[int]) -> bool:
        """Whether a thing that belongs to these teams is within reach; what belongs to nobody only for everything."""
        return self.everything or not self.teams.isdisjoint(teams)


@dataclass(frozen=True)
class Principal:
    """Who asks: a person in one role, by a session or an API token; or nobody.

    ``person``: number of the person, None for nobody. ``teams``: numbers of the teams of the own organisations.
    ``scopes``: the acts that an API token is limited to; None: no token. ``session``: what forms of this visit are
    bound to; empty for nobody and for tokens. ``language``, ``theme``: as the person chose, or empty.
    """

    role: AccountRole = AccountRole.NOBODY
    person: int | None = None
    name: str = ""
    teams: frozenset[int] = frozenset()
    scopes: frozenset[Permission] | None = None
    session: str = ""
    language: str = ""
    theme: str = ""

    def may(self, act: Permission, teams: Iterable[int] | None = None) -> bool:
        """Whether the visitor may do this at all, or to the thing that belongs to ``teams``."""
        reach = self.reach(act)
        return bool(reach) if teams is None else reach.covers(teams)

    def reach(self, act: Permission) -> PermissionScope:
        """How far the visitor may do this."""
        if self.scopes is not None and act not in self.scopes and act not in OPEN:
            return PermissionScope(everything=False)
        match extent(self.role, act):
            case Extent.ALL:
                return PermissionScope(everything=True)
            case Extent.OWN:
                return PermissionScope(everything=False, teams=self.teams)
            case None:
                return PermissionScope(everything=False)

    @property
    def unfinished(self) -> bool:
        """Whether the visitor must set up a second factor before anything else."""
        return bool(self.session) and self.scopes is not None

    @property
    def actor(self) -> str:
        """How the audit log names the visitor: by number, never by name."""
        return "public" if self.person is None else f"person:{self.person}"


NOBODY: Final = Principal()
"""The public."""
