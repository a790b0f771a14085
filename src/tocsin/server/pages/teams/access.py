"""Which team a visitor means, if it is within reach; and a word on it, with what is said where it cannot be taken."""

from collections.abc import Callable, Iterable
from typing import Annotated, TypeAlias

from tocsin.directory import TeamRecord, merged_teams, names_by_key, read_about
from tocsin.interface import NotHereError, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, InputError, NotFoundError, RemoteError, TocsinError, UsageError
from tocsin.node.sentences import join_sentences, say
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.words import names_command

Reader: TypeAlias = Annotated[Principal, needs(Permission.DIRECTORY_READ)]
Asker: TypeAlias = Annotated[Principal, needs(Permission.LOOKUP)]
Surveyor: TypeAlias = Annotated[Principal, needs(Permission.DIRECTORY_SURVEY)]
Editor: TypeAlias = Annotated[Principal, needs(Permission.DIRECTORY_EDIT)]
Decider: TypeAlias = Annotated[Principal, needs(Permission.DIRECTORY_DECIDE)]


def seen_team(
    desk: PageContext, visitor: Principal, key: str, act: Permission = Permission.DIRECTORY_READ
) -> TeamRecord:
    """A team and all that is known of it.

    Raises:
        NotFoundError: there is no such team.
        NotHereError: it is not one of the visitor's.

    """
    about, reach = read_about(desk.node.database, key), visitor.reach(act)
    if not reach.everything:
        with desk.node.database.reading() as session:
            merged = merged_teams(session)
        if about.team.id not in {merged.get(team, team) for team in reach.teams}:
            raise NotHereError
    return about


def fault_of(desk: PageContext, act: Callable[[], object]) -> str:
    """Do what a person said; what is wrong with it, or empty. The rules are compiled anew in the background."""
    try:
        act()
    except (UsageError, InputError, ConflictError, NotFoundError, RemoteError) as error:
        return _sentence(error)
    desk.guide.renew()
    return ""


def _sentence(error: TocsinError) -> str:
    """The message and the hint; commands are left out."""
    hint = [] if names_command(error.hint) else [error.hint]
    return join_sentences("\n", filter(None, [str(error), *hint]))


def called(desk: PageContext, keys: Iterable[str]) -> dict[str, str]:
    """The names of teams by key, for what a page lists."""
    with desk.node.database.reading() as session:
        return names_by_key(session, set(keys))


def name_of(visitor: Principal) -> str:
    """Whose word it is, as the directory names it."""
    return visitor.name or visitor.actor


def one_line(text: str) -> str:
    """What was typed, on one line."""
    return " ".join(text.split())


def plain(wrong: str) -> str:
    """What is wrong, in the words of the form instead of those of the command line."""
    return say("Choose a team.") if wrong.startswith("Say either --for") else wrong
