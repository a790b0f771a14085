"""What Kestria cannot be without: three services, a harbour, its power, a cable, and whom to call."""

from typing import Any, Final

from tocsin.assets import acts
from tocsin.interface import read_request
from tocsin.node.accounts import AccountRole
from tocsin.operations.demo.demonstration import Demonstration

_ADD: Final = next(act for act in acts.ACTS if act.name == "add")
_CALL: Final = (
    "Duty room of Harbour Telecom; +230 5550 110; noc@harbour.example; always; en\nChief engineer; +230 5550 111"
)


def keep_register(demonstration: Demonstration) -> None:
    """The register as its keeper filled it in, before this week's reports."""
    line = demonstration.country.territories["harbour"].prefixes[0]
    _add(demonstration, name="East cable", kind="cable", team="harbour", sector="telecommunications", site="East beach",
         identifiers=line, contacts=_CALL, impact="critical")  # fmt: skip
    _add(demonstration, name="Exchange of Kestria", kind="ixp", sector="telecommunications", impact="high")
    _add(demonstration, name="Card payments", sector="finance", impact="critical", needs="East cable; connection; 2021")
    _add(demonstration, name="Lagoon Hospital", sector="health", impact="critical", contacts="Porter; +230 5550 140")
    _add(demonstration, name="Water of the capital", sector="water", impact="high")


def _add(demonstration: Demonstration, **said: Any) -> None:
    context = demonstration.context(person=demonstration.person(AccountRole.MANAGER))
    _ADD.function(context, read_request(_ADD, said))
