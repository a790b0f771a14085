"""The settings of how much others may bring: strangers, partners, operators and mails."""

from pydantic import Field

from tocsin.node.section import Section


class IntakeSettings(Section):
    """What a node takes of others, so that none of them can fill its disk or take the turns of all: docs/security.md.

    A network is a /24 of IPv4 or a /48 of IPv6. Each of several servers lets its share of what is counted through.
    """

    reserve_bytes: int = Field(
        0,
        ge=0,
        description="So many bytes of the disk under the home folder are for the node's own work: reports, mails, "
        "dispatches and uploads of others are put off before they use them. 0: 2 GB, or a twentieth of the disk where "
        "that is less.",
    )
    partner_bytes_a_day: int = Field(
        1_000_000_000,
        ge=1_000_000,
        description="Bytes that one partner may bring on a day (UTC), by dispatches, MISP and TAXII together; Today "
        "has an item when one is at its bound, with an act that allows more.",
    )
    operator_bytes_a_day: int = Field(
        2_000_000_000,
        ge=1_000_000,
        description="Bytes that one person of an operator may send on a day, by the portal and the API, in requests "
        "of more than 100 kB.",
    )
    sender_bytes_a_day: int = Field(
        250_000_000,
        ge=1_000_000,
        description="Bytes of mails of one sender that are read on a day; what is more stays in the folder on its "
        "server until the next day.",
    )
    network_bytes_a_day: int = Field(
        1_000_000_000, ge=1_000_000, description="Bytes that all strangers of one network may bring on a day."
    )
    address_bytes_a_day: int = Field(
        250_000_000, ge=1_000_000, description="Bytes that strangers of one address (IPv6: one /64) may bring on a day."
    )
    reports_an_hour: int = Field(
        20,
        ge=1,
        description="So many public reports of one address an hour are taken without a question; then each sender is "
        "asked for the sum of two numbers, as many people may share an address.",
    )
    asked_an_hour: int = Field(
        1_000, ge=1, description="So many reports of one address an hour are taken of those who gave the sum."
    )
    network_reports_an_hour: int = Field(
        3_000, ge=1, description="So many reports of one network an hour are taken at all."
    )
    begun_files: int = Field(
        16, ge=1, description="So many files of one network, and of one partner, may be begun in the inbox at once."
    )
    strangers_at_once: int = Field(
        1, ge=1, description="Requests of visitors without an account that are worked on at once, in turns by network."
    )
    strangers_waiting: int = Field(
        1_000, ge=1, description="So many of them wait for their turn; more are answered 503."
    )
    network_waiting: int = Field(200, ge=1, description="So many of one network; of one address a quarter of them.")
    sign_ins_at_once: int = Field(
        1, ge=1, description="Passwords that are checked at once, each with 19 MiB and some 30 ms of a processor."
    )
    sign_ins_waiting: int = Field(50, ge=1, description="So many sign-ins wait for that; more are answered 503.")
