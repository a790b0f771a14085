"""The act by which a node makes the shipped texts for the public its own word."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, Field

from tocsin.delivery.texts import FaultError, TextFolders
from tocsin.incidents.arrivals.help_texts import adopt_help
from tocsin.incidents.arrivals.kinds import KINDS, ReportKind
from tocsin.interface import N_, Absence, Act, ActContext, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import SettingError
from tocsin.node.node import Node
from tocsin.node.paths import HomeFolder
from tocsin.node.records import AuditAction


class HelpTextAdoption(BaseModel):
    """Which texts."""

    kinds: Annotated[tuple[ReportKind, ...], Wording(choices=KINDS)] = Field(
        (), title=N_("Kind"), description="The kinds of incidents; none: all of them."
    )


class AdoptedHelpText(BaseModel):
    """A kind whose texts are adopted."""

    kind: ReportKind
    adopted_at: datetime
    adopted_by: str


def text_folders(node: Node) -> TextFolders:
    """The texts of a node, its own before the shipped ones."""
    return TextFolders(node.home / HomeFolder.TEMPLATES, node.settings.node.language)


def adopt(context: ActContext, request: HelpTextAdoption) -> list[AdoptedHelpText]:
    """Their files as they are now, in every language. The public reads them so until they are adopted again.

    Raises:
        SettingError: a file of the node's own cannot be used.

    """
    try:
        with context.database.begin() as session:
            kinds = adopt_help(
                session, text_folders(context.node), request.kinds, actor=context.signature, now=context.now
            )
    except FaultError as fault:
        raise SettingError(
            f"A text cannot be used. {fault}", hint="'tocsin templates check' names all that is wrong."
        ) from None
    return [AdoptedHelpText(kind=kind, adopted_at=context.now, adopted_by=context.signature) for kind in kinds]


ACTS: Final = (
    Act(
        "adopt", "Adopt the texts that tell the public what to do now", adopt, noun="help text",
        permission=Permission.RULES_WRITE, audit=(AuditAction.HELP_TEXT_ADOPTED,), command="help-texts adopt",
        route=Absence("A person reads a text before it is adopted."), page=OwnSurface("/reports/help-texts"),
        arguments=("kinds",),
        signed=("--as", "Who adopts them."), told="{kind}: adopted.", title=N_("Help texts"), button=N_("Adopt all"),
    ),
)  # fmt: skip
"""What can be done with texts for the public."""
