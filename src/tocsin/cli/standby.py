"""`tocsin standby`: copies for a second machine, how it is, and sending without one."""

import typer

from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands

app = Commands(help="A second machine that follows by encrypted copies.", no_args_is_help=True)


@app.command()
def copy(call: NodeInvocation) -> None:
    """Bring what changed into the folder of the settings now; the server does it by itself."""
    from tocsin.operations.standby_copy import make_copy

    done = make_copy(call.node, now=call.clock)
    words = f"{done.files:,} new files and blocks, {done.bytes:,} bytes" if done.files else "Nothing had changed"
    call.emit(vars(done), f"{words}; {done.seconds:.1f} seconds. The newest copy is of {done.made:%H:%M:%S} UTC.")


@app.command()
def status(call: NodeInvocation) -> None:
    """Say how old the newest copy is, when a takeover was last tried, and what keeps mails from leaving."""
    from tocsin.operations.standby_state import standby_state

    state = standby_state(call.node, call.now)
    call.emit(vars(state), state.words)
    if state.problem:
        raise typer.Exit(1)


@app.command()
def off(call: NodeInvocation) -> None:
    """Let mails leave without a second machine. Only where you know that none has taken over."""
    from tocsin.operations.standby_state import switch

    switch(call.node, on=False, now=call.now, actor=call.actor)
    call.emit({"on": False}, "Mails leave without copies from now on, until 'tocsin standby on'.")


@app.command()
def on(call: NodeInvocation) -> None:
    """Let mails leave only once a copy has them, as before 'off' and after a takeover."""
    from tocsin.operations.standby_state import switch

    switch(call.node, on=True, now=call.now, actor=call.actor)
    call.emit({"on": True}, "Mails leave once a copy has them. The next copy is made now: 'tocsin standby copy'.")
