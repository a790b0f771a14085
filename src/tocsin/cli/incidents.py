"""`tocsin incidents`: the incidents that a CSIRT works, and what is done with them."""

from tocsin.cli.acts import act_group
from tocsin.cli.incident_import import import_incidents
from tocsin.cli.incident_list import list_incidents, show_incident, verify
from tocsin.cli.incident_mails import reply_text, thread
from tocsin.cli.incident_reports import check_incidents, export_incident
from tocsin.interface import Commands

app = Commands(
    cls=act_group("incidents"),
    help="Incidents: open, assign, note, write to parties, merge, close. Restricted ones are not shown.",
    no_args_is_help=True,
)
app.command("list")(list_incidents)
app.command("show")(show_incident)
app.command("import")(import_incidents)
app.command("thread")(thread)
app.command("reply-text")(reply_text)
app.command("verify")(verify)
app.command("export")(export_incident)
app.command("check")(check_incidents)
