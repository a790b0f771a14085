"""The settings that say who a node is."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from tocsin.node.section import Section, Words, Zone


class NodeSettings(Section):
    """Who this node is."""

    name: str = Field("Tocsin", description="The name of this CSIRT, as it signs its mails.")
    country: str = Field("", pattern="^([A-Z]{2})?$", description="ISO 3166-1 code of the country it serves, or empty.")
    contact: str = Field(
        "csirt@localhost", pattern=r"^[^@\s]+@[^@\s]+$", description="The email address that people can answer to."
    )
    language: str = Field(
        "en",
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$",
        description="The language (BCP 47) of mails to teams in whose own language there are no texts.",
    )
    time_zone: Zone = Field("UTC", description="The IANA time zone of dates in addresses of collectors.")
    own_teams: Words = Field(
        (), description="Keys of the teams in our own organisation: TLP:AMBER+STRICT goes to them, and to nobody else."
    )
    terms: Mapping[Literal["csirt", "cybersecurity"], str] = Field(
        default={},
        description="What the pages call a CSIRT and its field: terms = { csirt = 'CIRT', cybersecurity = 'ICT "
        "security' }.",
    )
    country_names: Mapping[Annotated[str, Field(pattern="^[A-Z]{2}$")], str] = Field(
        default={},
        description="Names of countries that ISO 3166-1 does not know, by code: country_names = { XA = 'Kestria' }.",
    )
    hidden_teams: Words = Field((), description="Keys of teams that the public pages never name.")
    helplines: str = Field(
        "",
        pattern=r"^(https?://[^\s]+)?$",
        description="A page with helplines for children and for people in danger, to which the public pages point.",
    )
    emergency_number: str = Field(
        "",
        pattern=r"^(\+?[0-9][0-9 ()./-]{0,38})?$",
        description="The number that people of this country call in an emergency, such as 112; the page for a child in "
        "danger begins with it; pages of help name it.",
    )
    fraud_number: str = Field(
        "",
        pattern=r"^(\+?[0-9][0-9 ()./-]{0,38})?$",
        description="The national number, of banks or police, that people call who lost money by fraud, or empty.",
    )
    answer_days: int = Field(
        0, ge=0, le=60, description="Working days within which a report gets a first answer; 0: nothing is promised."
    )
    exit_page: str = Field(
        "https://www.wikipedia.org/",
        pattern=r"^https?://[^\s]+$",
        description="The harmless page that opens when a person leaves the page for a child in danger in a hurry.",
    )
    statistics_up_to: Literal["CLEAR", "GREEN", "AMBER"] = Field(
        "CLEAR",
        description="The highest TLP label whose events are counted in the public statistics; agree on more than CLEAR "
        "with those who send them.",
    )
