"""``/search``: what is known of anything, as far as the token lets one see it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline.search import Searcher, answer_document
from tocsin.server.api.context import ApiContext
from tocsin.server.api.lookup import LookupOut

TAG = "lookup"


class SearchHit(BaseModel):
    """One thing that was found."""

    type: str = Field(description="What it is.", examples=["team"])
    id: str = Field(description="What it is called here: a key, a reference or a number.", examples=["operator"])
    name: str
    url: str = Field(description="The path of its page.", examples=["/teams/operator"])
    kind: str = Field(description="The same as `type`.", examples=["team"])
    detail: str
    page: str = Field(description="The same as `url`.", examples=["/teams/operator"])


class OpenProblem(BaseModel):
    """A problem that goes on."""

    key: str
    where: str
    port: str
    what: str
    state: str
    last_seen: str


class OpenProblemsOut(BaseModel):
    """How many problems go on, and those seen last."""

    open: int
    newest: list[OpenProblem]


class EventCount(BaseModel):
    """How many events of the last 30 days the token may see."""

    count: int
    page: str


class ListingOut(BaseModel):
    """A context list that it is on: by which entry, since when, and when the list was last known to hold."""

    list: str = Field(description="The feed of the list.", examples=["ci_army"])
    name: str
    provider: str
    entry: str = Field(examples=["192.0.2.0/24"])
    since: str
    as_of: str
    said: dict[str, Any] = Field(
        description="What a list of vulnerabilities says of this one.", examples=[{"epss": "0.97"}]
    )


class SearchOut(BaseModel):
    """What was found. What is not there, or not for this token, is null or an empty list."""

    query: str
    kind: str = Field(description="What the text is.", examples=["address"])
    page: str | None = Field(description="The page that a reference or a hash leads to.")
    contact: LookupOut | None = Field(description="Whom to notify, and why.")
    problems: OpenProblemsOut | None
    events: EventCount | None
    lists: list[ListingOut] = Field(description="Lists without time or evidence that name it: nobody is notified.")
    notifications: list[SearchHit]
    results: list[SearchHit] = Field(description="At most eleven of each kind; eleven say that there are more.")


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""

    @router.get("/search", operation_id="search", summary="What is known of an address, a reference, a name or words")
    def search(
        visitor: Annotated[Principal, needs(Permission.LOOKUP)],
        q: Annotated[
            str,
            Query(
                min_length=1,
                max_length=300,
                description="An address, network, AS, domain, URL, email address, reference, hash, CVE or words.",
                examples=["192[.]0[.]2[.]1"],
            ),
        ],
    ) -> SearchOut:
        """The answer of the page *Search* and of `tocsin search`: each part as far as the token may see it."""
        searcher = Searcher(counter.node, counter.guide, visitor, counter.clock)
        return SearchOut.model_validate(answer_document(searcher.answer(q)))
