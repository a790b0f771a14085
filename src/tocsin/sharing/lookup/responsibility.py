"""A guide that answers who must know for as long as a process lives, from all its threads."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from logging import getLogger
from threading import Lock, Thread
from typing import Final

from tocsin.directory import Team, directory_version, networks_inside, read_assertions_on, read_directory, read_team
from tocsin.networks import Networks
from tocsin.node.errors import NotFoundError, TocsinError
from tocsin.node.node import Node
from tocsin.sharing.gate import Marking, read_marking
from tocsin.sharing.lookup.explain import Explanation, explain_subject, known_of
from tocsin.sharing.lookup.subject import Subject, values_of
from tocsin.sharing.routing import Router, current_router
from tocsin.sharing.rules import Rules, rules_in_force

FRESH: Final = timedelta(minutes=1)
"""After this the router is opened anew, so that mutes end in time and newly loaded tables of networks are seen."""


@dataclass(frozen=True)
class _OpenRouter:
    """A router and tables as they were at one time. A router is not for several threads at once."""

    version: str
    at: datetime
    router: Router
    networks: Networks


class ResponsibilityLookup:
    """Answers who must know.

    The router stays open between questions. Where the directory has changed since, it is compiled anew in the
    background, which takes seconds for a large directory; until then the rules on the very thing that is asked about
    are read from the records, so that an answer is never old.
    """

    def __init__(self, node: Node, clock: Callable[[], datetime]) -> None:
        self._node, self._clock = node, clock
        self._opened: _OpenRouter | None = None
        self._using, self._renewing = Lock(), Lock()

    @property
    def opened(self) -> tuple[str, datetime] | None:
        """The version of the directory that the open router is of, and when it was opened; None before."""
        opened = self._opened
        return (opened.version, opened.at) if opened is not None else None

    def ask(self, subject: Subject, marking: Marking | None = None) -> Explanation:
        """Who would be told of it under a marking (none given: TLP:AMBER, PAP:AMBER), and why."""
        now, version = self._clock(), directory_version(self._node.database)
        opened = self._opened
        if opened is None or opened.version != version or now - opened.at > FRESH:
            self.renew()
        if opened is None or opened.version != version:
            return self._explain(subject, self._small(subject, now), Networks.open(self._node.home), marking)
        with self._using:
            return self._explain(subject, opened.router, opened.networks, marking)

    def renew(self) -> None:
        """Open the router of the directory as it stands now, in the background; at once, where one is at it."""
        if self._renewing.acquire(blocking=False):
            Thread(target=self._renew, name="router", daemon=True).start()

    def settle(self) -> None:
        """Wait until nothing is opened in the background any more."""
        with self._renewing:
            pass

    def _renew(self) -> None:
        try:
            database, now = self._node.database, self._clock()
            version = directory_version(database)
            router = current_router(self._node.compiled / "routing", version, lambda: read_directory(database), now=now)
            self._opened = _OpenRouter(version, now, router, Networks.open(self._node.home))
        except TocsinError as error:  # questions are answered without it, and the next one tries again
            getLogger("uvicorn.error").warning("The rules could not be compiled: %s", error)
        finally:
            self._renewing.release()

    def _small(self, subject: Subject, now: datetime) -> Router:
        """The router of only those rules that can hold the subject."""
        database = self._node.database
        values = values_of(subject, known_of(subject, Networks.open(self._node.home)))
        if subject.network:
            values["prefix"] = [*values["prefix"], *networks_inside(database, subject.network)]
        directory = read_assertions_on(database, values)
        known = {team.key for team in directory.teams}
        more = [team for key in self._rules().document.teams - known for team in self._team(key)]
        return Router.compile((*directory.rules, *directory.overruled), (*directory.teams, *more), now=now)

    def _rules(self) -> Rules:
        with self._node.database.reading() as session:
            return rules_in_force(session)

    def _team(self, key: str) -> list[Team]:
        """The team that a rule of the node names; none where it is not in the directory any more."""
        try:
            return [read_team(self._node.database, key)[0]]
        except NotFoundError:
            return []

    def _explain(self, subject: Subject, router: Router, networks: Networks, marking: Marking | None) -> Explanation:
        own = frozenset(self._node.settings.node.own_teams)
        marking = marking or read_marking("AMBER", "AMBER")
        return explain_subject(subject, networks, router, marking, own=own, rules=self._rules())
