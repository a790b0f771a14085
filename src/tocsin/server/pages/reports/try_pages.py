"""Try a feed: what a mapping makes of a sample, before anything is taken in; the mapping file is saved from here."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.delivery.never_held import IntakeFilter
from tocsin.events.sources import MappingError
from tocsin.interface import PageRouter, RequestError, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import InputError, UsageError
from tocsin.pipeline import feed_setup
from tocsin.pipeline.feed_files import described, feed_files
from tocsin.pipeline.feed_trial import FOLLOWS, FeedTrial, suggested_mapping, try_feed
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.reports.send_pages import closing_files
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of

_SAVE: Final = feed_setup.ACTS[0]
_MOST: Final = 1_000  # events of a trial
_SHOWN: Final = 100  # rows of a table
_COLUMNS: Final = 12
_SAMPLE: Final = 200_000  # letters that are pasted
_LARGEST: Final = 20_000_000  # bytes of a file: it is a sample
_NEW: Final = "new-feed"

_Writer = Annotated[Principal, needs(Permission.REPORTS_WRITE)]


def try_pages(desk: PageContext) -> APIRouter:
    """The page, and its two answers."""
    router, most = PageRouter(), min(_LARGEST, desk.node.settings.api.max_upload_bytes)

    def show(request: Request, typed: dict[str, str], *, status: int = 200, **more: Any) -> Response:
        shown: dict[str, Any] = {"typed": typed, "trial": None, "suggested": False, "wrongs": []}
        shown |= {"mistake": None, "columns": []}
        return desk.page(request, "reports/feed_try.html", status=status, shown=_SHOWN, most=most, **shown | more)

    @router.get("/reports/feeds/try")
    def form_page(request: Request, _visitor: _Writer, feed: str = "") -> Response:
        """The form; with the mapping of a feed that is known."""
        known = feed_files(desk.node.home, feed) if feed else None
        mapping = described(desk.node.home).text(feed) if known else ""
        return show(request, {"feed": feed if known else "", "mapping": mapping, "sample": "", "name": ""})

    @router.post("/reports/feeds/try", max_body_size=most)
    def try_it(request: Request, _visitor: _Writer, form: Form) -> Response:
        """What the mapping makes of the sample. Without one: that of the feed as recognised, else a suggestion."""
        typed = _typed(desk, form)
        try:
            with closing_files(form) as files, TemporaryDirectory() as folder:
                if files:
                    typed["name"] = Path((files[0].filename or "").replace("\\", "/")).name[:100] or "sample"
                called = typed["name"] or f"{typed['feed'] or 'sample'}.txt"
                name = re.sub(r"[^\w.()+-]", "_", called)[-60:].lstrip(".") or "sample.txt"  # 240 bytes at most
                path = Path(folder, "sample", name)
                path.parent.mkdir()
                path.write_bytes(files[0].file.read() if files else typed["sample"].encode())
                if not path.stat().st_size:
                    said = desk.words(request).say(N_("Paste some lines of the feed, or choose a file."))
                    return show(request, typed, status=422, wrongs=[("sample", said)])
                trial, suggested = _trial(desk, path, typed)
        except (InputError, UsageError) as error:
            return show(request, typed, status=422, wrongs=[("sample", desk.words(request).translate_error(error))])
        typed["sample"] = trial.sample if files else typed["sample"]
        mistake = next(iter(trial.mistakes), None)
        return show(
            request, typed, trial=trial, suggested=suggested, columns=_columns(trial), mistake=mistake,
            status=422 if mistake else 200,
        )  # fmt: skip

    @router.post("/reports/feeds/save", max_body_size=most)
    def save(request: Request, visitor: _Writer, form: Form) -> Response:
        """Save the mapping file, and lead to the page of its feed."""
        typed = _typed(desk, form)
        try:
            done = perform(desk, visitor, _SAVE, form, feed=typed["feed"], text=typed["mapping"])
        except RequestError as error:
            words = desk.words(request)
            names = {"text": "mapping"}
            wrongs = [(names.get(name, name), words.say(said)) for name, said in error.wrongs]
            return show(request, typed, status=422, wrongs=wrongs)
        except MappingError as error:
            return show(request, typed, status=422, mistake=error)
        return desk.go(f"/reports/feeds/mapped/{done.feed}")

    return router


def _typed(desk: PageContext, form: Any) -> dict[str, str]:
    kept = IntakeFilter(desk.node, "feeds try", desk.clock).kept_text(text_of(form, "sample")[:_SAMPLE])
    others = {name: text_of(form, name).strip() for name in ("feed", "name")}
    mapping = text_of(form, "mapping")[: feed_setup.MOST_LETTERS + 1].replace("\r\n", "\n")
    return {"sample": kept, "mapping": mapping, **others}


def _trial(desk: PageContext, path: Path, typed: dict[str, str]) -> tuple[FeedTrial, bool]:
    """The trial, and whether its mapping is a suggestion; then it stands in ``typed``."""
    code, suggested = typed["feed"] if re.fullmatch(feed_setup.CODE, typed["feed"]) else _NEW, False
    if not typed["mapping"].strip():
        known = feed_files(desk.node.home, typed["feed"]) if typed["feed"] else None
        try:
            return try_feed(desk.node, path, None, known.code if known else None, desk.now, most=_MOST), False
        except (InputError, UsageError):
            typed["mapping"], suggested = suggested_mapping(desk.node, path), True
    mapping = path.parent.parent / f"{code}.toml"
    mapping.write_text(typed["mapping"], encoding="utf-8")
    return try_feed(desk.node, path, mapping, None, desk.now, most=_MOST), suggested


def _columns(trial: FeedTrial) -> list[str]:
    """The fields that the table of events has: those of most events first, and in the order of the feed."""
    counts: dict[str, int] = {}
    for event in trial.events[:_SHOWN]:
        for name in event:
            counts[name] = counts.get(name, 0) + 1
    wanted = [name for name in counts if not name.startswith(("raw", "extra.", *FOLLOWS))]
    extra = [name for name in counts if name.startswith("extra.")]
    return [*wanted, *extra][:_COLUMNS]
