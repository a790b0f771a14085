"""What is in force, in plain words; and the versions, each with what it changed."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.directory import team_keys
from tocsin.interface import Number, PageRouter, needs
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.words import N_
from tocsin.sharing.gate import FIELD_RULES, RULES
from tocsin.sharing.rules import (
    DEFAULT,
    RulesVersion,
    conditions,
    difference,
    effect,
    read_document,
    rules_version,
    version_in_force,
    versions,
)

_Reader = Annotated[Principal, needs(Permission.RULES_READ)]

TYPES = {"policy": N_("policy"), "agreement": N_("agreement"), "law": N_("law")}


def reading_pages(desk: PageContext) -> APIRouter:
    """The pages to read."""
    router = PageRouter()

    @router.get("/rules")
    def in_force(request: Request, _visitor: _Reader) -> Response:
        """What is in force."""
        with desk.node.database.reading() as session:
            found = version_in_force(session)
            names = names_of_actors(session, [found.actor] if found else [])
            keys = set(team_keys(session).values())
        document = read_document(found.text if found else DEFAULT)
        return desk.page(
            request,
            "rules/in_force.html",
            version=found,
            names=names,
            document=document,
            gone=sorted(document.named - keys),
            table=RULES,
            fields=FIELD_RULES,
            effect=effect,
            conditions=conditions,
            types=TYPES,
        )

    @router.get("/rules/versions")
    def all_versions(request: Request, _visitor: _Reader) -> Response:
        """The versions, newest first."""
        with desk.node.database.reading() as session:
            found = versions(session, limit=200)
            names = names_of_actors(session, (one.actor for one in found))
        return desk.page(request, "rules/versions.html", found=found, names=names)

    @router.get("/rules/versions/{number}")
    def one_version(request: Request, number: Number, _visitor: _Reader) -> Response:
        """One version, and what it changed."""
        with desk.node.database.reading() as session:
            found, last = rules_version(session, number), version_in_force(session)
            before = session.get(RulesVersion, number - 1)
            names = names_of_actors(session, [found.actor])
        changed = difference(before.text if before else DEFAULT, found.text)
        lines = found.text.splitlines()
        return desk.page(
            request,
            "rules/version.html",
            version=found,
            newest=last is not None and last.id == number,
            names=names,
            changed=changed,
            lines=lines,
        )

    return router
