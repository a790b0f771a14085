"""Texts that come in as files, and leave in every form: also as a copy that travels, and comes back."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import Response

from tocsin.drafting.bundle import MergePreview, copied, is_bundle, read_bundle, write_bundle
from tocsin.drafting.exports import TextForm, written_as
from tocsin.drafting.parse import read_text
from tocsin.drafting.store import add_copy, add_text, source_of, stored_texts, take_in
from tocsin.drafting.web.record import TextPages
from tocsin.interface import N_, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, InputError

_Reader = Annotated[Principal, needs(Permission.DRAFTING_READ)]
_Administrator = Annotated[Principal, needs(Permission.ADMIN_WRITE)]
COPY: Final = "copy"
FORMS: Final = {
    TextForm.DOCX: N_("Word, with changes tracked"),
    TextForm.DOCX_COMPILATION: N_("Word, each proposal by itself"),
    TextForm.CLEAN: N_("Clean text"),
    TextForm.BRACKETED: N_("Text with brackets"),
    TextForm.SIDE_BY_SIDE: N_("Side by side"),
    TextForm.COMPILATION: N_("Compilation"),
    TextForm.HTML: N_("Web page"),
    TextForm.MARKDOWN: N_("Markdown"),
    TextForm.JSON: N_("JSON"),
    TextForm.AKN: N_("Akoma Ntoso (XML)"),
    COPY: N_("Copy to work on elsewhere"),
}
"""What the forms are called in which a text can be downloaded."""
_ENDINGS: Final = {
    TextForm.DOCX: ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    TextForm.DOCX_COMPILATION: ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    TextForm.HTML: ("html", "text/html; charset=utf-8"),
    TextForm.MARKDOWN: ("md", "text/markdown; charset=utf-8"),
    TextForm.JSON: ("json", "application/json"),
    TextForm.AKN: ("xml", "application/xml"),
    COPY: ("json", "application/json"),
}
_MOST_BYTES: Final = 32_000_000  # what is not filtered yet stays in memory; the command takes more
_TEXT: Final = ("txt", "text/plain; charset=utf-8")


def add_file_pages(router: APIRouter, pages: TextPages) -> None:
    """The routes."""
    maker = pages.maker
    database = maker.node.database

    @router.get("/import")
    def ask(request: Request, _visitor: _Administrator) -> Response:
        """The form for a file."""
        return maker.page(request, "drafting/import.html", error=None, merged=None)

    @router.post("/import", max_body_size=_MOST_BYTES)
    def bring(
        request: Request,
        visitor: _Administrator,
        file: Annotated[UploadFile, File()],
        name: Annotated[str, Form()] = "",
    ) -> Response:
        """Read a text, or a copy of one; what is new in a copy of a text that is here joins it."""
        data, called = maker.kept(file.file.read(), "drafting"), " ".join(name.split()) or None
        try:
            if is_bundle(data):
                stored, source = read_bundle(data)
                if any(identity == stored.id for *_, identity in stored_texts(database)):
                    merged = take_in(database, stored, actor=visitor.actor, at=maker.now)
                    return _merged(pages, request, merged, stored.id)
                stored = copied(stored, called)
                add_copy(database, stored, source, actor=visitor.actor, at=maker.now)
            else:
                text = read_text(data, file.filename or "text.txt")
                by = {"actor": visitor.name, "account": visitor.actor}
                stored, _ = add_text(database, text, data, at=maker.now, name=called, **by)
        except (ConflictError, InputError) as error:
            return maker.page(request, "drafting/import.html", status=422, error=error, merged=None)
        return maker.go(f"{pages.open(stored.id, visitor).path}")

    @router.get("/{name}/export")
    def export(visitor: _Reader, name: str, form: TextForm | Literal["copy"]) -> Response:
        """The text in one of its forms."""
        stored = pages.open(name, visitor).stored
        source = source_of(database, stored.id)
        content = write_bundle(stored, source) if form == COPY else written_as(stored, TextForm(form), source)
        ending, media = _ENDINGS.get(form, _TEXT)
        headers = {"Content-Disposition": f'attachment; filename="text-{form}.{ending}"'}
        return Response(content, media_type=media, headers=headers)


def _merged(pages: TextPages, request: Request, merged: MergePreview, identity: str) -> Response:
    title = merged.draft.text.title
    return pages.maker.page(request, "drafting/import.html", error=None, merged=merged, title_of=title, path=identity)
