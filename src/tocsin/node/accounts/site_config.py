"""What accounts need to know of their node, and the letters that they send."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tocsin.node.accounts.permissions import AccountRole
from tocsin.node.settings import Settings
from tocsin.node.tokens import Tokens

Say = Callable[..., str]
"""Gives a text in somebody's language: ``say("Hello %(name)s", name=…)``."""


def in_english(text: str, **values: object) -> str:
    """The text as it stands."""
    return text % values


@dataclass(frozen=True)
class SiteConfig:
    """A node as its people know it.

    ``url``: where its pages are, may be empty. ``strict``: the roles that need two factors. ``leaked``: the file of
    passwords that nobody may take.
    """

    name: str
    contact: str
    url: str
    strict: frozenset[AccountRole]
    tokens: Tokens
    say: Say = in_english
    leaked: Path | None = None

    def link(self, path: str) -> str:
        """The address of a page; only its path where the node does not know its own."""
        return f"{self.url}{path}"


def site_config_of(settings: Settings, tokens: Tokens, say: Say = in_english) -> SiteConfig:
    """What the settings of a node say; ``say``: the language of its letters."""
    return SiteConfig(
        name=settings.node.name,
        contact=settings.node.contact,
        url=settings.server.url,
        strict=frozenset(map(AccountRole, settings.accounts.second_factor)),
        tokens=tokens,
        say=say,
        leaked=Path(leaked).expanduser() if (leaked := settings.accounts.leaked_passwords) else None,
    )
