"""A partner of Kestria abroad, whose key was confirmed by telephone and with whom a check was made."""

from datetime import timedelta
from typing import Any, Final

from tocsin.exchange.partners import acts
from tocsin.interface import read_request
from tocsin.node.accounts import AccountRole
from tocsin.operations.demo.demonstration import Demonstration

NAME: Final = "CERT of Meridia"
_ACTS: Final = {act.name: act for act in acts.ACTS}


def add_partners(demonstration: Demonstration) -> None:
    """The CSIRT of a neighbouring country, by mail alone; its key was made for the demonstration."""
    from pysequoia import Tsk

    days = timedelta(days=40)
    cert = Tsk.generate(f"{NAME} <cert@meridia.example>").extract_certificate()
    _do(
        demonstration, "add", days, name=NAME, mailbox="cert@meridia.example", countries="XB", languages="en, fr",
        hours="Mon to Fri 8 to 17 UTC+3, otherwise +999 5550 200", formats="text/plain\ntext/csv", largest=5_000_000,
    )  # fmt: skip
    _do(demonstration, "add-key", days, partner=NAME, content=str(cert))
    _do(
        demonstration, "confirm-key", days, partner=NAME, key=cert.fingerprint, way="telephone",
        said_by="Noor, head of operations", evidence="+999 5550 200, from the directory of FIRST",
    )  # fmt: skip
    _do(demonstration, "check", timedelta(days=30), partner=NAME, note="Answered within two hours")


def _do(demonstration: Demonstration, name: str, before: timedelta, /, **said: Any) -> None:
    person = demonstration.person(AccountRole.MANAGER)
    context = demonstration.context(demonstration.now - before, person)
    _ACTS[name].function(context, read_request(_ACTS[name], said))
