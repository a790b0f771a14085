"""Drafting on pages: the texts, each provision with what was proposed, and where agreement is."""

from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.drafting.agreement import agreement, stakeholders, tally
from tocsin.drafting.draft import TextState, words_for
from tocsin.drafting.history import replayed
from tocsin.drafting.markdown import markdown
from tocsin.drafting.pages import pages
from tocsin.drafting.store import load, stored_texts
from tocsin.interface import N_, NotHereError, PageMaker, PageRouter, needs
from tocsin.node.accounts import Permission, Principal

_Reader = Annotated[Principal, needs(Permission.DRAFTING_READ)]
STANDINGS: Final = {"stable": N_("stable"), "contested": N_("contested"), "unknown": N_("unknown")}
"""How a provision stands, as the pages say it."""


def drafting_pages(maker: PageMaker) -> APIRouter:
    """The routes of drafting."""
    router, database = PageRouter(prefix="/drafting"), maker.node.database

    def draft_of(name: str) -> TextState:
        return replayed(load(database, name).steps)

    @router.get("")
    def texts(request: Request, _visitor: _Reader) -> Response:
        """Every text that is here."""
        return maker.page(request, "drafting/list.html", texts=stored_texts(database))

    @router.get("/{name}")
    def text(request: Request, _visitor: _Reader, name: str, page: int = 1) -> Response:
        """A page of one text: its provisions, how each stands, and how many proposals there are."""
        draft = draft_of(name)
        parts = pages(draft)
        if not 1 <= page <= max(len(parts), 1):
            raise NotHereError
        rows = {row.provision.id: row for row in agreement(draft)}
        shown = [rows[one] for one in (parts[page - 1] if parts else ()) if one in rows]
        counts = {standing: sum(row.standing == standing for row in rows.values()) for standing in STANDINGS}
        return maker.page(
            request,
            "drafting/text.html",
            name=name,
            draft=draft,
            rows=shown,
            counts=counts,
            standings=STANDINGS,
            page=page,
            pages=len(parts),
        )

    @router.get("/{name}/provisions/{provision}")
    def one(request: Request, _visitor: _Reader, name: str, provision: str) -> Response:
        """One provision: its words, each proposal, and the positions taken."""
        draft = draft_of(name)
        if provision not in draft.provisions:
            raise NotHereError
        row = next((row for row in agreement(draft) if row.provision.id == provision), None)
        return maker.page(
            request,
            "drafting/provision.html",
            name=name,
            draft=draft,
            provision=draft.provisions[provision],
            row=row,
            standings=STANDINGS,
            tally=tally(row, stakeholders(draft)) if row else {},
            entries=[(entry, words_for(entry, provision)) for entry in draft.entries_on(provision)],
            positions=draft.positions_on(provision),
        )

    @router.get("/{name}/text.md")
    def as_markdown(_visitor: _Reader, name: str) -> Response:
        """The text with all that was proposed, as Markdown."""
        content = markdown(draft_of(name))
        headers = {"Content-Disposition": 'attachment; filename="text.md"'}
        return Response(content, media_type="text/markdown; charset=utf-8", headers=headers)

    return router
