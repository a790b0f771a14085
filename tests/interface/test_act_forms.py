"""The request of an act says all that its form asks, in words that are translated."""

import re
from collections.abc import Iterator
from typing import Any, cast

import pytest
from pydantic import TypeAdapter, ValidationError

from tocsin.cli.acts import every_act
from tocsin.interface import Absence, Act, OwnSurface, wording_of
from tocsin.server.pages.catalogues import source

ACTS = tuple(every_act())


def words_of(act: Act) -> Iterator[tuple[str, str]]:
    """Every text that a form of the act may show, and what it belongs to; empty ones are left out."""
    made = not isinstance(act.page, Absence | OwnSurface)
    said = [("title", act.title or (act.summary if made else "")), ("button", act.button), ("notice", act.notice)]
    for name, field in act.request.model_fields.items():
        if name == "once":  # no form asks it
            continue
        wording = wording_of(act, name)
        said += [(name, field.title or ""), (name, wording.hint), (name, wording.nothing), (name, wording.lacking)]
        if not isinstance(wording.choices, str):
            said += [(f"{name}={value}", word) for value, word in wording.choices.items()]
    return ((of, text) for of, text in said if text)


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.operation)
def test_each_field_has_a_title_and_no_title_is_made_of_its_name(act: Act) -> None:
    untitled = [name for name, field in act.request.model_fields.items() if not field.title]
    made = [name for name, field in act.request.model_fields.items() if "_" in name and field.title]
    repeated = [name for name in made if act.request.model_fields[name].title == name.replace("_", " ").title()]
    assert (untitled, repeated) == ([], [])


def test_what_forms_say_is_in_the_catalogues() -> None:
    known = {text for one in source() for text in ([one.id] if isinstance(one.id, str) else one.id)}
    plain = re.compile("SHA-256|MISP|TAXII 2.1|TLP:.*|PAP:.*")  # the same in every language
    said = {(act.operation, of, text) for act in ACTS for of, text in words_of(act)}
    lacking = sorted(one for one in said if one[-1] not in known and not plain.fullmatch(one[-1]))
    assert "\n".join(map(str, lacking)) == ""


def test_closed_lists_offer_what_the_request_takes() -> None:
    """Each value that a form offers is taken by the type of its field."""
    refused = []
    for act in ACTS:
        for name, field in act.request.model_fields.items():
            choices, kind = wording_of(act, name).choices, cast("Any", field.annotation)
            for value in () if isinstance(choices, str) else choices:
                given = (str(value),) if str(kind).startswith("tuple") else str(value)
                try:
                    TypeAdapter(kind).validate_python(given)
                except ValidationError:
                    refused.append((act.operation, name, str(value)))
    assert refused == []
