"""`tocsin serve`: the pages, and the work behind them."""

from typing import Annotated

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.cli.people import note_first_link
from tocsin.interface import note
from tocsin.node.garbage import uncollected


def serve(
    call: NodeInvocation,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Instead of server.port in the settings.")] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Only the pages for everybody, and those that mails link to.")
    ] = False,
) -> None:
    """Serve the pages of this node and, where [server] work says so, do what is due, until Ctrl-C."""
    with uncollected():  # a tenth of a start
        from tocsin.server.server import serve as run

    node = call.node
    server = node.settings.server
    port = port or server.port

    def ready() -> None:
        note(f"Serving http://{server.host}:{port} until Ctrl-C.")
        if not public:
            note_first_link(node.settings, node.database, node.home, port)

    run(node, port=port, public=public, ready=ready)
