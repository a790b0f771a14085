"""Frameworks: those that come along and those on record, a version with its criteria, and a version of one's own."""

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from tocsin.interface import N_, Form, PageMaker
from tocsin.node.errors import InputError
from tocsin.node.sentences import say
from tocsin.readiness.assessment import (
    Framework,
    bundled,
    bundled_framework,
    bundled_text,
    get_version,
    list_versions,
    parse_framework,
    responsible,
)
from tocsin.readiness.web.form import NONE, FormFailure, perform
from tocsin.readiness.web.visitors import Assessor, Reader

STATES: Final = {"published": N_("Published"), "draft": N_("Draft"), "bundled": N_("Comes with Tocsin")}
"""Each state of a version, as pages say it."""

_IMPORT: Final = "importFrameworkVersion"


@dataclass(frozen=True)
class KnownVersion:
    """A version on record, or one that comes with Tocsin. ``unassigned``: how many criteria nobody answers for."""

    framework: str
    version: str
    title: str
    state: str
    unassigned: int = 0


def known_versions(maker: PageMaker) -> list[KnownVersion]:
    """All of them: on record, then those that only come along."""
    with maker.node.database.reading() as session:
        held = [
            KnownVersion(
                one.framework,
                one.version,
                one.title,
                "published" if one.published_at else "draft",
                len(one.unassigned),
            )
            for one in list_versions(session)
        ]
    known = {(one.framework, one.version) for one in held}
    others = [one for one in bundled().values() if (one.id, one.version) not in known]
    return held + [KnownVersion(one.id, one.version, one.title, "bundled") for one in others]


def add_framework_pages(router: APIRouter, maker: PageMaker) -> None:
    """The list of frameworks, and a version."""

    @router.get("/frameworks")
    def frameworks(request: Request, _visitor: Reader) -> Response:
        """All versions, and the form for one of one's own."""
        return _list(maker, request)

    @router.post("/frameworks")
    def take_in(request: Request, visitor: Assessor, form: Form) -> Response:
        """Take a version in as a draft."""
        try:
            framework = _framework(form.get("file"))
        except InputError as error:
            return _list(maker, request, FormFailure(_IMPORT, form, error=error))
        path = f"/readiness/frameworks/{framework.id}/{framework.version}"
        done = perform(maker, visitor, _IMPORT, form, path, framework=framework)
        return done if isinstance(done, Response) else _list(maker, request, done)

    @router.get("/frameworks/{name}.toml")
    def copy(_visitor: Reader, name: str) -> Response:
        """The file of a framework that comes along, to make a version of one's own of it."""
        headers = {"Content-Disposition": f'attachment; filename="{bundled_framework(name).id}.toml"'}
        return Response(bundled_text(name), media_type="application/toml", headers=headers)

    @router.get("/frameworks/{framework}/{version}")
    def one(request: Request, _visitor: Reader, framework: str, version: str) -> Response:
        """The criteria of a version, and who answers for each."""
        return _one(maker, request, framework, version)

    @router.post("/frameworks/{framework}/{version}/assign")
    def assign(request: Request, visitor: Assessor, framework: str, version: str, form: Form) -> Response:
        """Say who answers for criteria."""
        return _do(maker, request, visitor, form, operation="assignCriteria", of=(framework, version))

    @router.post("/frameworks/{framework}/{version}/publish")
    def publish(request: Request, visitor: Assessor, framework: str, version: str, form: Form) -> Response:
        """Publish a version."""
        return _do(maker, request, visitor, form, operation="publishVersion", of=(framework, version))


def _framework(file: object) -> Framework:
    if not isinstance(file, UploadFile) or not file.filename:
        raise InputError(say("Choose a file."))
    name = file.filename
    try:
        return parse_framework(file.file.read().decode("utf-8"), name)
    except UnicodeDecodeError as error:
        raise InputError(say("%(file)s is not UTF-8.", file=name), hint=say("Save the file as UTF-8.")) from error


def _do(
    maker: PageMaker, request: Request, visitor: Assessor, form: Form, *, operation: str, of: tuple[str, str]
) -> Response:
    path = f"/readiness/frameworks/{of[0]}/{of[1]}"
    done = perform(maker, visitor, operation, form, path, framework=of[0], version=of[1])
    return done if isinstance(done, Response) else _one(maker, request, *of, done)


def _list(maker: PageMaker, request: Request, refused: FormFailure = NONE) -> Response:
    return maker.page(
        request,
        "readiness/frameworks.html",
        status=refused.status,
        failed=refused,
        of=_IMPORT,
        versions=known_versions(maker),
        states=STATES,
        bundled=list(bundled().values()),
    )


def _one(maker: PageMaker, request: Request, framework: str, version: str, refused: FormFailure = NONE) -> Response:
    with maker.node.database.reading() as session:
        row, found = get_version(session, framework, version)
        people = responsible(session, row.id)
    return maker.page(
        request,
        "readiness/framework.html",
        status=refused.status,
        failed=refused,
        row=row,
        framework=found,
        people=people,
        missing=[one.id for _, one in found.indicators() if one.id not in people],
    )
