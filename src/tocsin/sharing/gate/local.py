"""Local rules: what this node keeps back beyond the table. They never widen what the table allows."""

from dataclasses import dataclass

from tocsin.sharing.gate.markings import Marking, Tlp
from tocsin.sharing.gate.terms import Audience, Recipient, ReleasePurpose


@dataclass(frozen=True, slots=True)
class RecipientRule:
    """Whom a rule concerns: ``teams`` (keys), ``kinds``, ``countries``; whoever the ``except_`` sets name, it does not.

    Empty sets do not narrow.
    """

    id: str
    teams: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    except_teams: frozenset[str] = frozenset()
    except_kinds: frozenset[str] = frozenset()
    except_countries: frozenset[str] = frozenset()

    def names(self, recipient: Recipient) -> bool:
        """Whether the recipient is one of these."""
        return (
            (not self.teams or recipient.team in self.teams)
            and (not self.kinds or recipient.kind in self.kinds)
            and (not self.countries or recipient.country in self.countries)
            and recipient.team not in self.except_teams
            and recipient.kind not in self.except_kinds
            and recipient.country not in self.except_countries
        )


@dataclass(frozen=True, slots=True)
class LocalRule(RecipientRule):
    """One rule, for the items that its caller found it to hold for.

    It is about sharing with others: teams of our own organisation it concerns only where it names them, or by ``ours``.
    What it does: ``refuse`` everything, let nothing above ``up_to`` go, or ``hide`` fields of the schema.
    """

    words: str = ""
    purposes: frozenset[ReleasePurpose] = frozenset()
    ours: bool = False
    refuse: bool = False
    up_to: Tlp | None = None
    hide: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """How verdicts name it: apart from the rules of the table."""
        return f"local:{self.id}"

    def concerns(self, recipient: Recipient, purpose: ReleasePurpose) -> bool:
        """Whether it says anything of this recipient and purpose."""
        return (
            (self.ours or recipient.audience is not Audience.OWN or recipient.team in self.teams)
            and (not self.purposes or purpose in self.purposes)
            and self.names(recipient)
        )

    def stops(self, marking: Marking) -> bool:
        """Whether it keeps an item of this marking back."""
        return self.refuse or (self.up_to is not None and marking.tlp.rank > self.up_to.rank)
