"""The kinds of to-do items that come of partners, the most urgent first."""

from collections.abc import Mapping
from typing import Final

from tocsin.node.accounts import Permission
from tocsin.node.sentences import say, say_count
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.to_do import listers
from tocsin.pipeline.to_do.item import Resolution
from tocsin.pipeline.to_do.kind import ToDoKind

_WORK = Permission.INCIDENTS_WRITE
_EXCHANGE = "/exchange"
_AGREEMENTS = "/agreements"

PARTNER_KINDS: Final[Mapping[ItemKind, ToDoKind]] = {
    ItemKind.PARTNER_CLAIMS: ToDoKind(
        say("Keys of partners to confirm"),
        lambda item: say_count("%(n)s key of a partner to confirm", "%(n)s keys of partners to confirm", item.count),
        "/partners?need=claimed", Permission.PARTNERS_WRITE, listers.partner_claims,
        (Resolution(say("Confirm the key by telephone, or end it"), "/partners?need=claimed", "partners confirm-key"),),
    ),
    ItemKind.PARTNER_CHECKS: ToDoKind(
        say("Communication checks with partners"),
        lambda item: say_count(
            "%(n)s partner: communication check due", "%(n)s partners: communication checks due", item.count
        ),
        "/partners?need=check", Permission.PARTNERS_WRITE, listers.partner_checks,
        (
            Resolution(
                say("Send a signed mail, and record the signed answer"), "/partners?need=check", "partners check"
            ),
        ),
    ),
    ItemKind.PARTNER_KEYS: ToDoKind(
        say("Expiring keys of partners"),
        lambda item: say_count(
            "%(n)s key of a partner expires within 30 days", "%(n)s keys of partners expire within 30 days", item.count
        ),
        "/partners?need=expiring", Permission.PARTNERS_WRITE, listers.partner_keys,
        (
            Resolution(say("Add its newer form"), "/partners?need=expiring", "partners add-key"),
            Resolution(say("End the key"), "/partners?need=expiring", "partners end-key"),
        ),
    ),
    ItemKind.PARTNER_KEYS_STOPPED: ToDoKind(
        say("Stopped keys of partners"),
        lambda item: say_count(
            "%(n)s key stopped by its partner", "%(n)s keys stopped by their partners", item.count
        ),
        "/partners?need=stopped", Permission.PARTNERS_WRITE, listers.partner_keys_stopped,
        (
            Resolution(
                say("Call the partner, and record why the key ended"), "/partners?need=stopped", "partners end-key"
            ),
        ),
    ),
    ItemKind.PARTNER_ATTESTATIONS: ToDoKind(
        say("Expiring attestations of partners"),
        lambda item: say_count(
            "%(n)s attestation of a partner expires within 30 days",
            "%(n)s attestations of partners expire within 30 days", item.count,
        ),
        "/partners?need=attestation", Permission.PARTNERS_WRITE, listers.partner_attestations,
        (
            Resolution(say("Record the newer one"), "/partners?need=attestation", "partners attest"),
            Resolution(say("Remove it"), "/partners?need=attestation", "partners unattest"),
        ),
    ),
    ItemKind.PARTNER_VOLUMES: ToDoKind(
        say("Partners at their daily limit"),
        lambda item: say_count(
            "%(n)s partner reached its daily limit of bytes", "%(n)s partners reached their daily limit of bytes",
            item.count,
        ),
        "/partners?need=volume", Permission.PARTNERS_WRITE, listers.partner_volumes,
        (Resolution(say("Allow it more for today"), "/partners?need=volume", "partners allow-more"),),
    ),
    ItemKind.AGREEMENTS: ToDoKind(
        say("Agreements with partners"),
        lambda item: say_count("%(n)s agreement to decide", "%(n)s agreements to decide", item.count),
        _AGREEMENTS, Permission.PARTNERS_WRITE, listers.agreements,
        (
            Resolution(say("Sign the agreement"), _AGREEMENTS, "exchange agreements sign"),
            Resolution(say("Adopt the agreement"), _AGREEMENTS, "exchange agreements adopt"),
            Resolution(say("Refuse the agreement"), _AGREEMENTS, "exchange agreements refuse"),
        ),
    ),
    ItemKind.AGREEMENTS_ENDING: ToDoKind(
        say("Agreements that end soon"),
        lambda item: say_count(
            "%(n)s agreement ends within 30 days", "%(n)s agreements end within 30 days", item.count
        ),
        _AGREEMENTS, Permission.PARTNERS_WRITE, listers.agreements_ending,
        (
            Resolution(say("Draft a further edition"), _AGREEMENTS, "exchange agreements draft"),
            Resolution(say("Leave the agreement"), _AGREEMENTS, "exchange agreements leave"),
        ),
    ),
    ItemKind.PARTNER_ITEMS: ToDoKind(
        say("Items of partners"),
        lambda item: say_count("%(n)s item of a partner to decide", "%(n)s items of partners to decide", item.count),
        _EXCHANGE, _WORK, listers.partner_items,
        (
            Resolution(say("Adopt the item"), _EXCHANGE, "exchange adopt"),
            Resolution(say("Decline the item"), _EXCHANGE, "exchange decline"),
            Resolution(say("End what was made of it, and answer the recall"), _EXCHANGE, "exchange answer"),
        ),
    ),
    ItemKind.PARTNER_CASES: ToDoKind(
        say("Cases of partners"),
        lambda item: say_count("%(n)s case offered by a partner", "%(n)s cases offered by partners", item.count),
        "/exchange#cases", _WORK, listers.partner_cases,
        (
            Resolution(say("Accept the case"), _EXCHANGE, "exchange accept"),
            Resolution(say("Refuse the case"), _EXCHANGE, "exchange refuse"),
        ),
    ),
    ItemKind.PARTNER_OFFERS: ToDoKind(
        say("Offers without an answer"),
        lambda item: say_count(
            "%(n)s case offered to a partner, no answer for 7 days",
            "%(n)s cases offered to partners, no answer for 7 days", item.count,
        ),
        "/exchange#cases", _WORK, listers.partner_offers,
        (
            Resolution(say("Withdraw the offer"), _EXCHANGE, "exchange withdraw"),
            Resolution(say("Read the dispatch with its answer"), _EXCHANGE, "exchange take"),
        ),
    ),
    ItemKind.PARTNER_MESSAGES: ToDoKind(
        say("Requests and notices of partners"),
        lambda item: say_count(
            "%(n)s request or notice of a partner to acknowledge",
            "%(n)s requests and notices of partners to acknowledge", item.count,
        ),
        "/exchange#messages", _WORK, listers.partner_messages,
        (
            Resolution(say("Acknowledge it"), _EXCHANGE, "exchange acknowledge"),
            Resolution(say("Answer the request"), _EXCHANGE, "exchange reply"),
        ),
    ),
    ItemKind.CONSENTS: ToDoKind(
        say("Consent of sources"),
        lambda item: say_count(
            "%(n)s question whether an item may go on has no answer",
            "%(n)s questions whether an item may go on have no answer", item.count,
        ),
        "/exchange#messages", _WORK, listers.consents,
        (
            Resolution(say("Consent, within limits"), _EXCHANGE, "exchange consent"),
            Resolution(say("Refuse"), _EXCHANGE, "exchange reply"),
            Resolution(say("Ask the source by telephone, and record its answer"), _EXCHANGE, "exchange record-consent"),
        ),
    ),
    ItemKind.DISPATCHES_STUCK: ToDoKind(
        say("Stuck dispatches"),
        lambda item: say_count("%(n)s dispatch cannot arrive", "%(n)s dispatches cannot arrive", item.count),
        _EXCHANGE, _WORK, listers.dispatches_stuck,
        (
            Resolution(say("Send the missing file again, and read the receipt"), _EXCHANGE, "exchange receipt"),
            Resolution(say("Correct the email address, and send the mail again"), _EXCHANGE, "exchange resend"),
        ),
    ),
    ItemKind.RECEIPTS_MISSING: ToDoKind(
        say("Missing receipts"),
        lambda item: say_count(
            "%(n)s dispatch without a receipt for 7 days", "%(n)s dispatches without a receipt for 7 days", item.count
        ),
        _EXCHANGE, _WORK, listers.missing_receipts,
        (Resolution(say("Ask the partner, and read its receipt"), _EXCHANGE, "exchange receipt"),),
    ),
    ItemKind.RECALLS_UNANSWERED: ToDoKind(
        say("Recalls without an answer"),
        lambda item: say_count(
            "%(n)s recalled item: ask the partner", "%(n)s recalled items: ask the partners", item.count
        ),
        _EXCHANGE, _WORK, listers.recalls_unanswered,
        (
            Resolution(say("Ask the partner, and record the answer"), _EXCHANGE, "exchange record-answer"),
            Resolution(say("Read the dispatch with its answer"), _EXCHANGE, "exchange take"),
        ),
    ),
    ItemKind.NUMBERS_UNCHECKED: ToDoKind(
        say("Partners after the restore"),
        lambda item: say_count(
            "%(n)s partner: ask for its highest number, as this node was restored",
            "%(n)s partners: ask for their highest number, as this node was restored", item.count,
        ),
        _EXCHANGE, _WORK, listers.numbers_unchecked,
        (
            Resolution(say("Read the partner's newest receipt"), _EXCHANGE, "exchange receipt"),
            Resolution(say("Record its number"), _EXCHANGE, "exchange record-number"),
        ),
    ),
}  # fmt: skip
