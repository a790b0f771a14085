"""The settings of the ways by which dispatches travel to partners and from them."""

from ipaddress import ip_network

from pydantic import Field, field_validator

from tocsin.node.section import Section, Words


class ExchangeSettings(Section):
    """How dispatches travel: docs/exchange.md. Where a partner is reached, its profile says."""

    inbox: bool = Field(default=True, description="Partners can post dispatches to /exchange/inbox of this server.")
    inbox_bytes: int = Field(
        64_000_000, ge=100_000, le=64_000_000, description="Bytes of the largest file that the inbox takes."
    )
    refused_an_hour: int = Field(
        60, ge=1, description="So many files of one network (IPv4 /24, IPv6 /48) may be refused in an hour."
    )
    dispatches_an_hour: int = Field(
        600, ge=1, description="So many dispatches, and so many receipts, of one partner are taken in an hour."
    )
    statements: int = Field(
        500,
        ge=500,
        description="So many statements (items, entries of cases, recalls) a dispatch may bring; a larger one is "
        "refused with the code too-large. Other nodes send up to 500 in one, and what is more in several.",
    )
    waiting_items: int = Field(
        2_000,
        ge=1,
        description="So many items of one partner may wait for a decision. Until some are decided, further dispatches "
        "with items are answered with 'later' (429), and stay at the partner; recalls and receipts are taken.",
    )
    networks: Words = Field(
        (), description="Private networks where inboxes of partners may be, such as 10.1.0.0/16; empty: none."
    )
    ca_file: str = Field(
        "",
        description="Authorities that are trusted for these inboxes instead of the system's (PEM; an absolute path).",
    )

    @field_validator("networks")
    @classmethod
    def _networks_are_some(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            try:
                ip_network(text)
            except ValueError:
                raise ValueError(f"'{text}' is no network") from None
        return texts
