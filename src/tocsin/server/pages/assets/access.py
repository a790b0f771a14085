"""Who may enter the register."""

from typing import Annotated, Final

from tocsin.interface import NotHereError, SecondFactorError, needs
from tocsin.node.accounts import AccountRole, Permission, PermissionScope, Principal, has_second_factor
from tocsin.server.pages.context import PageContext

PLACE: Final = "/assets"
READER = Annotated[Principal, needs(Permission.ASSETS_READ)]
OWNER = Annotated[Principal, needs(Permission.ASSETS_WRITE)]
ANALYST = Annotated[Principal, needs(Permission.ASSETS_READ, everything=True)]
KEEPER = Annotated[Principal, needs(Permission.ASSETS_WRITE, everything=True)]


def admitted(desk: PageContext, visitor: Principal) -> PermissionScope:
    """What of the register the visitor reads.

    Raises:
        NotHereError: there is none.
        SecondFactorError: an operator signed in with a password alone.

    """
    if not desk.node.settings.assets.enabled:
        raise NotHereError
    reach = visitor.reach(Permission.ASSETS_READ)
    if not (reach.everything or has_factors(desk, visitor)):
        raise SecondFactorError
    return reach


def has_factors(desk: PageContext, visitor: Principal) -> bool:
    """Whether the visitor signs in with two factors: the role must, or a device makes codes."""
    if visitor.role in set(map(AccountRole, desk.node.settings.accounts.second_factor)):
        return True  # else the visit would be `unfinished`
    with desk.node.database.reading() as session:
        return visitor.person is not None and has_second_factor(session, visitor.person)
