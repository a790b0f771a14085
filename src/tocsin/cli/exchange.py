"""`tocsin exchange`: what goes to and comes from partners, checked. Nothing is stored."""

from tocsin.cli import exchange_verify
from tocsin.interface import Commands

app = Commands(
    help="Files of other systems: check them by their standards, convert them. Nothing is stored or sent.",
    no_args_is_help=True,
)
app.add_typer(exchange_verify.app)
