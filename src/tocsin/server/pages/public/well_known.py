"""What programs ask any server for: where to report flaws in it, our key, what to list, an icon."""

from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from tocsin.delivery.sealing import OpenPgpKey, judge_own, read_own_keys
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import NotFoundError, TocsinError
from tocsin.pipeline.stores import NodeWithStores
from tocsin.server.pages.context import PageContext, static_path
from tocsin.server.pages.public.public_page import FRESH

PLACE: Final = "/.well-known/security.txt"
KEY_PLACE: Final = "/.well-known/openpgp.asc"

_EXPIRES_DAYS = 180  # RFC 9116, 2.5.5, recommends less than a year
_ROBOTS = """User-agent: *
Allow: /$
Allow: /help
Allow: /find$
Allow: /directory
Allow: /statistics
Allow: /report$
Allow: /static/
Allow: /.well-known/
Disallow: /
"""


def well_known(desk: PageContext) -> APIRouter:
    """The answers at well-known places."""
    router = PageRouter()

    @router.get("/.well-known/security.txt")
    @router.get("/security.txt")
    def security(_visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)]) -> Response:
        """Where flaws in this very service are reported (RFC 9116)."""
        text = security_txt(desk.node, desk.languages, now=desk.now)
        return PlainTextResponse(text, headers={"Cache-Control": FRESH})

    @router.get("/.well-known/openpgp.asc")
    def key(_visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)]) -> Response:
        """Our OpenPGP key, armored."""
        found = _openpgp(desk.node, desk.now)
        if found is None:
            raise NotFoundError("This node has no OpenPGP key.")
        return Response(found.public, media_type="application/pgp-keys", headers={"Cache-Control": FRESH})

    @router.get("/robots.txt")
    def robots(_visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)]) -> Response:
        """What search engines may list (RFC 9309): the pages for everybody."""
        return PlainTextResponse(_ROBOTS, headers={"Cache-Control": FRESH})

    @router.get("/favicon.ico")
    def icon(_visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)]) -> Response:
        """The bell."""
        return desk.go(static_path("bell.svg"))

    return router


def security_txt(node: NodeWithStores, languages: list[str], *, now: datetime) -> str:
    """The node's own security.txt, in the order in which RFC 9116 describes the fields."""
    server = node.settings.server
    expires = (now + timedelta(days=_EXPIRES_DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)
    public = server.url if server.url.startswith("https://") else ""
    key = _openpgp(node, now)
    fields = [
        ("Contact", f"mailto:{node.settings.node.contact}"),
        ("Contact", f"{public}/report" if public else ""),
        ("Expires", f"{expires:%Y-%m-%dT%H:%M:%SZ}"),
        ("Encryption", f"{public}{KEY_PLACE}" if key and public else ""),
        ("Encryption", f"openpgp4fpr:{key.facts.fingerprint.upper()}" if key else ""),
        ("Preferred-Languages", ", ".join(tag.replace("_", "-") for tag in languages)),
        ("Canonical", f"{public}{PLACE}" if public else ""),
        ("Policy", server.policy_url),
    ]
    return "".join(f"{name}: {value}\n" for name, value in fields if value)


def _openpgp(node: NodeWithStores, now: datetime) -> OpenPgpKey | None:
    """Our key, where it is here and good; what is wrong with it is not for everybody."""
    try:
        key = read_own_keys(node.home, node.settings.mail).openpgp
    except TocsinError:
        return None
    return key if key is not None and judge_own(key.facts, now).good else None
