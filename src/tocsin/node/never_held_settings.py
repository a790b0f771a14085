"""The settings of what must never be held."""

from pydantic import Field

from tocsin.node.section import Name, Section, Words


class NeverHeldClass(Section):
    """A class of reports that must never be held. ``words``: types and tags of X-ARF that name it."""

    words: Words = Field(min_length=1)


class NeverHeldSettings(Section):
    """Who takes over what must never be held, such as pictures of abuse of children."""

    name: str = Field("", description="The hotline or police unit that takes it over, as people call it.")
    mailbox: str = Field(
        "",
        pattern=r"^([^@\s]+@[^@\s]+)?$",
        description="Its email address; sealed messages go there, its receipts come from it.",
    )
    openpgp_key: str = Field(
        "",
        description="File with its OpenPGP certificate (a relative path: in the home folder). Without it no URL is "
        "sealed for it, and a person rings.",
    )
    phone: str = Field("", description="The number to ring, with its hours.")
    keep_days: int = Field(365, ge=1, description="References are deleted this many days after they came.")
    classes: dict[Name, NeverHeldClass] = Field(
        default={},
        description="More classes beside csam and csem, each with the types and tags of X-ARF that name it: "
        "classes = { terror = { words = ['terrorist_content'] } }.",
    )
    mail_on_server: str = Field(
        "delete",
        pattern=r"^(delete|move:[^\r\n\x00]+)$",
        description="What becomes of a purged mail on the IMAP server, and of one that carries such a report: 'delete' "
        "or 'move:FOLDER' to a folder that is kept for the police.",
    )
