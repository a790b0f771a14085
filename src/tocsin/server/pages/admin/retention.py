"""How long things are kept, and copies of the whole node."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import UsageError
from tocsin.node.sentences import say
from tocsin.operations.backup import make_backup
from tocsin.operations.backup_reading import backups_in
from tocsin.operations.retention import apply_retention
from tocsin.server.pages.context import PageContext

_Reader = Annotated[Principal, needs(Permission.ADMIN_READ)]
_Writer = Annotated[Principal, needs(Permission.ADMIN_WRITE)]


@dataclass(frozen=True)
class RetentionPeriod:
    """One kind of thing, and for how many days it is kept."""

    name: str
    days: int
    about: str


def keeping_pages(desk: PageContext) -> APIRouter:
    """The routes of retention and backups."""
    router, node = PageRouter(prefix="/admin/keeping"), desk.node

    @router.get("")
    def keeping(request: Request, _visitor: _Reader, done: str = "") -> Response:
        """What is kept for how long, and the copies there are."""
        retention = node.settings.retention
        kept = [
            RetentionPeriod(name, getattr(retention, name), field.description or "")
            for name, field in type(retention).model_fields.items()
        ]
        folder = node.settings.storage.backups
        copies = backups_in(Path(folder)) if folder else []
        return desk.page(request, "admin/keeping.html", kept=kept, folder=folder, copies=copies, done=done)

    @router.post("/retention")
    def run_retention(visitor: _Writer) -> Response:
        """Delete now what is older than the settings allow."""
        apply_retention(node, now=desk.now, actor=visitor.actor)
        return desk.go("/admin/keeping?done=retention")

    @router.post("/backup")
    def back_up(visitor: _Writer) -> Response:
        """Copy the whole node into a new folder beside the others."""
        folder = node.settings.storage.backups
        if not folder:
            raise UsageError(
                say("No folder for backups is set."), hint=say("Set [storage] backups and restart the server.")
            )
        make_backup(node, Path(folder) / _name(desk.now), now=desk.now, actor=visitor.actor)
        return desk.go("/admin/keeping?done=backup")

    return router


def _name(now: datetime) -> str:
    return f"{now:%Y-%m-%d-%H%M%S}"
