"""``/undo``: what was done a moment ago is taken back."""

from fastapi import APIRouter

from tocsin.interface import undo_act
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext

TAG = "undo"


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""
    add_acts(router, counter, undo_act.ACTS)
