"""What is done to the feeds of a home: a mapping file is saved or taken back, a feed is added, rests, or is removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.events import list_path
from tocsin.events.sources import Feed, KnownFeed, sources
from tocsin.interface import N_, Absence, Act, ActContext, NoUndo, OwnSurface, RequestError, Reverse, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError, NotFoundError, TocsinError, UsageError
from tocsin.node.files import write_whole
from tocsin.node.paths import HomeFolder
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say
from tocsin.node.setting_faults import problem_of
from tocsin.pipeline.collectors import (
    SECRET,
    FeedCollector,
    collector_path,
    feed_collector,
    kind_of,
    node_collectors,
    standings,
    would_take,
)
from tocsin.pipeline.feed_files import MAPPED, SERVED, earlier_path, feed_files, mapping_path
from tocsin.pipeline.stores import NodeWithStores

CODE: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$"
MOST_LETTERS: Final = 100_000
"""Of a mapping file."""

FeedCode = Annotated[
    str,
    Wording(
        lacking=N_("The name of a feed has A to Z, 0 to 9, '-', '_' and '.' only."),
        hint=N_("A to Z, 0 to 9, '-', '_' and '.': events name their feed by it."),
    ),
    Field(pattern=CODE, title=N_("Name"), description="The name of the feed, and of its file.", examples=["urlhaus"]),
]
_OneEach = Annotated[list[str], Wording(lines=True)]


class FeedName(BaseModel):
    """Which feed."""

    feed: FeedCode


class MappingText(BaseModel):
    """A mapping file."""

    feed: FeedCode
    text: Annotated[str, Wording(lacking=N_("The mapping is empty."), lines=True)] = Field(
        min_length=1, max_length=MOST_LETTERS, title=N_("Mapping file"),
        description="The mapping file, as docs/sources.md describes it.",
    )  # fmt: skip


class FeedAccess(BaseModel):
    """How a feed comes here: from its address, by mail, or from a TAXII server or MISP, which need no mapping file."""

    feed: FeedCode
    url: str = Field("", max_length=2_000, title=N_("Address"), description="Its address, if not the catalogue's.")
    user: str = Field("", max_length=200, title=N_("User name"), description="The user name, where one is asked for.")
    secret: Annotated[str, Wording(hint=N_("Only where one is needed."))] = Field(
        "", max_length=4_000, title=N_("Key or password"), description="The key or password."
    )
    header: str = Field(
        "", max_length=100, pattern="^[A-Za-z0-9-]*$", title=N_("Header that takes the key"),
        description="The header that takes the key.",
    )  # fmt: skip
    mail_server: Annotated[str, Wording(hint=N_("If it comes by mail: the IMAP server of the mail account."))] = Field(
        "", max_length=253, title=N_("Mail server"), description="The IMAP server whose inbox holds it."
    )
    kind: Annotated[Literal["", "taxii", "misp"], Wording(choices={"taxii": "TAXII 2.1", "misp": "MISP"})] = Field(
        "", title=N_("Type"), description="What its address is, if no file."
    )
    collections: Annotated[
        _OneEach, Wording(hint=N_("Of a TAXII server: ids or titles, one a line. Empty: all that can be read."))
    ] = Field([], max_length=100, title=N_("Collections"), description="Ids or titles of a TAXII server's; empty: all.")
    networks: _OneEach = Field(
        [], max_length=100, title=N_("Private networks"),
        description="Where a TAXII server or MISP may be, if not public.",
    )  # fmt: skip


class FeedSetup(BaseModel):
    """A feed of this node: its collector, and whether it is paused."""

    feed: str
    collector: str = ""
    paused: bool = False


def save_feed(context: ActContext, request: MappingText) -> FeedSetup:
    """It is checked first; the file of that name before it is kept, so that it can be restored.

    Raises:
        UsageError: it is no mapping file; says line and column.

    """
    text = IntakeFilter(context.node, "mapping").kept_text(request.text)
    path = mapping_path(context.node.home, request.feed)
    before = path.read_bytes() if path.is_file() else b""
    content = (text.replace("\r\n", "\n").rstrip() + "\n").encode()
    check_mapping(request.feed, content)
    if content != before:
        with context.database.begin() as session:
            _note(context, session, AuditAction.FEED_DESCRIBED, request.feed, bytes=len(content))
            write_whole(earlier_path(context.node.home, request.feed), before)
            write_whole(path, content)
    return FeedSetup(feed=request.feed)


def check_mapping(feed: str, content: bytes) -> None:
    """Read a mapping file without putting it among the feeds.

    Raises:
        MappingError: it cannot be used.

    """
    with TemporaryDirectory() as folder:
        (Path(folder) / f"{feed}.toml").write_bytes(content)
        sources(Path(folder))[MAPPED].feed(feed)


def restore_feed(context: ActContext, request: FeedName) -> FeedSetup:
    """Done twice, it is as before.

    Raises:
        NotFoundError: it was never changed here.

    """
    path = mapping_path(context.node.home, request.feed)
    earlier = earlier_path(context.node.home, request.feed)
    if not earlier.is_file():
        raise NotFoundError(say("No earlier version of the mapping file of '%(feed)s'.", feed=request.feed))
    with context.database.begin() as session:
        now, before = path.read_bytes() if path.is_file() else b"", earlier.read_bytes()
        _note(context, session, AuditAction.FEED_DESCRIBED, request.feed, bytes=len(before))
        write_whole(earlier, now)
        if before:
            write_whole(path, before)
        else:
            path.unlink(missing_ok=True)
    return FeedSetup(feed=request.feed)


def add_feed(context: ActContext, request: FeedAccess) -> FeedSetup:
    """Its collector is made with it, and fetches it from now on. Added again, it is set up anew.

    Raises:
        NotFoundError: neither the catalogue nor this home has a mapping for it, and it is no server.
        ConflictError: the settings have a collector of that name, or it is a server and the name is that of a mapping.
        UsageError: it needs a key or an address, or what is said of it does not work.

    """
    home, feed = context.node.home, request.feed
    found = feed_files(home, feed)
    known = found.known if found else KnownFeed(Feed(SERVED, feed, feed))
    if request.kind and found and found.mapped:
        raise ConflictError(say("'%(feed)s' is the name of a mapping file. Take another one.", feed=feed))
    if not request.kind and not (found and found.mapped):
        raise NotFoundError(
            say("There is no feed '%(feed)s'.", feed=feed),
            hint=say("'tocsin feeds list --known' lists the catalogue; 'tocsin feeds try' helps with a new one."),
        )
    if feed in context.node.settings.collect:
        raise ConflictError(say("tocsin.toml has a collector '%(feed)s' already.", feed=feed))
    url = request.url or ("" if request.mail_server else known.url)
    if known.access == "key" and not request.secret:
        raise UsageError(say("This feed needs a key."), hint=say("Its provider gives you one: %(url)s", url=url))
    if not (url or request.mail_server):
        raise UsageError(say("Give the address of this feed, or the mail server that receives it."))
    table: dict[str, object] = {"feed": feed, **_way(request, url, known)}
    secret = home / HomeFolder.FEEDS / f"{feed}{SECRET}"
    if request.secret:
        table["secret_file"] = str(secret.relative_to(home))
    collector = FeedCollector(feed, table)
    kind = _checked(collector)
    with context.database.begin() as session:
        _note(context, session, AuditAction.FEED_ADDED, feed, collector=kind)
        if request.secret:
            write_whole(secret, f"{request.secret}\n".encode())
        write_whole(collector_path(home, feed), collector.text().encode())
    return FeedSetup(feed=feed, collector=kind)


@dataclass(frozen=True)
class DryRun:
    """What the collector of a feed would take: names of reports; or why it would fail."""

    names: Sequence[str] = ()
    error: str = ""


def look_ahead(node: NodeWithStores, feed: str, now: datetime) -> DryRun:
    """Let the collector of a feed look, and change nothing, here or there."""
    try:
        settings = node_collectors(node)[feed]
        [standing] = standings(node.database, {feed: settings})
        offers = would_take(node, standing, clock=lambda: now)
        return DryRun([one.name for offer in offers for one in offer.items])
    except KeyError:
        return DryRun(error=say("No collector runs for '%(feed)s'.", feed=feed))
    except TocsinError as error:
        return DryRun(error=f"{error} {error.hint}".strip())


def _checked(collector: FeedCollector) -> str:
    """Its kind.

    Raises:
        RequestError: something that was said does not work; names it.

    """
    kind = str(collector.table["kind"])
    try:
        kind_of(kind).settings.model_validate(collector.table)
    except ValidationError as error:
        wrong = error.errors()[0]
        name = str(wrong["loc"][0]).removesuffix("_file") if wrong["loc"] else "url"
        said = say("'%(field)s' does not work: %(problem)s.", field=name, problem=problem_of(wrong))
        if name == "url":
            said = say("Give an address that begins with https://, without a user name in it.")
        raise RequestError([(name, said)], "") from error
    return kind


def _way(request: FeedAccess, url: str, known: KnownFeed) -> dict[str, object]:
    if request.kind:
        more = {name: getattr(request, name) for name in ("user", "collections", "networks")}
        return {"kind": request.kind, "url": url, **{name: value for name, value in more.items() if value}}
    header = request.header or known.header
    mapped = {"source": MAPPED, "every": f"{max(15, 30 * (known.feed.cadence_hours or 24))}m"}
    if request.mail_server:
        return {**mapped, "kind": "imap", "host": request.mail_server, "user": request.user}
    made: dict[str, object] = {**mapped, "kind": "https", "url": url}
    if not request.secret:
        return made
    if request.user:
        return {**made, "auth": "basic", "user": request.user}
    return {**made, **({"auth": "header", "header": header} if header else {"auth": "bearer"})}


def pause_feed(context: ActContext, request: FeedName) -> FeedSetup:
    """Nothing is fetched until it is resumed; its key stays."""
    return _set_paused(context, request.feed, paused=True)


def resume_feed(context: ActContext, request: FeedName) -> FeedSetup:
    """It is fetched again."""
    return _set_paused(context, request.feed, paused=False)


def _set_paused(context: ActContext, feed: str, *, paused: bool) -> FeedSetup:
    found = feed_collector(context.node.home, feed)
    if found is None:
        raise NotFoundError(say("No collector was added for '%(feed)s'.", feed=feed))
    changed = FeedCollector(feed, found.table, paused)
    if changed != found:
        with context.database.begin() as session:
            _note(context, session, AuditAction.FEED_PAUSED if paused else AuditAction.FEED_RESUMED, feed)
            write_whole(collector_path(context.node.home, feed), changed.text().encode())
    return FeedSetup(feed=feed, collector=str(found.table.get("kind", "")), paused=paused)


def remove_feed(context: ActContext, request: FeedName) -> FeedSetup:
    """Its collector, its key and its list are deleted; its mapping file can be restored, and its events stay.

    Raises:
        NotFoundError: nothing of it is here.

    """
    home, feed = context.node.home, request.feed
    path = mapping_path(home, feed)
    gone = [collector_path(home, feed), home / HomeFolder.FEEDS / f"{feed}{SECRET}", list_path(home, feed)]
    if not any(one.is_file() for one in (path, *gone)):
        raise NotFoundError(say("'%(feed)s' was not added here.", feed=feed))
    with context.database.begin() as session:
        _note(context, session, AuditAction.FEED_REMOVED, feed)
        if path.is_file():
            write_whole(earlier_path(home, feed), path.read_bytes())
        for one in (path, *gone):
            one.unlink(missing_ok=True)
    return FeedSetup(feed=feed)


def _note(context: ActContext, session: Session, action: AuditAction, feed: str, **detail: object) -> None:
    audit(session, action, at=context.now, actor=context.actor, subject=f"feed:{MAPPED}/{feed}", detail=detail)


_act = partial(Act, noun="feed", signed=("--by", "Who does it; without it, the user of this machine."))
_PAGE: Final = "/reports/feeds/mapped/{feed}"

ACTS: Final = (
    _act(
        "save", "Save a mapping file as a feed of this node", save_feed, permission=Permission.REPORTS_WRITE,
        audit=(AuditAction.FEED_DESCRIBED,), command=OwnSurface("feeds save"), route="/feeds/{feed}/mapping",
        page=OwnSurface("/reports/feeds/save"), arguments=("feed",), undo=Reverse("restore-mapping"),
        title=N_("Save as a feed"),
    ),
    _act(
        "restore-mapping", "Restore the mapping file of a feed as it was before the last change", restore_feed,
        permission=Permission.REPORTS_WRITE, audit=(AuditAction.FEED_DESCRIBED,), command="feeds restore",
        route="/feeds/{feed}/restore", page=OwnSurface(f"{_PAGE}/restore"), arguments=("feed",),
        told="{feed}: the mapping file is as it was before.", undo=Reverse("restore-mapping"),
        title=N_("Restore the version before"),
    ),
    _act(
        "add", "Add a feed, with the collector that fetches it", add_feed, permission=Permission.ADMIN_WRITE,
        audit=(AuditAction.FEED_ADDED,), command=OwnSurface("feeds add"),
        route=Absence("It sets up the node, which no token can be given the right to."),
        page=OwnSurface(f"{_PAGE}/add"), arguments=("feed",), undo=Reverse("remove"), title=N_("Add this feed"),
    ),
    _act(
        "pause", "Pause a feed", pause_feed, permission=Permission.REPORTS_WRITE, audit=(AuditAction.FEED_PAUSED,),
        command="feeds pause", route="/feeds/{feed}/pause", page=OwnSurface(f"{_PAGE}/pause"), arguments=("feed",),
        told="{feed} is paused.", undo=Reverse("resume"), title=N_("Pause"),
    ),
    _act(
        "resume", "Resume a feed", resume_feed, permission=Permission.REPORTS_WRITE, audit=(AuditAction.FEED_RESUMED,),
        command="feeds resume", route="/feeds/{feed}/resume", page=OwnSurface(f"{_PAGE}/resume"), arguments=("feed",),
        told="{feed} is fetched again.", undo=Reverse("pause"), title=N_("Resume"),
    ),
    _act(
        "remove", "Remove a feed from this node", remove_feed, permission=Permission.ADMIN_WRITE,
        audit=(AuditAction.FEED_REMOVED,), command="feeds remove",
        route=Absence("It sets up the node, which no token can be given the right to."),
        page=OwnSurface(f"{_PAGE}/remove"), arguments=("feed",), told="{feed} is removed.",
        undo=NoUndo("Its key is deleted with it; its page names it and asks."),
    ),
)  # fmt: skip
"""What can be done to the feeds of a node."""
