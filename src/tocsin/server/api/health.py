"""``/health``: whether the node works; to those who run it, each check."""

from typing import Annotated

from fastapi import APIRouter

from tocsin import __version__
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import StorageError
from tocsin.node.records import node_uuid
from tocsin.operations.doctor import examine
from tocsin.server.api.context import ApiContext
from tocsin.server.model import Health, HealthCheckOut

TAG = "health"


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""

    @router.get("/health", operation_id="readHealth", summary="Whether the node works")
    def health(visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)]) -> Health:
        """Answers `ok` to everybody while the records can be read and reports are taken in, else 503.

        With a token of an administrator, each check.
        """
        if counter.taker.dead:
            raise StorageError("Reports that are sent in are kept, but nobody takes them in: start the server again.")
        if not visitor.may(Permission.ADMIN_READ):
            node_uuid(counter.node.database)
            return Health(status="ok")
        findings = examine(counter.node.home)
        return Health(
            status="ok" if all(one.ok for one in findings) else "unwell",
            version=__version__,
            checks=[HealthCheckOut(**vars(one)) for one in findings],
        )
