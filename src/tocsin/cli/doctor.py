"""`tocsin doctor`: what is wrong, and how to mend it."""

import typer

from tocsin.cli.output import Invocation, emit, note, say


def doctor(ctx: typer.Context) -> None:
    """Say what is wrong with this node and how to mend it; exit 1 when something is."""
    from tocsin.doctor import examine

    invocation: Invocation = ctx.obj
    findings = examine(invocation.home)
    emit(invocation, [vars(finding) for finding in findings], lambda: None)
    if not invocation.json:
        for finding in findings:
            say(f"{'ok   ' if finding.ok else 'WRONG'}  {finding.what}: {finding.found}")
            if finding.mend:
                say(f"       {finding.mend}")
    wrong = sum(not finding.ok for finding in findings)
    if wrong:
        note(f"{wrong} of {len(findings)} checks failed.")
        raise typer.Exit(1)
