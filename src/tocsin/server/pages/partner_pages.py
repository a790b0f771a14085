"""Partners: the list, one of them with its keys and checks, and the forms of their acts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile

from tocsin.exchange.ledger import lacking_attestations
from tocsin.exchange.partners import (
    KeyVoucher,
    LinkState,
    ListedPartner,
    PartnerKey,
    PartnerKeyState,
    acts,
    attestations_of,
    ending_attestations,
    ending_keys,
    key_state,
    list_acts,
    list_partners,
    listings_of,
    partner_names,
    read_partner,
    read_profile_file,
    refused_partners,
    stopped_keys,
    vouchers,
)
from tocsin.interface import ActContext, FormField, NotHereError, PageRouter, RequestError, needs, number_in
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.node.errors import ConflictError, InputError, NotFoundError, TocsinError, UsageError
from tocsin.server.pages.acts import perform_and_go
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.exchange_words import CHECK_RESULTS, CHECK_WAYS, CONFIRMATIONS, ENDS, PARTNER_WORDS
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of

_PLACE: Final = "/partners"
_READER = Annotated[Principal, needs(Permission.PARTNERS_READ)]
_WRITER = Annotated[Principal, needs(Permission.PARTNERS_WRITE)]
_ACTS: Final = {act.name: act for act in (*acts.ACTS, *list_acts.ACTS)}
_LARGEST: Final = 2_000_001  # bytes of a file that are read: one more than an invitation may have
_LARGEST_LIST: Final = 50_000_000


_NEEDS: Final[Mapping[str, str]] = {
    "claimed": N_("Key to confirm"),
    "check": N_("Communication check due"),
    "expiring": N_("Key expires within 30 days"),
    "stopped": N_("Key stopped by the partner"),
    "attestation": N_("Attestation expires within 30 days"),
    "volume": N_("Daily limit of bytes reached"),
}


@dataclass(frozen=True)
class _Form:
    """A form: its act, its title, the verb of its button, and its fields: name → label and hint.

    ``choices``: the words of fields that are closed lists.
    """

    act: str
    title: str
    button: str
    fields: Mapping[str, tuple[str, str]]
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


_DETAILS: Final = {
    "name": (N_("Name"), ""),
    "mailbox": (N_("Email address"), N_("Of its contact.")),
    "countries": (N_("Countries"), N_("Codes of those whose law it is under, such as MU, FR.")),
    "languages": (N_("Languages"), N_("Codes, such as en, fr.")),
    "hours": (N_("Hours"), N_("When it is reached, such as: Mon to Fri 8 to 17 UTC+4, otherwise +230 5550 100")),
    "team": (N_("Team in the directory"), ""),
    "node": (
        N_("UUID of its node"),
        N_("Of its own Tocsin; an invitation brings it. Empty: it has mail only."),
    ),
    "inbox": (N_("Inbox address"), N_("Where its node receives; begins with https://. Empty: mail only.")),
    "formats": (N_("Formats"), N_("Media types that it wants, one on each line, the best first.")),
    "largest": (N_("Largest file, in bytes"), ""),
    "person_of": (
        N_("Employer"),
        N_(
            "Only for one person: the partner where that person works. Only a person with an email address and a key "
            "of their own can be sent TLP:RED."
        ),
    ),
}
_FORMS: Final[Mapping[str, _Form]] = {
    "/new": _Form("add", N_("New partner"), N_("Save"), _DETAILS),
    "/profile": _Form(
        "add-profile", N_("Partner from a file"), N_("Read the file"),
        {"file": (N_("Invitation"), N_("The ZIP file that the partner sent, with its profile and signature."))},
    ),
    "/import": _Form(
        "import-list", N_("Import a list"), N_("Import"),
        {
            "source": (N_("Publisher of the list"), N_("Such as FIRST, Trusted Introducer, AfricaCERT, APCERT, LAC4.")),
            "file": (N_("File"), N_("CSV or JSON. It makes claims: no key in it counts before it is confirmed.")),
        },
    ),
    "/{partner}/change": _Form("change", N_("Edit partner"), N_("Save"), _DETAILS),
    "/{partner}/keys": _Form(
        "add-key", N_("Add key"), N_("Add key"), {
            "content": (
                N_("Public key"),
                N_("OpenPGP in ASCII armor; without a node also an S/MIME certificate in PEM."),
            )
        },
    ),
    "/{partner}/keys/{key}/confirm": _Form(
        "confirm-key", N_("Confirm key"), N_("Confirm key"),
        {
            "way": (N_("Method"), ""),
            "said_by": (N_("Who read the fingerprint to you"), N_("The person of the partner, with name and role.")),
            "evidence": (
                N_("Evidence"), N_("Which number was called and where it is from; or whose signature the key has.")
            ),
        },
        {"way": CONFIRMATIONS},
    ),
    "/{partner}/keys/{key}/accept": _Form("accept-key", N_("Confirm by the old key"), N_("Confirm the new key"), {}),
    "/{partner}/keys/{key}/end": _Form(
        "end-key", N_("End key"), N_("End key"),
        {"why": (N_("What happened"), ""), "reason": (N_("Evidence"), N_("Who said so, and when."))}, {"why": ENDS},
    ),
    "/{partner}/check": _Form(
        "check", N_("Communication check"), N_("Save"),
        {
            "way": (N_("Method"), ""), "result": (N_("Result"), ""),
            "at": (N_("When (UTC)"), N_("When the answer came, or was given up. Empty: now.")),
            "note": (N_("Note"), ""),
        },
        {"way": CHECK_WAYS, "result": CHECK_RESULTS},
    ),
    "/{partner}/attest": _Form(
        "attest", N_("Attestation"), N_("Save"),
        {
            "attestation": (
                N_("Document or certificate"), N_("By the name that transfer rules use, such as NDA, ISO 27001."),
            ),
            "issuer": (N_("Issued by"), N_("Who signed or certified it.")),
            "expires": (N_("Expires (UTC)"), N_("Empty: it has no end.")),
        },
    ),
    "/{partner}/allow-more": _Form(
        "allow-more", N_("Allow more for today"), N_("Allow more"),
        {
            "megabytes": (
                N_("Megabytes"), N_("How much more it may send until midnight (UTC). It tries again by itself."),
            ),
        },
    ),
}  # fmt: skip


class _Filter(BaseModel):
    """What narrows the list, as typed."""

    state: str = ""
    need: str = ""

    def path(self, **other: str) -> str:
        """The address of the list with these conditions, or with others."""
        asked = {name: text for name, text in {**self.model_dump(), **other}.items() if text}
        return f"{_PLACE}?{urlencode(asked)}" if asked else _PLACE


def partner_pages(desk: PageContext) -> APIRouter:
    """The list, a partner, and the forms."""
    router = PageRouter()

    @router.get(_PLACE)
    def listed(request: Request, _visitor: _READER, asked: Annotated[_Filter, Query()]) -> Response:
        """All partners, or those that match."""
        with desk.node.database.reading() as session:
            every = list_partners(session, desk.now)
        found = [one for one in every if asked.state in {"", one.state} and _needs(one, asked.need, desk)]
        return desk.page(
            request, "partners/list.html", rows=found, every=every, asked=asked, needs=_NEEDS, teams=desk.teams(),
            working=sum(one.state is LinkState.WORKS for one in every), **PARTNER_WORDS,
        )  # fmt: skip

    for end, form in _FORMS.items():
        _add_form(router, desk, end, form)

    @router.get(_PLACE + "/{partner}")
    def show(request: Request, visitor: _READER, partner: str) -> Response:
        """A partner: its keys, its checks, and how it is reached."""
        found = _find(desk, partner)
        actors = {name for key in found.keys for name in (key.claimed_by, key.confirmed_by, key.ended_by)}
        with desk.node.database.reading() as session:
            by = names_of_actors(session, actors | {one.noted_by for one in found.checks})
            listings, vouched = listings_of(session, found.partner.id), vouchers(session, found.partner.id)
            lacking = lacking_attestations(session, ActContext(desk.node, desk.now, visitor.actor), found.partner)
            person_of = partner_names(session, [found.partner.person_of]).get(found.partner.person_of or 0, "")
        keys = [(key, key_state(key, desk.now)) for key in found.keys]
        removable = not (found.checks or found.partner.statement_at)
        return desk.page(
            request, "partners/one.html", one=found, partner=found.partner, keys=keys, by=by, listings=listings,
            vouched=vouched,
            team=desk.teams().get(found.partner.team_id or 0),
            expiring={key.id for key in ending_keys([found], desk.now)}, attestations=attestations_of(found.partner),
            is_at_limit=_is_at_limit(found, desk),
            lacking=lacking, person_of=person_of, ending={one.name for one in ending_attestations([found], desk.now)},
            removable=removable and all(state is PartnerKeyState.CLAIMED for _, state in keys), **PARTNER_WORDS,
        )  # fmt: skip

    @router.post(_PLACE + "/{partner}/remove")
    def remove(visitor: _WRITER, partner: str, form: Form) -> Response:
        """Remove it."""
        number = _find(desk, partner).partner.id
        try:
            return perform_and_go(desk, visitor, _ACTS["remove"], form, _PLACE, partner=str(number))
        except ConflictError:  # something was recorded meanwhile, which its page shows
            return desk.go(f"{_PLACE}/{number}")

    @router.post(_PLACE + "/{partner}/unattest")
    def unattest(visitor: _WRITER, partner: str, form: Form) -> Response:
        """Remove an attestation."""
        number = str(_find(desk, partner).partner.id)
        try:
            return perform_and_go(desk, visitor, _ACTS["unattest"], form, _after, partner=number)
        except NotFoundError:  # somebody else removed it, which its page shows
            return desk.go(f"{_PLACE}/{number}")

    return router


def _add_form(router: PageRouter, desk: PageContext, end: str, form: _Form) -> None:
    act = _ACTS[form.act]

    def show(
        request: Request, *, typed: Mapping[str, str] = MappingProxyType({}),
        wrongs: Iterable[tuple[str, str]] = (), error: TocsinError | None = None,
    ) -> Response:  # fmt: skip
        of, wrong = request.path_params, dict(wrongs)
        found = _find(desk, of["partner"]) if "partner" in of else None
        key = next((one for one in found.keys if str(one.id) == of.get("key")), None) if found else None
        if "key" in of and key is None:
            raise NotHereError
        voucher = _voucher(desk, found, key) if form.act == "accept-key" else None
        given = _given(desk, found) if form.act == "change" and found else {}
        words = desk.words(request)
        fields = []
        for name, (label, hint) in form.fields.items():
            kind, options = _kind(form, name), [(key, words.say(of)) for key, of in form.choices.get(name, {}).items()]
            if name == "team":
                teams = sorted({(team.key, team.name) for team in desk.teams().values()}, key=lambda pair: pair[1])
                options = [("", words.say(N_("No team"))), *teams]
            value, needed = (
                typed.get(name, given.get(name, "")),
                name in {"name", "content", "said_by", "reason", "source", "attestation", "issuer"},
            )
            said = words.say(wrong[name]) if name in wrong else ""
            fields.append(
                FormField(name, words.say(label), kind, value, words.say(hint) if hint else "", said, needed, options)
            )
        return desk.page(
            request, "partners/form.html", status=409 if error else 422 if wrong else 200, form=form, fields=fields,
            partner=found.partner if found else None, key=key, error=error, voucher=voucher, **PARTNER_WORDS,
        )  # fmt: skip

    @router.get(_PLACE + end)
    def ask(request: Request, _visitor: _WRITER) -> Response:
        """The form; of an attestation that is lacking or ends, with its name."""
        return show(request, typed={name: text for name, text in request.query_params.items() if name == "attestation"})

    @router.post(_PLACE + end)
    def do(request: Request, visitor: _WRITER, form_data: Form) -> Response:
        """Do it, or say what is wrong."""
        typed = {name: text_of(form_data, name) for name in form.fields if name != "file"}
        try:
            given = {**request.path_params, **_said(form.act, form_data, typed)}
            return perform_and_go(desk, visitor, act, form_data, _after, **given)
        except RequestError as error:
            return show(request, typed=typed, wrongs=error.wrongs)
        except (ConflictError, InputError, UsageError) as error:
            return show(request, typed=typed, error=error)


def _after(done: Any) -> str:
    return f"{_PLACE}/{done.number}" if hasattr(done, "number") else _PLACE


def _said(act: str, form: FormData, typed: Mapping[str, str]) -> dict[str, Any]:
    """What a form says beside its plain fields: a field that was emptied, or the texts in a file."""
    if act == "change":
        return {name: text if name == "formats" else " ".join(text.split()) for name, text in typed.items()}
    sent = form.get("file")
    if act == "import-list":
        return {"content": sent.file.read(_LARGEST_LIST) if isinstance(sent, UploadFile) else b""}
    if act != "add-profile":
        return {}
    statement, signature = read_profile_file(sent.file.read(_LARGEST) if isinstance(sent, UploadFile) else b"")
    return {"statement": statement.decode("utf-8", "replace"), "signature": signature.decode("ascii", "replace")}


def _kind(form: _Form, name: str) -> str:
    if name == "team" or name in form.choices:
        return "choice"
    return {"file": "file", "content": "area", "formats": "area", "at": "time", "expires": "time"}.get(name, "text")


def _given(desk: PageContext, found: ListedPartner) -> dict[str, str]:
    """What is said of a partner, as its form has it."""
    team = desk.teams().get(found.partner.team_id or 0)
    plain = {name: getattr(found.partner, name) for name in _DETAILS if name != "team"}
    with desk.node.database.reading() as session:
        person_of = partner_names(session, [found.partner.person_of]).get(found.partner.person_of or 0, "")
    return {name: "" if value is None else str(value) for name, value in plain.items()} | {
        "team": team.key if team else "", "person_of": person_of,
    }  # fmt: skip


def _find(desk: PageContext, partner: str) -> ListedPartner:
    if number_in(partner) is None:
        raise NotHereError
    with desk.node.database.reading() as session:
        return read_partner(session, partner, desk.now)


def _voucher(desk: PageContext, partner: ListedPartner | None, key: PartnerKey | None) -> KeyVoucher | None:
    if partner is None or key is None:
        return None
    with desk.node.database.reading() as session:
        return vouchers(session, partner.partner.id).get(key.fingerprint)


def _needs(one: ListedPartner, need: str, desk: PageContext) -> bool:
    """Whether a partner has a need; without one, all do."""
    return need not in _NEED_OF or _NEED_OF[need](one, desk)


def _is_at_limit(one: ListedPartner, desk: PageContext) -> bool:
    with desk.node.database.reading() as session:
        return one.partner.id in {of.id for of in refused_partners(session, desk.now)}


_NEED_OF: Final[Mapping[str, Callable[[ListedPartner, PageContext], bool]]] = {
    "claimed": lambda one, desk: bool(one.in_state(PartnerKeyState.CLAIMED, desk.now)),
    "check": lambda one, _: one.state in {LinkState.CHECK_DUE, LinkState.FAILING},
    "expiring": lambda one, desk: bool(ending_keys([one], desk.now)),
    "stopped": lambda one, _: bool(stopped_keys([one])),
    "attestation": lambda one, desk: bool(ending_attestations([one], desk.now)),
    "volume": _is_at_limit,
}
