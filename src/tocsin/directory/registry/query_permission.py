"""Before a third party is asked about something: the marking of what made us ask must allow it."""

from typing import Protocol

from tocsin.node.errors import WithheldError


class QueryPermission(Protocol):
    """Whether something may be done, and the words of the rule that says so (a verdict of the gate)."""

    @property
    def allowed(self) -> bool:
        """Yes or no."""

    @property
    def words(self) -> str:
        """The rule."""


def ask_first(permission: QueryPermission, what: str) -> None:
    """Do nothing if asking about ``what`` is allowed.

    Raises:
        WithheldError: it is not.

    """
    if not permission.allowed:
        raise WithheldError(
            f"Nobody was asked about {what}: {permission.words}", hint="Ask only where the PAP label allows lookups."
        )
