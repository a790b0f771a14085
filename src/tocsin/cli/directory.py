"""``tocsin directory``: teams, how they want to be told, and which part of the network each answers for.

A file ``directory_*.py`` beside this one holds a few commands that belong together, in a nameless group of its own;
a line below makes them commands of ``tocsin directory``.
"""

import typer

from tocsin.cli import (
    directory_assertions,
    directory_cirts,
    directory_claims,
    directory_conflicts,
    directory_contacts,
    directory_coverage,
    directory_facts,
    directory_founding,
    directory_history,
    directory_import,
    directory_lookup,
    directory_merge,
    directory_profile,
    directory_registry,
    directory_sources,
    directory_team,
)
from tocsin.cli.acts import act_group

app = typer.Typer(
    cls=act_group(
        "directory",
        {
            "claim": directory_claims.show_ways,
            "decide": directory_conflicts.show_decision,
            "set": directory_facts.show_fact_said,
            "assert": directory_assertions.show_asserted,
            "deny": directory_assertions.show_denied,
            "withdraw": directory_assertions.show_withdrawn,
        },
    ),
    no_args_is_help=True,
    help="Teams, how they want to be notified, and what each answers for.",
)

app.add_typer(directory_import.app)
app.add_typer(directory_team.app)
app.add_typer(directory_facts.app)
app.add_typer(directory_profile.app)
app.add_typer(directory_founding.app)
app.add_typer(directory_conflicts.app)
app.add_typer(directory_history.app)
app.add_typer(directory_merge.app)
app.add_typer(directory_registry.app)
app.add_typer(directory_sources.app)
app.add_typer(directory_contacts.app)
app.add_typer(directory_coverage.app)
app.add_typer(directory_cirts.app)
app.add_typer(directory_claims.app)
app.add_typer(directory_lookup.app)
