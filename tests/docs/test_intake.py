"""Every way in passes the filter of what must never be held: found in the code, not in a list that somebody keeps.

A way in is a function that reads what strangers send: the body of a request, a mail, a file that was given or fetched.
Each is named here with the function that lets it pass the filter; a new one fails until it is, too.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import tocsin

ROOT = Path(tocsin.__file__).parent
PLACES = ("cli", "interface", "server", "operations", "pipeline", "incidents", "assets", "exchange", "problems")
OF_REQUEST = {"form", "stream", "body"}
READS = {*OF_REQUEST, "open_reports", "open_mailbox", "read_mail", "read_arriving", "iter_raw"}
"""Calls by which bytes or texts of strangers come in; the first only on a ``request``."""

DOORS = {
    "interface/forms.py:_read": "pipeline/uploads/arrival.py:files",
    "pipeline/parse.py:passing": "pipeline/parse.py:passing",
    "pipeline/collectors/imap.py:look": "pipeline/collectors/spool.py:keep",
    "pipeline/collectors/imap.py:_read": "pipeline/collectors/spool.py:keep",
    "pipeline/collectors/stream.py:_while": "pipeline/collectors/spool.py:keep",
    "pipeline/collectors/web.py:body": "pipeline/collectors/spool.py:keep",
    "incidents/moving/mails.py:_kept": "incidents/moving/mails.py:_kept",
    "problems/replies/filing.py:file_mail": "problems/replies/filing.py:file_mail",
    "problems/replies/filing.py:read_mailbox": "problems/replies/filing.py:file_mail",
    "server/misp.py:_body": "exchange/protocols/offers.py:check_offer",
    "server/api/incident_evidence.py:send": "incidents/evidence/files.py:keep_file",
    "server/api/reports.py:_receive": "pipeline/uploads/arrival.py:files",
    "server/api/reports.py:_receive_form": "pipeline/uploads/arrival.py:files",
    "server/pages/public/report_forms.py:_message": "server/pages/public/report_pages.py:_read",
    "server/pages/public/report_forms.py:_bounded": "server/pages/public/report_forms.py:passed",
    "server/taxii.py:_body": "exchange/protocols/offers.py:check_offer",
    "server/pages/public/exchange_inbox.py:post": "exchange/ledger/taking.py:_wrong_contents",
    "server/pages/answer_forms.py:read_fields": "problems/answers/by_team.py:answer_problems",
}
"""Each way in, and the function that lets what came by it pass the filter."""

LET_IN = {
    "cli/replies.py:show": "a mail that was kept",
    "server/pages/today/not_told_pages.py:_text_of": "a mail that was kept",
    "server/pages/deliveries/mail_copies.py:copies": "a mail of ours",
    "problems/replies/reclassify.py:_bounce": "a mail that was kept",
    "problems/replies/reclassify.py:_answer": "a mail that was kept",
    "interface/authorization.py:_check_form": "reads the word of a form",
    "interface/authorization.py:_unsent": "shows what was typed once more, and keeps nothing of it",
    "server/pages/inbox/one_pages.py:_attached": "a mail that was kept",
    "operations/doctor.py:_mailbox": "looks whether a mailbox opens, and reads no mail",
    "server/pages/home_pages.py:switch": "chooses a language or theme of a closed list",
    "incidents/reply_text.py:reply_text": "keeps nothing: it is printed for whoever has the file",
    "server/api/routes.py:_once": "hashes the body, and keeps nothing of it",
}
"""What passed before, or lets nothing in; why."""

ALSO = {
    "pipeline/replay.py:replay",
    "pipeline/replay_preview.py:_open_row",
    "pipeline/comparison.py:_batches",
    "pipeline/feed_trial.py:try_feed",
    "assets/acts.py:_filter",
    "assets/rows.py:import_rows",
    "assets/sheet_acts.py:ask",
    "exchange/ledger/taking.py:_wrong_contents",
    "exchange/ledger/agreement_acts.py:import_",
    "exchange/partners/key_acts.py:kept",
    "exchange/partners/list_acts.py:import_list",
    "incidents/arrivals/files.py:kept_file",
    "incidents/arrivals/triage_acts.py:add_with_files",
    "incidents/moving/importing.py:_kept",
    "pipeline/comments.py:comment",
    "pipeline/inbox_problems.py:report_problems",
    "pipeline/ingest.py:_settled",
    "pipeline/list_intake.py:take_list",
    "problems/acts.py:mute_problems",
    "problems/acts.py:record_statement",
    "problems/answers/by_team.py:answer_problems",
    "server/pages/context.py:kept",
    "server/pages/portal/corrections.py:text",
    "server/pages/portal/report_page.py:_read",
    "server/pages/verify_pages.py:take",
}
"""What takes a text or report as an argument and lets it pass."""


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{path.relative_to(ROOT).as_posix()}:{node.name}", node


def reads(function: ast.AST) -> set[str]:
    """What of `READS` a function calls itself."""
    found = set()
    for node in ast.walk(function):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in OF_REQUEST:
            of = getattr(node.func, "value", None)
            name = name if isinstance(of, ast.Name) and of.id == "request" else ""
        found |= {name} & READS
    return found


def passes(function: ast.AST) -> bool:
    """Whether a function notes at a filter, or has it keep a text or bytes."""
    calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    return any(isinstance(call, ast.Attribute) and _is_filter(call) for call in calls)


def _outer(name: str) -> bool:
    """Whether it only makes the routes that read, which are functions of their own."""
    return name.endswith(("_pages", ":add_routes"))


def _is_filter(call: ast.Attribute) -> bool:
    of = getattr(call.value, "attr", getattr(call.value, "id", ""))
    return call.attr in {"kept", "kept_text", "may_be_kept", "note_found", "note_never_held"} or (
        call.attr == "note" and of == "intake"
    )


def test_every_way_in_is_known_and_passes_the_filter() -> None:
    ways = {name for name, function in functions() if reads(function) and not _outer(name)}
    assert ways == DOORS.keys() | LET_IN.keys()
    passing = {name for name, function in functions() if passes(function)}
    assert {*DOORS.values(), *ALSO} - passing == set()


def test_a_new_way_in_is_found() -> None:
    new = ast.parse("async def send(request):\n    return await request.form()\n")
    assert reads(new)
    assert not passes(new)
    assert not reads(ast.parse("def send(letter):\n    return letter.body()\n"))
