"""The forms of partners: what their pages add to the requests of the acts."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, Final

from fastapi import APIRouter

from tocsin.exchange.partners import (
    ListedPartner,
    PartnerKey,
    acts,
    list_acts,
    partner_names,
    read_partner,
    read_profile_file,
    vouchers,
)
from tocsin.interface import FormHooks, FormVisit, NotHereError, RefusedForm, file_of, text_of, wording_of
from tocsin.server.pages.acts import form_pages
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.exchange_words import PARTNER_WORDS
from tocsin.server.pages.words import N_

_PLACE: Final = "/partners"


def partner_form_pages(desk: PageContext) -> APIRouter:
    """The form of each act that has one, and what it does."""

    def teams(_visit: FormVisit) -> list[tuple[str, str]]:
        return sorted({(team.key, team.name) for team in desk.teams().values()}, key=itemgetter(1))

    def given(visit: FormVisit) -> Mapping[str, Any]:
        if visit.act.name != "change":
            return {}
        partner, team = _found(visit).partner, None
        said = {name: getattr(partner, name, "") for name in visit.act.request.model_fields}
        team = desk.teams().get(partner.team_id or 0)
        person_of = partner_names(visit.session, [partner.person_of]).get(partner.person_of or 0, "")
        return said | {"team": team.key if team else "", "person_of": person_of}

    hooks = FormHooks(
        back=_back, after=_after, given=given, linked={"attestation", "columns"}, choices={"teams": teams},
        takes=_takes, shown=_shown, template="partners/form.html",
    )  # fmt: skip
    return form_pages(desk, (*acts.ACTS, *list_acts.ACTS), hooks)


def _found(visit: FormVisit) -> ListedPartner:
    return read_partner(visit.session, visit.named["partner"], visit.maker.now)


def _back(visit: FormVisit) -> tuple[str, str]:
    if "partner" not in visit.named:
        return _PLACE, visit.words.say(N_("Partners"))
    found = _found(visit).partner
    return f"{_PLACE}/{found.id}", found.name


def _after(visit: FormVisit, done: Any) -> str:
    return f"{_PLACE}/{done.number}" if hasattr(done, "number") and visit.act.name != "remove" else _PLACE


def _takes(visit: FormVisit) -> Mapping[str, Any]:
    """What a form says beside its plain fields: a field that was emptied, or the texts in a file."""
    act, form = visit.act, visit.form
    if act.name == "change":
        typed = {name: text_of(form, name) for name in act.request.model_fields if name not in visit.named}
        return {name: text if name == "formats" else " ".join(text.split()) for name, text in typed.items()}
    if act.name != "add-profile":
        return {}
    statement, signature = read_profile_file(file_of(form, wording_of(act, "statement").file) or b"")
    return {"statement": statement.decode("utf-8", "replace"), "signature": signature.decode("ascii", "replace")}


def _shown(visit: FormVisit, _refused: RefusedForm) -> Mapping[str, Any]:
    """The key that a form is about, and what vouches for it.

    Raises:
        NotHereError: the partner has no such key.

    """
    shown = {"key": None, "voucher": None, "rows": 8 if visit.act.name == "add-key" else 3, **PARTNER_WORDS}
    if "key" not in visit.named:
        return shown
    found = _found(visit)
    key: PartnerKey | None = next((one for one in found.keys if str(one.id) == visit.named["key"]), None)
    if key is None:
        raise NotHereError
    return shown | {"key": key, "voucher": vouchers(visit.session, found.partner.id).get(key.fingerprint)}
