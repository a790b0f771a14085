"""A made form that lacks what it needs says so beside each field, keeps what was typed, and nothing was done."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from lxml.html import HtmlElement, document_fromstring
from sqlalchemy import func, select

from support.console_users import Browser, browsers_of
from support.door_dumps import form_of_incident
from support.furnished_node import furnish
from support.page_examples import Example
from support.world import World, make_world
from tocsin.cli.acts import every_act
from tocsin.interface import Absence, Act, OwnSurface, names_in, wording_of
from tocsin.node.accounts import AccountRole
from tocsin.node.records import AuditEntry

MADE = [act for act in every_act() if not isinstance(act.page, Absence | OwnSurface)]
_NEVER_FILLED = {"hidden", "checkbox", "radio", "file", "datetime-local", "date"}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dict[str, Example], Browser]]:
    world = make_world(tmp_path_factory.mktemp("refusals"))
    with world.open:
        examples = furnish(world)
        with browsers_of(world, AccountRole.ADMINISTRATOR) as (browser,):
            yield world, examples, browser


def address(act: Act, examples: dict[str, Example]) -> str:
    """Where the form of an act is shown."""
    if act.page.startswith("/incidents/{reference}/"):
        return form_of_incident(act.page, examples)
    return examples[act.page].at if names_in(act.page) else act.page


def noted(world: World) -> int:
    with world.node.database.reading() as session:
        return session.scalar(select(func.count()).select_from(AuditEntry)) or 0


def test_each_form_says_what_it_lacks_and_keeps_what_was_typed(
    node: tuple[World, dict[str, Example], Browser],
) -> None:
    world, examples, browser = node
    asked, wrong = set[str](), []
    for act in MADE:
        at = address(act, examples)
        shown = browser.get(at)
        if shown.status_code != 200:  # the example is of a thing that is in no state for it
            continue
        page: HtmlElement = document_fromstring(shown.text)
        forms = page.xpath("//main//form[@method='post'][.//*[starts-with(@id, 'field-')]]")
        needed = [one.get("name") for form in forms for one in form.xpath(".//*[@required]")]
        needed = [name for name in needed if name in act.request.model_fields]
        if not needed:
            continue
        typed = {
            one.get("name"): value for one in forms[0].xpath(".//input|.//textarea") if (value := said(one, needed))
        }
        before = noted(world)
        answer = browser.send(urlsplit(urljoin(at, forms[0].get("action"))).path, **typed)
        wrong += [f"{act.operation}: {what}" for what in faults(act, answer.status_code, answer.text, needed, typed)]
        if noted(world) != before:
            wrong.append(f"{act.operation}: something was done")
        asked.add(act.operation)
    assert wrong == []
    assert len(asked) > 40, asked


def said(one: Any, needed: list[str]) -> str:
    """What is typed into a field: hidden ones say what they do, plain texts something, and needed ones nothing."""
    name, kind = one.get("name"), one.get("type", "text")
    if kind == "hidden":
        return "" if name == "csrf" else one.get("value", "")
    return "" if name in needed or kind in _NEVER_FILLED else f"typed {name}"


def faults(act: Act, status: int, text: str, needed: list[str], typed: dict[str, str]) -> Iterator[str]:
    if status != 422:
        yield f"answered with {status}"
        return
    page: HtmlElement = document_fromstring(text)
    for name in needed:
        [*beside] = page.xpath(f"//*[@id='field-{name}-error']")
        lacking = wording_of(act, name).lacking
        if not beside or not beside[0].text_content().strip():
            yield f"nothing beside {name}"
        elif lacking and lacking not in beside[0].text_content():
            yield f"beside {name}: {beside[0].text_content()!r}, not {lacking!r}"
    kept = {one.get("name"): one.get("value") or one.text_content() for one in page.xpath("//main//form//*[@name]")}
    yield from (
        f"{name} lost what was typed"
        for name, value in typed.items()
        if value.startswith("typed ") and kept.get(name) != value
    )
