"""What was found as JSON, the same by the API and by the command."""

from typing import Any
from urllib.parse import unquote

from tocsin.events import ContextListing
from tocsin.pipeline.search.answer import SearchAnswer
from tocsin.pipeline.search.export import COLUMNS, row_of
from tocsin.pipeline.search.lines import LineAnswer
from tocsin.pipeline.search.words import Hit
from tocsin.problems import problem_text
from tocsin.problems.answers import OpenProblems


def answer_document(answer: SearchAnswer) -> dict[str, Any]:
    """One answer; lists are empty and others null where there is nothing, or nothing for this visitor."""
    contact = answer.contact
    return {
        "query": answer.query,
        "kind": answer.kind,
        "page": answer.page or None,
        "contact": contact.explanation.document() if contact else None,
        "problems": _problems(contact.problems) if contact and contact.problems else None,
        "events": {"count": answer.events, "page": contact.events} if contact and answer.events is not None else None,
        "lists": [_listing(one) for one in (contact.lists if contact else answer.lists)],
        "notifications": [_hit(hit) for hit in answer.notifications],
        "results": [_hit(hit) for hit in answer.hits],
    }


def line_document(answer: LineAnswer) -> dict[str, Any]:
    """One line, by the columns of the file, and its incidents and context lists; what is not known is null."""
    columns = {name: None if value == "" else value for name, value in zip(COLUMNS, row_of(answer), strict=True)}
    return {**columns, "incidents": [reference for reference, _ in answer.incidents], "lists": list(answer.lists)}


def _problems(found: OpenProblems) -> dict[str, Any]:
    newest = [
        {
            "key": problem_text(one.key),
            "where": one.name.where,
            "port": one.name.port,
            "what": one.name.what,
            "state": one.state.value,
            "last_seen": f"{one.last_seen:%Y-%m-%dT%H:%M:%SZ}",
        }
        for one in found.newest
    ]
    return {"open": found.total, "newest": newest}


def _listing(found: ContextListing) -> dict[str, Any]:
    on = found.on
    times = {"since": found.since, "as_of": on.seen}
    said = {"list": on.code, "name": on.name, "provider": on.provider, "entry": found.entry}
    return said | {name: f"{at:%Y-%m-%dT%H:%M:%SZ}" for name, at in times.items()} | {"said": dict(found.said)}


def _hit(hit: Hit) -> dict[str, str]:
    kind, name, page = hit.kind.value, hit.name, hit.page
    own = page.partition("#")[0].rpartition("=" if "?" in page else "/")[2]  # as the address of its page has it
    return {
        "type": kind,
        "id": unquote(own),
        "name": name,
        "url": page,
        "kind": kind,
        "detail": hit.detail,
        "page": page,
    }
