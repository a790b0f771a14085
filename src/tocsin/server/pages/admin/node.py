"""The health of the node, and its settings as they are in force."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.settings import Settings
from tocsin.operations.doctor import examine
from tocsin.operations.health_finding import HealthKind
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.words import N_

_SECRETS: Final = ("password", "secret", "token", "database")
"""Words in the names of settings whose values no page shows: they may hold a secret."""

PAGES: Final = {
    "directory": "/teams", "deliveries": "/deliveries?show=trouble", "sending": "/deliveries/sending",
    "mails to review": "/today/mails", "feeds": "/reports/feeds", "machines": "/admin/machines",
    "collectors": "/reports/collectors", "interrupted ingests": "/reports", "keys of teams": "/today/keys",
    "help texts for the public": "/reports/help-texts", "security.txt": "/admin/settings",
    "signatures inside encrypted mails": "/today/mails",
}  # fmt: skip
"""Where what a check found is dealt with."""

_KINDS: Final = {
    HealthKind.OK: (N_("OK"), "good"),
    HealthKind.TO_DO: (N_("To do"), "busy"),
    HealthKind.FAILED: (N_("Failed"), "wrong"),
}
_Reader = Annotated[Principal, needs(Permission.ADMIN_READ)]


@dataclass(frozen=True)
class Setting:
    """One setting as it is in force. ``changed``: it is not the one that Tocsin comes with."""

    name: str
    value: str
    changed: bool
    about: str


def node_pages(desk: PageContext) -> APIRouter:
    """The routes of health and settings."""
    router = PageRouter()

    @router.get("/admin")
    def health(request: Request, _visitor: _Reader) -> Response:
        """What the doctor finds."""
        findings = examine(desk.node.home, desk.now)
        of = {kind: [one for one in findings if one.kind is kind] for kind in HealthKind}
        return desk.page(
            request, "admin/health.html", findings=[*of[HealthKind.FAILED], *of[HealthKind.TO_DO], *of[HealthKind.OK]],
            wrong=len(of[HealthKind.FAILED]), to_do=len(of[HealthKind.TO_DO]), pages=PAGES, kinds=_KINDS,
        )  # fmt: skip

    @router.get("/admin/settings")
    def settings(request: Request, _visitor: _Reader) -> Response:
        """What is set, and where it is changed."""
        sections = list(shown_settings(desk.node.settings))
        changed = sum(one.changed for _, shown in sections for one in shown)
        return desk.page(request, "admin/settings.html", sections=sections, changed=changed)

    return router


def shown_settings(settings: Settings) -> Iterator[tuple[str, list[Setting]]]:
    """The sections of the settings with what is in force; secrets are only said to be set."""
    for section in Settings.model_fields:
        given = getattr(settings, section)
        if isinstance(given, BaseModel):
            yield section, [_setting(given, section, name) for name in type(given).model_fields]
        else:
            yield (
                section,
                [Setting(f"{section}.{name}", str(of.get("kind", "")), True, "") for name, of in given.items()],
            )


def _setting(given: BaseModel, section: str, name: str) -> Setting:
    value, field = getattr(given, name), type(given).model_fields[name]
    changed = value != field.get_default(call_default_factory=True)
    hidden = changed and any(word in name for word in _SECRETS)
    return Setting(f"{section}.{name}", "(set)" if hidden else _text(value), changed, field.description or "")


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
