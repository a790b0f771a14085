"""What a registry says, and what must change so that the records say the same: frames in, frames out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tocsin.directory.difference_text import FEW

if TYPE_CHECKING:
    import polars as pl

TEAMS: Final = ("team", "name", "organisation", "country")
MAILBOXES: Final = ("team", "address", "purpose")
RULES: Final = ("team", "kind", "value", "said_by")
UNSURE: Final = ("kind", "value")
_FEW_WORDS = {"team", "kind", "said_by", "purpose"}


def schema(columns: Sequence[str]) -> "pl.Schema":
    """The types of these columns. What repeats is Categorical: a large registry would not fit otherwise."""
    import polars as pl

    numbers: dict[str, pl.DataType] = {"id": pl.Int64(), "span": pl.UInt64()}
    words = dict.fromkeys(_FEW_WORDS, pl.Categorical())
    return pl.Schema({name: (numbers | words).get(name, pl.String()) for name in columns})


@dataclass(frozen=True)
class RegistrySnapshot:
    """What a registry says, whole; columns are typed as by ``schema``.

    ``teams`` (``TEAMS``) by key, ``mailboxes`` (``MAILBOXES``), ``rules`` (``RULES``; ``kind`` and ``value`` are
    those of a ``Rule``, each pair once, ``said_by`` is how the team was found). ``unsure`` are kinds and values of
    which it cannot be said now whose they are: what was said of them before stays. ``speaks`` are the kinds of rules
    that it has a place for: of others nothing is withdrawn. ``objects`` counts what was read, ``silent`` what of it
    names nobody, ``elsewhere`` what is of other countries than those asked for.
    """

    source: str
    teams: "pl.DataFrame"
    mailboxes: "pl.DataFrame"
    rules: "pl.DataFrame"
    unsure: "pl.DataFrame"
    speaks: frozenset[str]
    objects: dict[str, int]
    silent: dict[str, int]
    elsewhere: dict[str, int]


@dataclass(frozen=True)
class StoredAssertions:
    """What is in the records: all teams, and the assertions of this source that stand, with their numbers in ``id``.

    ``worded`` (``team``, ``field``) are fields of teams of which a person's word stands.
    """

    teams: "pl.DataFrame"
    mailboxes: "pl.DataFrame"
    rules: "pl.DataFrame"
    worded: "pl.DataFrame"


@dataclass(frozen=True)
class RegistryChanges:
    """Rows to record, rows to withdraw (with ``id``); how many stand already, and how many stay though not said."""

    new: "pl.DataFrame"
    gone: "pl.DataFrame"
    same: int
    kept: int

    def lost(self, on: Sequence[str]) -> int:
        """How many go for which nothing new comes, by these columns."""
        return len(self.gone.join(self.new, on=on, how="anti"))


@dataclass(frozen=True)
class RegistryDifference:
    """What to write. ``teams_changed`` has ``id`` and the fields as they are to be."""

    teams_new: "pl.DataFrame"
    teams_changed: "pl.DataFrame"
    teams_same: int
    mailboxes: RegistryChanges
    rules: RegistryChanges

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        parts = (self.mailboxes.new, self.mailboxes.gone, self.rules.new, self.rules.gone)
        return not any(len(part) for part in (self.teams_new, self.teams_changed, *parts))

    def shrinkage(self, most: int) -> str:
        """What of a source shrinks by more than ``most`` percent, in words; empty when nothing does."""
        found = []
        parts = (("rules", self.rules, ("kind", "value")), ("mailboxes", self.mailboxes, ("team",)))
        for name, part, on in parts:
            gone, before = part.lost(on), part.same + len(part.gone) + part.kept
            if gone > FEW and gone * 100 > most * before:
                found.append(f"{gone:,} of {before:,} {name} ({gone * 100 // before} %)")
        return " and ".join(found)


def compare(said: RegistrySnapshot, stored: StoredAssertions) -> RegistryDifference:
    """What must change so that the records say what the registry says.

    What it no longer says is withdrawn, except of a number of which something is wrong now, and of a kind of number
    that these files have no place for: a slip, or a missing file, must not take a network from the team that answers
    for it. The mailboxes of a team that keeps a rule in this way stay too.
    """
    import polars as pl

    teams_new = said.teams.join(stored.teams, on="team", how="anti")
    rules = _changes(said.rules, stored.rules, RULES)
    kept = rules.gone.filter(~pl.col("kind").cast(pl.String).is_in(list(said.speaks)))
    kept = pl.concat([kept, rules.gone.join(said.unsure, on=["kind", "value"], how="semi")]).unique("id")
    rules = _keep(rules, kept)
    boxes = _changes(said.mailboxes, stored.mailboxes, MAILBOXES)
    boxes = _keep(boxes, boxes.gone.join(kept, on="team", how="semi"))
    return RegistryDifference(
        teams_new=teams_new,
        teams_changed=_changed(said.teams, stored),
        teams_same=len(said.teams) - len(teams_new),
        mailboxes=boxes,
        rules=rules,
    )


def _changes(said: "pl.DataFrame", stored: "pl.DataFrame", on: tuple[str, ...]) -> RegistryChanges:
    new = said.join(stored, on=on, how="anti", nulls_equal=True)
    gone = stored.join(said, on=on, how="anti", nulls_equal=True)
    return RegistryChanges(new, gone, len(said) - len(new), 0)


def _keep(changes: RegistryChanges, kept: "pl.DataFrame") -> RegistryChanges:
    """The same changes, of which these rows are not withdrawn."""
    return RegistryChanges(changes.new, changes.gone.join(kept, on="id", how="anti"), changes.same, len(kept))


def _changed(said: "pl.DataFrame", stored: StoredAssertions) -> "pl.DataFrame":
    """Teams of which a field is to change; a field that a person spoke of stays."""
    import polars as pl

    fields = TEAMS[1:]
    both = stored.teams.join(said, on="team", suffix="_said")
    spoken = stored.worded.group_by("team").agg(fixed=pl.col("field"))
    both = both.join(spoken, on="team", how="left")
    told = [
        pl.when((pl.col(f"{name}_said") == "") | pl.col("fixed").list.contains(name).fill_null(value=False))
        .then(name)
        .otherwise(f"{name}_said")
        .alias(f"{name}_new")
        for name in fields
    ]
    rows = both.with_columns(told).filter(pl.any_horizontal(pl.col(name) != pl.col(f"{name}_new") for name in fields))
    return rows.select("id", "team", *(pl.col(f"{name}_new").alias(name) for name in fields))
