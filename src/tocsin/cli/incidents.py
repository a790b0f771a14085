"""`tocsin incidents`: what a person does with incidents."""

from tocsin.cli.acts import act_group
from tocsin.interface import Commands

app = Commands(cls=act_group("incidents"), help="Incidents: mails to their parties.", no_args_is_help=True)
