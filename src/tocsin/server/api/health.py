"""``/health``: whether the node works; to those who run it, each check."""

from typing import Annotated

from fastapi import APIRouter

from tocsin import __version__
from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import StorageError
from tocsin.operations.doctor import examine
from tocsin.operations.writing_check import WritingCheck
from tocsin.server.api.context import ApiContext
from tocsin.server.api.failures import problem
from tocsin.server.model import Health, HealthCheckOut

TAG = "health"


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    writing = WritingCheck(counter.node)

    @router.get("/health", operation_id="readHealth", summary="Whether the node works")
    def health(visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)]) -> Health:
        """Answers `ok` to everybody while records can be read and written and reports are taken in, else 503.

        The answer names what is wrong. With a token of an administrator, each check.
        """
        if counter.taker.dead:
            raise StorageError("Reports that are sent in are kept, but nobody takes them in: start the server again.")
        if not visitor.may(Permission.ADMIN_READ):
            if wrong := writing.why_failing():
                return problem(503, wrong, headers={"Retry-After": "30"})  # type: ignore[return-value]
            return Health(status="ok")
        findings = examine(counter.node.home, counter.now)
        return Health(
            status="ok" if all(one.ok for one in findings) else "unwell",
            version=__version__,
            checks=[HealthCheckOut(**vars(one)) for one in findings],
        )
