"""What each kind of statement says. Unknown keys are ignored here and kept in the bytes that were signed.

A field that is added must be optional: a reader of an earlier version ignores it. Dates are RFC 3339 with an offset,
hashes ``sha256:`` and 64 hexadecimal digits, fingerprints of OpenPGP primary keys in either case.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from tocsin.interface import N_
from tocsin.sharing.gate import Pap, Tlp


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("it is before the year 1 or after 9999 in UTC") from None


Hash = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Fingerprint = Annotated[str, Field(pattern=r"^(?:[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$"), AfterValidator(str.lower)]
Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Line = Annotated[str, Field(max_length=500)]
Text = Annotated[str, Field(max_length=100_000)]
Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Number = Annotated[int, Field(ge=1)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, populate_by_name=True)


class NodeKey(_Model):
    """A node with the OpenPGP key that it uses."""

    node: UUID = Field(description="The UUID of the node.")
    key: Fingerprint = Field(description="Fingerprint of its primary key.")


class GlobalName(_Model):
    """What anything is called between nodes."""

    node: UUID = Field(description="The node that it is from, and the only one that may speak of it.")
    id: UUID = Field(description="Its UUID there.")


class JurisdictionRole(StrEnum):
    """What a country is to a thing."""

    ORIGIN = "origin"
    SUBJECT = "subject"
    STORED = "stored"
    OPERATOR = "operator"
    CLAIMED = "claimed"


class Jurisdiction(_Model):
    """A country that a thing touches. Several, also contradictory ones, are kept beside each other."""

    country: Country = Field(description="ISO 3166-1, two letters.")
    role: JurisdictionRole = Field(alias="as", description="What the country is to it.")
    by: Line = Field("", description="Who says so.")
    basis: Line = Field("", description="The text that is cited.")


class Part(_Model):
    """Bytes that go with a statement."""

    hash: Hash = Field(description="SHA-256 of the bytes.")
    bytes: int = Field(ge=0, description="How many there are.")
    type: Line = Field(description="Media type.")
    class_: Code = Field(alias="class", description="Class of content, which transfer policies name.")
    name: Line = Field("", description="A name for people; never a path.")


class StatementBody(_Model):
    """What every statement says."""

    kind: str = Field(description="Which of the kinds it is.")
    id: UUID = Field(description="Its own UUID.")
    by: NodeKey = Field(description="Who says it, with the key that signs it.")
    at: Time = Field(description="When, by the clock of who says it.")
    expires: Time | None = Field(None, description="From when on it asks for nothing any more.")


class ProfileKey(_Model):
    """A key of a node."""

    fingerprint: Fingerprint = Field(description="Of the primary key.")
    armored: Text = Field(description="The public key, in ASCII armor.")


class Address(_Model):
    """Where a node takes dispatches."""

    kind: Literal["https", "mail"] = Field(description="An inbox at an address, or mail.")
    value: Line = Field(description="The address.")


class ClosedData(_Model):
    """A class of data that a node does not pass on although it is open by default, and the text that demands it."""

    class_: Code = Field(alias="class", description="Class of content.")
    rule: Code = Field(description="The rule.")
    send: Code = Field(description="How much goes all the same: metadata, hash, nothing.")
    cites: Line = Field(description="The text.")


class Profile(StatementBody):
    """Who we are."""

    kind: Literal["profile"] = "profile"
    name: Line = Field(description="The name of the team.")
    keys: tuple[ProfileKey, ...] = Field((), description="All keys that it uses now.")
    addresses: tuple[Address, ...] = Field((), description="The first that works is used.")
    formats: tuple[Line, ...] = Field((), description="Media types that it reads, best first.")
    largest: int | None = Field(None, ge=1, description="Bytes of a dispatch, at most.")
    jurisdictions: tuple[Jurisdiction, ...] = Field((), description="Where the node is, and whose law it is under.")
    needs: tuple[Code, ...] = Field((), description="Attestations that it asks of a partner.")
    closed: tuple[ClosedData, ...] = Field((), description="What it keeps back of how networks are reached.")
    languages: tuple[Line, ...] = Field((), description="Of its people (BCP 47).")
    hours: Line = Field("", description="When it is reached.")


class SharedItem(StatementBody):
    """A thing that is shared, in one version."""

    kind: Literal["item"] = "item"
    item: GlobalName = Field(description="What it is called.")
    version: Number = Field(description="Counts up; a higher one replaces those below.")
    title: Line = Field("", description="One line for people.")
    reference: Line = Field("", description="What its source calls it, to be named in answers.")
    parts: tuple[Part, ...] = Field((), description="What it consists of, also parts that are withheld.")
    tlp: Tlp = Field(description="TLP 2.0.")
    pap: Pap | None = Field(None, description="PAP, where the source set it.")
    iep: dict[str, Any] | None = Field(None, description="A policy of FIRST's IEP 2.0, as it is.")
    purpose: Line = Field("", description="What it is shared for.")
    basis: tuple[Line, ...] = Field((), description="Instruments that are cited.")
    jurisdictions: tuple[Jurisdiction, ...] = Field((), description="Countries that it touches, with who says so.")
    agreement: UUID | None = Field(None, description="Under which it is shared.")
    keep_until: Time | None = Field(None, description="When the source asks for it to be deleted.")
    earlier: Hash | None = Field(None, description="The statement of the version before.")


class RecallItem(GlobalName):
    """Of a thing, all versions up to one."""

    version: Number = Field(description="This and all below.")


class RecallRequest(StrEnum):
    """What a recall asks for."""

    ERASE = "erase"
    STOP_USING = "stop-using"
    NARROW = "narrow"


RECALL_REQUESTS: Final[Mapping[str, str]] = {
    RecallRequest.ERASE: N_("Erase it"),
    RecallRequest.STOP_USING: N_("Stop using it"),
}
"""What people ask for; a recall that narrows follows from an agreement."""


class Recall(StatementBody):
    """The source takes items back, or narrows them."""

    kind: Literal["recall"] = "recall"
    items: tuple[RecallItem, ...] = Field(min_length=1, description="Which.")
    code: Code = Field(description="Why: wrong, withdrawn, source-asked, agreement-left, person-asked, court …")
    asks: RecallRequest = Field(description="What is asked for.")
    tlp: Tlp | None = Field(None, description="The marking to narrow to.")
    parties: tuple[UUID, ...] | None = Field(None, description="The only nodes that may have them still.")
    until: Time | None = Field(None, description="By when.")


class AgreementType(StrEnum):
    """What binds its parties."""

    TREATY = "treaty"
    LAW = "law"
    MOU = "mou"
    CODE = "code"
    NORM = "norm"


AGREEMENT_TYPES: Final[Mapping[str, str]] = {
    AgreementType.TREATY: N_("Treaty"),
    AgreementType.LAW: N_("Law"),
    AgreementType.MOU: N_("Memorandum of understanding"),
    AgreementType.CODE: N_("Code of conduct"),
    AgreementType.NORM: N_("Norm"),
}


class SharingAgreement(StatementBody):
    """Sharing rules. Each party signs these bytes beside who wrote them; none is bound before it adopts them."""

    kind: Literal["agreement"] = "agreement"
    agreement: UUID = Field(description="The same in all editions.")
    edition: Number = Field(description="Counts up.")
    type: AgreementType = Field(description="What it is.")
    title: Line = Field(description="What it is called.")
    parties: tuple[UUID, ...] = Field(min_length=1, description="Nodes.")
    others: tuple[Line, ...] = Field((), description="Parties without a node, as people call them.")
    text: Text = Field("", description="As people signed it.")
    rules: Text = Field("", description="The same as a document of 'tocsin rules'.")


class CaseAct(StrEnum):
    """What an entry of a case does."""

    OPENED = "opened"
    ENTRY = "entry"
    OFFER = "offer"
    ACCEPT = "accept"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"  # asks for the offer back; the next entry stays with whom it was offered to


class CaseEntry(StatementBody):
    """An entry of a case's history; see `tocsin.exchange.cases` for who may sign the next."""

    kind: Literal["case"] = "case"
    case: GlobalName = Field(description="The case, by the node that opened it.")
    number: Number = Field(description="In the history, from 1.")
    before: Hash | None = Field(None, description="The entry before; none before the first.")
    act: CaseAct = Field(description="What it does.")
    role: Line = Field("", description="The role of who did it, as text.")
    name: Line = Field("", description="The name, as text: there are no accounts of others.")
    text: Text = Field("", description="What it says.")
    happened: Time | None = Field(None, description="Where that was at another time than ``at``.")
    items: tuple[Hash, ...] = Field((), description="Statements that belong to it.")
    to: NodeKey | None = Field(None, description="Whom an offer is for.")
    joint: bool = Field(False, description="An offer to work together: the owner stays.")
    code: Code | None = Field(None, description="Why it was refused.")
    reference: Line = Field("", description="Of an offer or an acceptance: what its signer calls the case.")


class KeyAct(StrEnum):
    """What becomes of a key."""

    REPLACE = "replace"
    STOP = "stop"


class KeyNotice(StatementBody):
    """A key is replaced, as it says itself, or is not to be trusted any more."""

    kind: Literal["key"] = "key"
    act: KeyAct = Field(description="What becomes of it.")
    old: Fingerprint = Field(description="The key that it is about.")
    new: ProfileKey | None = Field(None, description="What replaces it.")
    since: Time = Field(description="From when the new one signs, or the old one is not to be trusted.")
    until: Time | None = Field(None, description="Until when both sign.")
    code: Code = Field("superseded", description="superseded, lost, compromised.")


class ReceiptVerdict(StrEnum):
    """What became of a dispatch at its recipient's."""

    TAKEN = "taken"
    REFUSED = "refused"
    GAP = "gap"


class Receipt(StatementBody):
    """I have it, or know of it. With its signature at most 1 kB."""

    kind: Literal["receipt"] = "receipt"
    of: Hash = Field(description="The dispatch.")
    to: UUID = Field(description="The node that sent it.")
    number: Number = Field(description="Its number.")
    taken: Time = Field(description="When it came, by the recipient's clock.")
    verdict: ReceiptVerdict = Field(description="What became of it.")
    code: Code | None = Field(None, description="Why it was not taken: one of `RefusalCode`.")
    had: int = Field(ge=0, description="The highest number without a gap below it; it covers all below, too.")
    log: Annotated[str, Field(pattern=r"^(?:[0-9]+:[0-9a-f]{64})?$")] = Field(
        "", description="The newest seal of the recipient's audit log: a log that is written anew contradicts it."
    )
    nothing_held: bool = Field(
        default=False, description="The dispatch is a recall, and none of its items was here; false says nothing."
    )


class RecallState(StrEnum):
    """What became of a recalled item."""

    DONE = "done"
    KEPT = "kept"
    NOT_HELD = "not-held"


RECALL_ANSWERS: Final[Mapping[str, str]] = {
    RecallState.DONE: N_("Done as asked"),
    RecallState.KEPT: N_("Kept"),
    RecallState.NOT_HELD: N_("Not held"),
}


class KeptPart(_Model):
    """What is kept of an item that is gone otherwise."""

    what: Code = Field(description="What was made of it: observable, evidence, entry …")
    code: Code = Field(description="Why it is kept.")
    count: Number = Field(description="How many.")


class ItemResult(RecallItem):
    """An item of a recall, and what became of it."""

    state: RecallState = Field(description="What became of it.")
    code: Code | None = Field(None, description="Why it is kept: legal-hold, law …")
    parts: tuple[KeptPart, ...] = Field((), description="Kept in part: only these; all else of it is gone.")


class RecallReport(StatementBody):
    """What became of a recall here, and in sum where it was passed on to."""

    kind: Literal["report"] = "report"
    on: Hash = Field(description="The recall.")
    results: tuple[ItemResult, ...] = Field((), description="Each item, here.")
    passed_on: int = Field(0, ge=0, description="To how many it was passed on, all below together.")
    done: int = Field(0, ge=0, description="How many of them confirmed.")
    kept: int = Field(0, ge=0, description="How many keep something, and said why.")
    silent: int = Field(0, ge=0, description="How many did not answer in time.")


class DispatchType(StrEnum):
    """What a dispatch asks for; none is a command."""

    HELLO = "hello"
    SHARE = "share"
    OFFER = "offer"
    ACCEPT = "accept"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    REQUEST = "request"
    ANSWER = "answer"
    RECALL = "recall"
    REPORT = "report"
    AGREE = "agree"
    NOTE = "note"


class WithheldPart(_Model):
    """A part that the item names and the sender's law or rules keep back."""

    hash: Hash | None = Field(None, description="SHA-256 of the bytes that are not here, where policy lets it be said.")
    class_: Code = Field(alias="class", description="Class of content.")
    rule: Code = Field(description="The rule.")
    code: Code = Field(description="Why: law, agreement, marking …")


class ConsentQuestion(_Model):
    """Whether an item of the one who is asked may go on. Its asker passes nothing on before the answer."""

    item: GlobalName = Field(description="The item, which the one who is asked is the source of.")
    to: tuple[Line, ...] = Field(
        min_length=1, max_length=4, description="To whom: its node, or its email address; the key of a person for RED."
    )
    name: Line = Field(description="What whoever asks calls them.")
    up_to: Tlp = Field(description="Up to which label.")
    until: Time | None = Field(None, description="Until when.")


class ConsentAnswer(_Model):
    """That it may, to those who were asked about, within limits; what was asked only gets narrower."""

    up_to: Tlp = Field(description="Up to which label.")
    until: Time | None = Field(None, description="Until when.")


class Request(_Model):
    """What is asked of a partner. A request by law names its instrument; without one it is voluntary."""

    asks: Literal["information", "assistance", "mitigation", "preservation", "notice"] = Field(description="For what.")
    basis: Literal["voluntary", "legal"] = Field("voluntary", description="Whether the partner is obliged.")
    instrument: Line = Field("", description="The text that obliges.")
    urgency: Literal["low", "normal", "high", "critical"] = Field("normal", description="How soon.")
    answer_by: Time | None = Field(None, description="When an answer is needed.")
    consent: ConsentQuestion | None = Field(None, description="Where a source is asked whether an item may go on.")


class RequestAnswer(_Model):
    """The answer to a request."""

    to: Hash = Field(description="The dispatch with the request.")
    outcome: Literal["acknowledged", "done", "partly", "later", "refused", "not-ours"] = Field(
        description="What became of it; first that a person has read it."
    )
    code: Code | None = Field(None, description="Why it was refused.")
    by: Time | None = Field(None, description="When, where later.")
    who: Line = Field("", description="Whose it is, where not ours.")
    consent: ConsentAnswer | None = Field(None, description="To a question of consent: yes. A later no withdraws it.")


class Dispatch(StatementBody):
    """A message from one node to another: numbered, and bound to the one before."""

    kind: Literal["dispatch"] = "dispatch"
    to: NodeKey = Field(description="For whom, with the key that it is encrypted for.")
    number: Number = Field(description="In this direction, from 1.")
    before: Hash = Field(description="The dispatch before in this direction; before the first see `genesis`.")
    had: int = Field(0, ge=0, description="The highest number that the sender has from the recipient.")
    type: DispatchType = Field(description="What it asks for.")
    thread: UUID | None = Field(None, description="What it belongs to.")
    tlp: Tlp = Field(description="The strictest of all that is inside.")
    pap: Pap | None = Field(None, description="The same for PAP.")
    statements: tuple[Hash, ...] = Field((), description="What it brings.")
    parts: tuple[Part, ...] = Field((), description="What it brings.")
    withheld: tuple[WithheldPart, ...] = Field((), description="What it does not bring, and why.")
    text: Hash | None = Field(None, description="The text for people.")
    request: Request | None = Field(None, description="What is asked.")
    answer: RequestAnswer | None = Field(None, description="What is answered.")


KINDS: Final[dict[str, type[StatementBody]]] = {
    one.model_fields["kind"].default: one
    for one in (Profile, SharedItem, Recall, SharingAgreement, CaseEntry, KeyNotice, Receipt, RecallReport, Dispatch)
}


def utc(at: datetime) -> datetime:
    """The time to the second in UTC, as statements say it."""
    return at.astimezone(UTC).replace(microsecond=0)
