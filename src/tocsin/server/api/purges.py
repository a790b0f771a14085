"""``/purges``: one thing goes for good."""

from fastapi import APIRouter

from tocsin.operations.purge_act import ACTS
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext

TAG = "purges"


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    add_acts(router, counter, ACTS)
