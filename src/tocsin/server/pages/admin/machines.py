"""The machines over one PostgreSQL: whether each is at work, how old its tables are, and who takes reports in."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.directory import directory_version
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.operations.machines import ACTS, MachineStatus, list_machines
from tocsin.operations.worker import CHORE_NAMES
from tocsin.pipeline.term import writer_state
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext
from tocsin.server.security import Form

_REMOVE: Final = ACTS[0]


def machine_pages(desk: PageContext) -> APIRouter:
    """The list of machines, and the form that removes one that is gone."""
    router, database = PageRouter(prefix="/admin/machines"), desk.node.database
    desk.template_values["several_machines"] = lambda: len(list_machines(database)) > 1

    @router.get("")
    def machines(
        request: Request, _visitor: Annotated[Principal, needs(Permission.ADMIN_READ)], done: str = ""
    ) -> Response:
        """All machines, by name."""
        return _list(desk, request, done=done)

    @router.post("")
    def remove(request: Request, visitor: Annotated[Principal, needs(_REMOVE.permission)], form: Form) -> Response:
        """Remove one, or say why not."""
        try:
            perform(desk, visitor, _REMOVE, form)
        except (ConflictError, NotFoundError) as error:
            return _list(desk, request, status=422, error=error)
        return desk.go("/admin/machines?done=removed")

    return router


def _list(
    desk: PageContext, request: Request, *, status: int = 200, done: str = "", error: Exception | None = None
) -> Response:
    found, version = list_machines(desk.node.database), directory_version(desk.node.database)
    rules = {one.name: _rules_of(one, version) for one in found}
    return desk.page(
        request, "admin/machines.html", status=status, machines=found, rules=rules, done=done, error=error,
        gone=[one for one in found if one.gone], writer=writer_state(desk.node.database), chores=CHORE_NAMES,
    )  # fmt: skip


def _rules_of(machine: MachineStatus, version: str) -> tuple[datetime | None, bool]:
    """When the rules that a machine works with were compiled, None: not yet; and whether they are those of now."""
    at = machine.tables.get("rules_at")
    return (datetime.fromisoformat(at) if at else None), machine.tables.get("rules") == version
