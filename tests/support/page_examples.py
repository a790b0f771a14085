"""A node with something of every kind on it, and for each address with a name in it: an own, a foreign and no such one.

"Own" belongs to the operator of the fixed cast, "foreign" to the sector team; where a thing belongs to no team the
two are the same.
"""

import re
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from sqlalchemy import select

from support.assets import FIELDS, Keeper, switch_on
from support.cast import HEADER
from support.console_users import person
from support.duty_example import make_duty
from support.incident_mails import answer_to_id, make_case
from support.partner_examples import claim
from support.world import World
from tocsin.delivery import Delivery
from tocsin.delivery.never_held import Reference, ReferenceState, find_reference, note_reference
from tocsin.directory import teams_by_id
from tocsin.directory.claims import make_claim
from tocsin.incidents import (
    IncidentEntryKind,
    ObservableKind,
    add_entry,
    add_incident,
    add_observable,
    add_party,
    add_task,
    mail_context,
)
from tocsin.incidents.arrivals import (
    PublicReport,
    ReportAttachment,
    ReportForm,
    ReportKind,
    file_report,
    form_word,
    ticket_of,
)
from tocsin.incidents.clocks import ClockStart, parsed
from tocsin.incidents.clocks.adoption import adopt_text
from tocsin.incidents.clocks.write import ClockBeginning, start_clock, writer_for
from tocsin.incidents.evidence import EvidenceKind
from tocsin.incidents.evidence.write import add_hold, add_item
from tocsin.incidents.models import IncidentPopulation
from tocsin.incidents.notices import acts as notice_acts
from tocsin.incidents.playbooks import acts as playbook_acts
from tocsin.incidents.takedowns import acts as takedown_acts
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.paths import HomeFolder
from tocsin.node.tokens import open_tokens
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.uploads import arrive
from tocsin.problems import ProblemSearch
from tocsin.problems.answers import AnswerVerdict, Via, problem_text, record_answer, told_problems
from tocsin.problems.replies import file_mail
from tocsin.sharing.rules import set_rules

_PILLARS = """\
A text

1.\tPillars
a) Share warnings with everybody.

· Aland, Government: Share warnings with those concerned.

b) Keep logs for a year.
"""
OPERATOR, SECTOR = "operator", "sector"
OWN, FOREIGN, NOBODYS = "192.0.2.1", "192.0.2.130", "203.0.113.9"


@dataclass(frozen=True)
class Example:
    """What to fill into the braces of an address, several names apart by blanks; ``at``: the address with the own."""

    at: str
    own: str
    foreign: str
    missing: str


# Address → which kind of thing its braces name; a new address needs its line.
EXAMPLES: dict[str, str] = {
    "/api/v1/duty/call-outs/{call_out}/acknowledge": "call-out",
    "/api/v1/duty/changes/{change}/answer": "duty change",
    "/api/v1/duty/changes/{change}/withdraw": "duty change",
    "/api/v1/duty/notes/{note}/read": "duty note",
    "/api/v1/duty/rosters/{roster}/edit": "roster",
    "/api/v1/duty/rosters/{roster}/hand-over": "roster",
    "/api/v1/duty/rosters/{roster}/override": "roster",
    "/api/v1/duty/rosters/{roster}/retire": "roster",
    "/api/v1/duty/rosters/{roster}/swap": "roster",
    "/api/v1/duty/rules/{rule}/end": "call-out rule",
    "/api/v1/duty/rules/{rule}/test": "call-out rule",
    "/call/{token}": "call link",
    "/duty/calendar/{secret}.ics": "duty calendar",
    "/duty/call-outs/{call_out}/acknowledge": "call-out",
    "/duty/changes/{change}/answer": "duty change",
    "/duty/changes/{change}/withdraw": "duty change",
    "/duty/notes/{note}/read": "duty note",
    "/duty/rosters/{roster}/edit": "roster",
    "/duty/rosters/{roster}/hand-over": "roster",
    "/duty/rosters/{roster}/override": "roster",
    "/duty/rosters/{roster}/retire": "roster",
    "/duty/rosters/{roster}/swap": "roster",
    "/duty/rules/{rule}/end": "call-out rule",
    "/duty/rules/{rule}/test": "call-out rule",
    "/admin/people/{number:int}": "person",
    "/admin/people/{number}/block": "person",
    "/admin/people/{number}/remove": "person",
    "/admin/people/{number}/{act}": "person",
    "/api/v1/claims/{number}": "claim",
    "/api/v1/claims/{number}/approve": "claim",
    "/api/v1/claims/{number}/check": "claim",
    "/api/v1/claims/{number}/code": "claim",
    "/api/v1/claims/{number}/refuse": "claim",
    "/api/v1/deliveries/{reference}": "delivery",
    "/api/v1/deliveries/{reference}/drop": "delivery",
    "/api/v1/deliveries/{reference}/hold": "delivery",
    "/api/v1/deliveries/{reference}/release": "delivery",
    "/api/v1/deliveries/{reference}/repeat": "delivery",
    "/api/v1/deliveries/{reference}/retry": "delivery",
    "/api/v1/events/{id}": "event",
    "/api/v1/feeds/alarms/{alarm}": "alarm",
    "/api/v1/inbox/{reference}": "inbox",
    "/api/v1/inbox/{reference}/answer": "inbox",
    "/api/v1/inbox/{reference}/basis": "inbox",
    "/api/v1/inbox/{reference}/consent": "inbox",
    "/api/v1/inbox/{reference}/consent/withdraw": "inbox",
    "/api/v1/inbox/{reference}/order": "inbox",
    "/api/v1/notices/{reference}": "notice",
    "/api/v1/notices/{reference}/answer": "notice",
    "/api/v1/inbox/{reference}/assign": "inbox",
    "/api/v1/inbox/{reference}/erase": "inbox",
    "/api/v1/inbox/{reference}/close": "inbox",
    "/api/v1/inbox/{reference}/hand-over": "inbox",
    "/api/v1/inbox/{reference}/incident": "inbox",
    "/api/v1/inbox/{reference}/new-incident": "inbox",
    "/api/v1/inbox/{reference}/reject": "inbox",
    "/api/v1/inbox/{reference}/ring-back": "inbox",
    "/api/v1/inbox/{reference}/take-out": "inbox",
    "/api/v1/inbox/{reference}/leave": "inbox",
    "/api/v1/inbox/{reference}/note": "inbox",
    "/api/v1/inbox/{reference}/notify": "inbox",
    "/api/v1/inbox/{reference}/state": "inbox",
    "/api/v1/inbox/{reference}/take": "inbox",
    "/api/v1/incidents/{reference}": "incident",
    "/api/v1/incidents/{reference}/access/{person}/review": "incident person",
    "/api/v1/incidents/{reference}/assign": "incident",
    "/api/v1/incidents/{reference}/classify": "incident",
    "/api/v1/incidents/{reference}/close": "incident",
    "/api/v1/incidents/{reference}/correct": "incident",
    "/api/v1/incidents/{reference}/leave": "incident",
    "/api/v1/incidents/{reference}/let-in": "incident",
    "/api/v1/incidents/{reference}/mark": "incident",
    "/api/v1/incidents/{reference}/merge": "incident",
    "/api/v1/incidents/{reference}/milestone": "incident",
    "/api/v1/incidents/{reference}/note": "incident",
    "/api/v1/incidents/{reference}/affected": "incident",
    "/api/v1/incidents/{reference}/affected/notify": "incident",
    "/api/v1/incidents/{reference}/affected/text": "incident",
    "/api/v1/incidents/{reference}/affected/text/withdraw": "incident",
    "/api/v1/incidents/{reference}/affected/{population}/detach": "incident population",
    "/api/v1/incidents/{reference}/affected/{population}/freeze": "incident population",
    "/api/v1/incidents/{reference}/observables/{observable}/affected": "incident observable",
    "/api/v1/incidents/{reference}/observables/{observable}/validity": "incident observable",
    "/api/v1/incidents/{reference}/observables/look-up": "incident",
    "/api/v1/incidents/{reference}/observables/review": "incident",
    "/api/v1/incidents/{reference}/observables": "incident",
    "/api/v1/incidents/{reference}/observables/{observable}/withdraw": "incident observable",
    "/api/v1/incidents/{reference}/parties": "incident",
    "/api/v1/incidents/{reference}/parties/{party}/left": "incident party",
    "/api/v1/incidents/{reference}/rate": "incident",
    "/api/v1/incidents/{reference}/reject": "incident",
    "/api/v1/incidents/{reference}/rename": "incident",
    "/api/v1/incidents/{reference}/reopen": "incident",
    "/api/v1/incidents/{reference}/restrict": "incident",
    "/api/v1/incidents/{reference}/take": "incident",
    "/api/v1/incidents/{reference}/take-out": "incident",
    "/api/v1/incidents/{reference}/tasks": "incident",
    "/api/v1/incidents/{reference}/tasks/{task}/assign": "incident task",
    "/api/v1/incidents/{reference}/tasks/{task}/done": "incident task",
    "/api/v1/incidents/{reference}/tasks/{task}/drop": "incident task",
    "/api/v1/incidents/{reference}/tasks/{task}/take": "incident task",
    "/api/v1/incidents/{reference}/takedowns": "incident",
    "/api/v1/incidents/{reference}/takedowns/answer": "incident",
    "/api/v1/incidents/{reference}/takedowns/ask": "incident",
    "/api/v1/incidents/{reference}/takedowns/check": "incident",
    "/api/v1/incidents/{reference}/takedowns/look-up": "incident",
    "/api/v1/incidents/{reference}/takedowns/object": "incident",
    "/api/v1/incidents/{reference}/takedowns/refuse": "incident",
    "/api/v1/incidents/{reference}/takedowns/remind": "incident",
    "/api/v1/incidents/{reference}/takedowns/saw": "incident",
    "/api/v1/incidents/{reference}/takedowns/withdraw": "incident",
    "/api/v1/incidents/{reference}/unmerge": "incident",
    "/api/v1/incidents/{reference}/unrestrict": "incident",
    "/api/v1/incidents/{reference}/wait": "incident",
    "/api/v1/incidents/{reference}/clocks": "incident",
    "/api/v1/incidents/{reference}/clocks/{clock}/met": "incident clock",
    "/api/v1/incidents/{reference}/clocks/{clock}/move": "incident clock",
    "/api/v1/incidents/{reference}/clocks/{clock}/not-applicable": "incident clock",
    "/api/v1/incidents/{reference}/clocks/{clock}/recalculate": "incident clock",
    "/api/v1/incidents/{reference}/clocks/{clock}/reopen": "incident clock",
    "/api/v1/incidents/{reference}/rating": "incident",
    "/api/v1/incidents/{reference}/mails": "mailed incident",
    "/api/v1/incidents/{reference}/parties/{party}/address": "mailed party",
    "/api/v1/incidents/{reference}/parties/{party}/mails": "mailed party",
    "/api/v1/incidents/{reference}/parties/{party}/mails/{mail}/accept": "mail of party",
    "/api/v1/incidents/{reference}/parties/{party}/mails/{mail}/refuse": "mail of party",
    "/api/v1/incidents/{reference}/parties/{party}/no-answer": "mailed party",
    "/incidents/{reference}/clocks": "incident",
    "/incidents/{reference}/clocks/{clock}/met": "incident clock",
    "/incidents/{reference}/clocks/{clock}/move": "incident clock",
    "/incidents/{reference}/clocks/{clock}/not-applicable": "incident clock",
    "/incidents/{reference}/clocks/{clock}/recalculate": "incident clock",
    "/incidents/{reference}/clocks/{clock}/reopen": "incident clock",
    "/incidents/{reference}/rating": "incident",
    "/api/v1/incidents/{reference}/evidence": "incident",
    "/api/v1/incidents/{reference}/evidence/files": "incident",
    "/api/v1/incidents/{reference}/evidence/report": "incident",
    "/api/v1/incidents/{reference}/evidence/mail": "incident",
    "/api/v1/incidents/{reference}/evidence/export": "incident",
    "/api/v1/incidents/{reference}/holds": "incident",
    "/api/v1/incidents/{reference}/evidence/{evidence}/custody": "incident evidence",
    "/api/v1/incidents/{reference}/evidence/{evidence}/destroy": "incident evidence",
    "/api/v1/incidents/{reference}/evidence/{evidence}/keep": "incident evidence",
    "/api/v1/incidents/{reference}/evidence/{evidence}/file": "incident evidence",
    "/api/v1/incidents/{reference}/holds/{hold}/lift": "incident hold",
    "/incidents/{reference}/evidence": "incident",
    "/incidents/{reference}/evidence/files": "incident",
    "/incidents/{reference}/evidence/report": "incident",
    "/incidents/{reference}/evidence/mail": "incident",
    "/incidents/{reference}/evidence/export": "incident",
    "/incidents/{reference}/holds": "incident",
    "/incidents/{reference}/evidence/{evidence}/custody": "incident evidence",
    "/incidents/{reference}/evidence/{evidence}/destroy": "incident evidence",
    "/incidents/{reference}/evidence/{evidence}/keep": "incident evidence",
    "/incidents/{reference}/evidence/{evidence}/file": "incident evidence",
    "/incidents/{reference}/holds/{hold}/lift": "incident hold",
    "/incidents/{reference}/report": "incident",
    "/clocks/texts/{law}": "clock text",
    "/clocks/texts/{law}/adopt": "clock text",
    "/clocks/texts/{law}/withdraw": "clock text",
    "/incidents/{reference}/announce": "mailed incident",
    "/incidents/{reference}/parties/{party}": "mailed party",
    "/incidents/{reference}/parties/{party}/accept": "mailed party",
    "/incidents/{reference}/parties/{party}/address": "mailed party",
    "/incidents/{reference}/parties/{party}/draft": "mailed party",
    "/incidents/{reference}/parties/{party}/no-answer": "mailed party",
    "/incidents/{reference}/parties/{party}/refuse": "mailed party",
    "/incidents/{reference}/parties/{party}/send": "mailed party",
    "/api/v1/never-held/{reference}": "never held",
    "/api/v1/never-held/{reference}/receipt": "never held",
    "/api/v1/never-held/{reference}/send-again": "never held",
    "/api/v1/ingests/{number}": "ingest",
    "/api/v1/problems/{problem}": "problem",
    "/api/v1/purges/{reference}": "purge",
    "/api/v1/quarantine/{number}": "ingest",
    "/api/v1/quarantine/{number}/leave": "ingest",
    "/api/v1/quarantine/{number}/mend": "ingest",
    "/api/v1/quarantine/{number}/replay": "ingest",
    "/api/v1/reports/{id}": "upload",
    "/api/v1/teams/{key}": "team",
    "/api/v1/teams/{team}/ask-limit": "team",
    "/api/v1/teams/{team}/assert": "team",
    "/api/v1/teams/{team}/archive": "team",
    "/api/v1/teams/{team}/edit": "team",
    "/api/v1/teams/{team}/restore": "team",
    "/api/v1/teams/{team}/confirm": "team",
    "/api/v1/teams/{team}/deny": "team",
    "/api/v1/teams/{team}/facts": "team",
    "/api/v1/teams/{team}/mutes": "team",
    "/api/v1/teams/{team}/mutes/end": "team",
    "/api/v1/teams/{team}/withdraw": "team",
    "/partners/{partner}": "partner",
    "/partners/{partner}/change": "partner",
    "/partners/{partner}/check": "partner",
    "/partners/{partner}/keys": "partner",
    "/partners/{partner}/keys/{key}/confirm": "partner key",
    "/partners/{partner}/keys/{key}/end": "partner key",
    "/partners/{partner}/remove": "partner",
    "/assets/{asset}": "asset",
    "/assets/{asset}/acknowledge": "asset",
    "/assets/{asset}/change": "asset",
    "/assets/{asset}/remove": "asset",
    "/assets/changes/{change}": "change of asset",
    "/assets/sheets/{sheet}/approve": "call sheet",
    "/assets/sheets/{sheet}/destroy": "call sheet",
    "/assets/sheets/{sheet}/print": "call sheet",
    "/incidents/{reference}/assets": "incident",
    "/claims/{number}": "claim",
    "/claims/{number}/check": "claim",
    "/claims/{number}/decide": "claim",
    "/coverage/{code}": "country",
    "/deliveries/{reference}": "delivery",
    "/undo/{number}": "undo",
    "/api/v1/undo/{number}": "undo",
    "/deliveries/{reference}/mails/{part}": "mail",
    "/deliveries/{reference}/mails/{part}/files/{number}": "file",
    "/deliveries/{reference}/mails/{part}/files/{number}/table": "file",
    "/deliveries/{reference}/why": "delivery",
    "/drafting/{name}": "text",
    "/drafting/{name}/chair": "text",
    "/drafting/{name}/close": "text",
    "/drafting/{name}/export": "text",
    "/drafting/{name}/history": "text",
    "/drafting/{name}/new": "text",
    "/drafting/{name}/positions": "text",
    "/drafting/{name}/provisions/{provision}": "provision",
    "/drafting/{name}/provisions/{provision}/comment": "provision",
    "/drafting/{name}/provisions/{provision}/confirm": "provision",
    "/drafting/{name}/provisions/{provision}/position": "provision",
    "/drafting/{name}/provisions/{provision}/propose": "provision",
    "/drafting/{name}/provisions/{provision}/wordings": "provision",
    "/drafting/{name}/restore": "text",
    "/drafting/{name}/undo/{step}": "step",
    "/readiness/evidence/{digest}": "evidence",
    "/readiness/frameworks/{framework}/{version}": "framework",
    "/readiness/frameworks/{framework}/{version}/assign": "framework",
    "/readiness/frameworks/{framework}/{version}/publish": "framework",
    "/readiness/frameworks/{name}.toml": "framework file",
    "/readiness/indices/{name}": "index",
    "/readiness/indices/{name}/{unit}/report.{ending}": "index unit",
    "/readiness/{number}": "assessment",
    "/readiness/{number}/close": "assessment",
    "/readiness/{number}/plan": "assessment",
    "/readiness/{number}/plan/done": "assessment",
    "/readiness/{number}/questions/{question}": "question",
    "/readiness/{number}/questions/{question}/appeal": "question",
    "/readiness/{number}/questions/{question}/decide": "question",
    "/readiness/{number}/questions/{question}/evidence": "question",
    "/readiness/{number}/questions/{question}/measure": "question",
    "/readiness/{number}/questions/{question}/review": "question",
    "/readiness/{number}/questions/{question}/use": "question",
    "/readiness/{number}/rank": "assessment",
    "/readiness/{number}/report": "assessment",
    "/readiness/{number}/report.{ending}": "report file",
    "/readiness/{number}/scores": "assessment",
    "/readiness/{number}/targets": "assessment",
    "/readiness/{number}/what-if": "assessment",
    "/directory/{key}": "CSIRT",
    "/events/views/{number}": "view",
    "/events/views/{number}/delete": "view",
    "/networks/{value:path}": "network",
    "/help/{kind}": "kind",
    "/never-held/{reference}": "never held",
    "/never-held/{reference}/receipt": "never held",
    "/never-held/{reference}/send-again": "never held",
    "/problems/{problem}": "problem",
    "/purge/{reference}": "purge",
    "/report/{reference}": "inbox",
    "/reports/feeds/alarms/{alarm}": "alarm",
    "/reports/feeds/{source}/{code}": "feed",
    "/reports/feeds/mapped/{feed}/add": "known feed",
    "/reports/feeds/mapped/{feed}/look": "known feed",
    "/reports/feeds/mapped/{feed}/pause": "known feed",
    "/reports/feeds/mapped/{feed}/remove": "known feed",
    "/reports/feeds/mapped/{feed}/restore": "known feed",
    "/reports/feeds/mapped/{feed}/resume": "known feed",
    "/api/v1/feeds/{feed}/mapping": "known feed",
    "/api/v1/feeds/{feed}/pause": "known feed",
    "/api/v1/feeds/{feed}/restore": "known feed",
    "/api/v1/feeds/{feed}/resume": "known feed",
    "/incidents/{reference}": "incident",
    "/incidents/{reference}/access/{person}/review": "incident person",
    "/incidents/{reference}/act": "incident",
    "/incidents/{reference}/assign": "incident",
    "/incidents/{reference}/classify": "incident",
    "/incidents/{reference}/close": "incident",
    "/incidents/{reference}/correct": "incident",
    "/incidents/{reference}/leave": "incident",
    "/incidents/{reference}/let-in": "incident",
    "/incidents/{reference}/mark": "incident",
    "/incidents/{reference}/merge": "incident",
    "/incidents/{reference}/milestone": "incident",
    "/incidents/{reference}/note": "incident",
    "/incidents/{reference}/affected": "incident",
    "/incidents/{reference}/affected/notify": "incident",
    "/incidents/{reference}/affected/text": "incident",
    "/incidents/{reference}/affected/text/withdraw": "incident",
    "/incidents/{reference}/affected/{population}/detach": "incident population",
    "/incidents/{reference}/affected/{population}/freeze": "incident population",
    "/incidents/{reference}/observables/{observable}/affected": "incident observable",
    "/incidents/{reference}/observables/{observable}/validity": "incident observable",
    "/incidents/{reference}/observables/look-up": "incident",
    "/incidents/{reference}/observables/review": "incident",
    "/incidents/{reference}/observables": "incident",
    "/incidents/{reference}/observables/{observable}/withdraw": "incident observable",
    "/incidents/{reference}/parties": "incident",
    "/incidents/{reference}/parties/{party}/left": "incident party",
    "/incidents/{reference}/rate": "incident",
    "/incidents/{reference}/reject": "incident",
    "/incidents/{reference}/rename": "incident",
    "/incidents/{reference}/reopen": "incident",
    "/incidents/{reference}/restrict": "incident",
    "/incidents/{reference}/take": "incident",
    "/incidents/{reference}/take-out": "incident",
    "/incidents/{reference}/tasks": "incident",
    "/incidents/{reference}/tasks/{task}/assign": "incident task",
    "/incidents/{reference}/tasks/{task}/done": "incident task",
    "/incidents/{reference}/tasks/{task}/drop": "incident task",
    "/incidents/{reference}/tasks/{task}/take": "incident task",
    "/incidents/{reference}/takedowns": "incident",
    "/incidents/{reference}/takedowns/answer": "incident",
    "/incidents/{reference}/takedowns/ask": "incident",
    "/incidents/{reference}/takedowns/check": "incident",
    "/incidents/{reference}/takedowns/look-up": "incident",
    "/incidents/{reference}/takedowns/object": "incident",
    "/incidents/{reference}/takedowns/refuse": "incident",
    "/incidents/{reference}/takedowns/remind": "incident",
    "/incidents/{reference}/takedowns/saw": "incident",
    "/incidents/{reference}/takedowns/withdraw": "incident",
    "/incidents/{reference}/unmerge": "incident",
    "/incidents/{reference}/unrestrict": "incident",
    "/incidents/{reference}/wait": "incident",
    "/incidents/{reference}/playbooks": "incident",
    "/incidents/{reference}/playbooks/{run}/answer": "incident run",
    "/incidents/{reference}/playbooks/{run}/stop": "incident run",
    "/api/v1/incidents/{reference}/playbooks": "incident",
    "/api/v1/incidents/{reference}/playbooks/{run}/answer": "incident run",
    "/api/v1/incidents/{reference}/playbooks/{run}/stop": "incident run",
    "/incidents/{reference}/closing": "incident",
    "/incidents/{reference}/closing/cause": "incident",
    "/incidents/{reference}/closing/figures": "incident",
    "/api/v1/incidents/{reference}/closing/cause": "incident",
    "/api/v1/incidents/{reference}/closing/figures": "incident",
    "/playbooks/{playbook}": "playbook",
    "/playbooks/{playbook}/file": "playbook",
    "/playbooks/{playbook}/remove": "playbook",
    "/reports/public/{reference}": "inbox",
    "/reports/public/{reference}/assign": "inbox",
    "/reports/public/{reference}/basis": "inbox",
    "/reports/public/{reference}/consent": "inbox",
    "/reports/public/{reference}/withdraw-consent": "inbox",
    "/reports/public/{reference}/order": "inbox",
    "/incidents/{reference}/notices": "incident",
    "/notices/{reference}": "notice",
    "/notices/{reference}/answer": "notice",
    "/portal/notices/{reference}": "notice",
    "/reports/public/{reference}/erase": "inbox",
    "/reports/public/{reference}/files/{number}": "inbox file",
    "/reports/public/{reference}/leave": "inbox",
    "/reports/public/{reference}/mails/{number}": "inbox mail",
    "/reports/public/{reference}/notify": "inbox",
    "/reports/public/{reference}/ring-back": "inbox",
    "/reports/public/{reference}/say": "inbox",
    "/portal/undo/{answer}": "answer",
    "/reports/public/{reference}/state": "inbox",
    "/reports/public/{reference}/take": "inbox",
    "/reports/quarantine/{number}/{place}": "row",
    "/reports/sent/{uuid}": "upload",
    "/reports/{number}": "ingest",
    "/reports/{number}/leave": "ingest",
    "/rules/versions/{number}": "version",
    "/teams/{key}": "team",
    "/teams/{key}/change": "team",
    "/teams/{key}/archive": "team",
    "/teams/{key}/details": "team",
    "/teams/{key}/restore": "team",
    "/teams/{key}/confirm": "team",
    "/teams/{key}/history": "team",
    "/teams/{key}/keys": "team",
    "/teams/{key}/mutes": "team",
    "/teams/{key}/preferences": "team",
    "/teams/{key}/profile": "team",
    "/teams/{key}/profile.txt": "team",
    "/teams/{key}/say": "team",
    "/teams/{key}/told": "team",
    "/teams/{key}/verify": "team",
}

# What some addresses must be asked.
QUERIES: dict[str, str] = {
    "/api/v1/comments": "?subject=ingest:1",
    "/api/v1/lookup": "?query=192.0.2.1",
    "/today/items": "?kind=no-contact",
    "/api/v1/search": "?q=192.0.2.1",
    "/drafting/{name}/export": "?form=markdown",
    "/deliveries/act": "?act=release&every=held",
    "/portal/contacts/deny": "?kind=prefix&value=192.0.2.0/24",
    "/problems/act": "?act=mute&every=found",
    "/incidents/{reference}/act": "?act=milestone",
    "/problems/inbox": "?every=found",
    "/problems/incident": "?every=found",
    "/incidents/act": "?act=close",
    "/notices/new": "?law=nis2&kind=early_warning",
    "/portal/notices/new": "?law=nis2&kind=early_warning",
    "/reports/public/act": "?act=close&every=found",
}


def fill(path: str, name: str) -> str:
    """The address with its braces filled in; several names are separated by blanks."""
    names = iter(name.split(" ")) if name else iter(())
    return re.sub(r"\{[^}]+\}", lambda _: next(names, "x"), path)


def furnish(world: World) -> dict[str, Example]:
    """Let the node hear, tell and be written to, and give the example of each address."""
    world.hear(OWN, FOREIGN, NOBODYS)
    world.tell()
    things = {
        "team": (OPERATOR, SECTOR, "nobody"),
        "kind": ("money", "money", "nothing"),
        "clock text": ("nis2", "nis2", "nothing"),
        "CSIRT": ("nat-a", "nat-a", "nobody"),
        "country": ("MU", "MU", "ZZ"),
        "network": ("192.0.2.0/24", "198.51.100.0/24", "nowhere"),
        "event": ("1-1", "1-2", "1-999"),
        "problem": _problem(world),
        "purge": ("event:1-1", "event:1-1", "event:1-999"),
        "ingest": ("2", "2", "999"),
        "row": (_broken_row(world), "2 0", "999 0"),
        "alarm": ("1", "1", "999"),
        "feed": ("shadowserver scan_rdp", "shadowserver scan_rdp", "shadowserver nothing"),
        "known feed": ("ci_army", "ci_army", "nothing"),
        "view": ("1", "1", "999"),
        "undo": ("1", "1", "999"),
        "person": (f"{person(world.node, AccountRole.ANALYST, now=world.now)} block", "999 block", "999 block"),
        "version": _rules(world),
        **_incident_mails(world),
        **_deliveries(world),
        **_claims(world),
        **_inbox(world),
        **_incidents(world),
        **make_duty(world),
        **_inbox_mail(world),
        "playbook": ("ransomware", "ransomware", "nothing"),
        "notice": _notices(world),
        "answer": _answers(world),
        "never held": _never_held(world),
        "upload": _upload(world),
        "text": (_text(world), "pillars", "nothing"),
        "provision": ("pillars P.a", "pillars P.a", "pillars P.z"),
        "step": ("pillars 2", "pillars 2", "pillars 99"),
        "assessment": ("1", "1", "999"),
        "question": ("1 a.1.1", "1 a.1.1", "999 a.1.1"),
        "framework": ("c5 1.0", "c5 1.0", "c5 9.9"),
        "framework file": ("c5", "c5", "nothing"),
        "report file": ("1 csv", "1 csv", "999 csv"),
        "evidence": _assessment(world),
        "index": (_index(world), "example", "nothing"),
        "index unit": ("example MUS csv", "example MUS csv", "example ZZZ csv"),
        **_assets(world),
        **_partners(world),
    }
    return {path: Example(fill(path, things[kind][0]), *things[kind]) for path, kind in EXAMPLES.items()}


def _assets(world: World) -> dict[str, tuple[str, str, str]]:
    """A register: an asset of the operator, one of another that needs it, a change to review, a sheet to approve."""
    switch_on(world)
    keeper, teams = Keeper(world), {team.key: number for number, team in teams_by_id(world.node.database).items()}
    own, foreign = keeper.add(**FIELDS), keeper.add("Cranes", team=SECTOR, needs="Harbour power; electricity; 2019")
    Keeper(world, AccountRole.OPERATOR, (teams[OPERATOR],)).do("change", asset=own, **{**FIELDS, "site": "Quay 5"})
    keeper.do("ask", asset=(own, foreign), holder="Safe of the duty room")
    return {
        "asset": (str(own), str(foreign), "999"),
        "change of asset": ("1", "1", "999"),
        "call sheet": ("1", "1", "999"),
    }


def _partners(world: World) -> dict[str, tuple[str, str, str]]:
    """A partner with a key to confirm."""
    claim(world)
    return {"partner": ("1", "1", "999"), "partner key": ("1 1", "1 1", "999 1")}


def _broken_row(world: World) -> str:
    """A report with a row that cannot be read; which one it is."""
    path = world.folder / f"{world.now:%Y-%m-%d}-scan_rdp-broken-geo.csv"
    rows = [f'"{world.now:%Y-%m-%d} 05:00:00","medium","{OWN}","tcp",3389,,"rdp",64500,"MU",,', '"","","no address",,,']
    path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    assert ingest(world.node, [path], clock=lambda: world.now).counts.quarantined == 1
    return "2 0"  # places count from 0


def _problem(world: World) -> tuple[str, str, str]:
    found = world.node.problems.find(ProblemSearch(address=OWN), now=world.now)
    own = problem_text(int(found.keys[0]))
    return own, own, "0" * 16


def _incident_mails(world: World) -> dict[str, tuple[str, str, str]]:
    """A party that answered, and a stranger in its place; the foreign incident is restricted to somebody else."""
    case = make_case(world, {"Lagoon Hospital": "it@hospital.example"})
    case.do("send", party="Lagoon Hospital", subject="Your file server", text="Please look at your file server.")
    sent = case.thread("Lagoon Hospital")[1][0]
    for sender in ("it@hospital.example", "doctor@home.example"):
        case.receive(answer_to_id(sent.message_id, "We look at it.", sender=sender))
    party, mail = case.parties["Lagoon Hospital"], case.thread("Lagoon Hospital")[1][-1].id
    other = make_case(world, {"Ministry": "it@ministry.example"}, members=(999_999,))
    mine, foreign, none = case.reference, other.reference, "INC-0000-0000"
    return {
        "mailed incident": (mine, foreign, none),
        "mailed party": (f"{mine} {party}", f"{foreign} {other.parties['Ministry']}", f"{mine} 999"),
        "mail of party": (
            f"{mine} {party} {mail}",
            f"{foreign} {other.parties['Ministry']} {mail}",
            f"{mine} {party} 999",
        ),
    }


def _rules(world: World) -> tuple[str, str, str]:
    text = '[[route]]\nid = "hears-too"\nnetwork = "198.51.100.0/24"\ninform = ["sector"]\nwhy = "They asked."\n'
    with world.node.database.begin() as session:
        set_rules(session, text, based_on=0, teams={SECTOR}, why="Asked", actor="test", now=world.now)
    return "1", "1", "999"


def _deliveries(world: World) -> dict[str, tuple[str, str, str]]:
    teams = teams_by_id(world.node.database)
    with world.node.database.reading() as session:
        told = {teams[row.team_id].key: row.reference for row in session.scalars(select(Delivery))}
    own, foreign, missing = told[OPERATOR], told[SECTOR], "TOC-2026-9999999"
    return {
        "delivery": (own, foreign, missing),
        "mail": (f"{own} 1", f"{foreign} 1", f"{missing} 1"),
        "file": (f"{own} 1 1", f"{foreign} 1 1", f"{missing} 1 1"),
    }


def _answers(world: World) -> tuple[str, str, str]:
    """Of the own team none: its problems are open."""
    teams = teams_by_id(world.node.database)
    with world.node.database.begin() as session:
        digest = next(row for row in session.scalars(select(Delivery)) if teams[row.team_id].key == SECTOR)
        keys = told_problems(session, world.node.store, digest)
        foreign = record_answer(
            session, delivery=digest, told=keys, verdict=AnswerVerdict.ACKNOWLEDGED, problems=keys, note="",
            via=Via.PAGE, said_by="", at=world.now, key="page:x:1:x",
        )  # fmt: skip
    missing = "00000000-0000-0000-0000-000000000000"
    return missing, str(foreign.uuid), missing


def _claims(world: World) -> dict[str, tuple[str, str, str]]:
    made = [
        make_claim(
            world.node.database, value, team=team, mailbox=f"abuse@{team}.example", claimed_by="test",
            sender=world.node.settings.node, now=world.now,
        ).number
        for team, value in ((OPERATOR, "8.8.8.0/24"), (SECTOR, "9.9.9.0/24"))
    ]  # fmt: skip
    return {"claim": (str(made[0]), str(made[1]), "999")}


def _never_held(world: World) -> tuple[str, str, str]:
    with world.node.database.begin() as session:
        reference = Reference("csam", "an-example", "192.0.2.1")
        number = note_reference(session, reference, place="upload", state=ReferenceState.NOTED, now=world.now)
        own = find_reference(session, f"NHR-{world.now.year}-{number:07d}").reference
    return own, own, f"NHR-{world.now.year}-9999999"


def _inbox(world: World) -> dict[str, tuple[str, str, str]]:
    tokens = open_tokens(world.node.home)
    ticket = ticket_of(form_word(tokens, world.now), tokens, world.now)
    assert ticket is not None
    filed = ReportForm(
        ReportKind.DECEIT, "A page that asks for passwords", place="http://bank.example/", mailbox="me@home.example"
    )
    files = [ReportAttachment("page.txt", b"what it says")]
    file_report(world.node.database, world.node.inbox, ticket, filed, files, now=world.now)
    own, missing = ticket.reference, "0000-0000"
    return {"inbox": (own, own, missing), "inbox file": (f"{own} 1", f"{own} 1", f"{missing} 1")}


def _incidents(world: World) -> dict[str, tuple[str, str, str]]:
    """One with something of every kind; what is foreign is restricted to somebody else."""
    with world.node.database.begin() as session:
        by: dict[str, Any] = {"actor": "person:9", "now": world.now}
        own = add_incident(session, title="Ransomware, Lagoon Hospital", rsit_type="infected-system", **by)
        party = add_party(
            session, own, role="victim", team=None, name="Lagoon Hospital", mailbox="it@hospital.example",
            phone="+230 5555 0100", language="en", ceiling="AMBER", now=world.now,
        )  # fmt: skip
        task = add_task(session, own, "Ask for the logs", owner=None, due_at=world.now, now=world.now)
        add_observable(
            session, own, ObservableKind.URL, "http://evil.example/x", role="indicator", tlp="AMBER", now=world.now
        )
        add_entry(session, own, IncidentEntryKind.NOTE, text="Rang the hospital", **by)
        foreign = add_incident(session, title="Leak at the ministry", members=[999_999], **by)
        affected = [
            IncidentPopulation(
                incident_id=one.id, compartment_id=one.compartment_id, keys="", added_at=world.now, frozen_at=None,
                query={"address": "192.0.2.0/24", "team": "ours"},
            )
            for one in (own, foreign)
        ]  # fmt: skip
        session.add_all(affected)
        session.flush()
        mine, other, none = own.reference, foreign.reference, "INC-0000-0000"
        adopted = adopt_text(session, world.node.home, "nis2", checked_by="Legal office", note="", **by)
        rule, begun = parsed(adopted.content).find("nis2-23-a"), ClockBeginning(ClockStart.INSTANT, world.now)
        clock, _ = start_clock(writer_for(session, **by), own, adopted, rule, begun, party=party.id)
        parts = {
            "task": task.id, "party": party.id, "observable": 1, "person": 999_999, "clock": clock.id, "run": 1,
            "population": affected[0].id,
        }  # fmt: skip
        digest = world.node.incident_evidence.put(b"10:01 login failed")
        item = add_item(
            session, own, name="auth.log", kind=EvidenceKind.FILE, sha256=digest, size=18, kept=True, now=world.now
        )
        hold = add_hold(session, own, ordered_by="Court", order_reference="12/26", until=None, now=world.now)
        parts |= {"evidence": item.id, "hold": hold.id}
    start = next(one for one in playbook_acts.INCIDENT_ACTS if one.name == "start")
    context = ActContext(world.node, world.now, "test", act=start)
    start.function(context, read_request(start, {"reference": mine, "playbook": "ransomware"}))
    act = next(one for one in takedown_acts.ACTS if one.name == "propose")
    context = ActContext(world.node, world.now, "person:9", "Analyst", 9, act=act)
    asked = {"text": f"http://evil.example/x {OWN}", "ground": "malware", "basis": "our terms", "how": "a scan"}
    act.function(context, read_request(act, {"reference": mine, "necessity": "It infects visitors.", **asked}))
    found = {f"incident {name}": (f"{mine} {n}", f"{other} {n}", f"{none} {n}") for name, n in parts.items()}
    return {"incident": (mine, other, none), **found}


def _inbox_mail(world: World) -> dict[str, tuple[str, str, str]]:
    mail = EmailMessage()
    mail["From"], mail["Message-ID"] = "ann@example.net", "<one@example.net>"
    mail.set_content("A further page that asks for passwords")
    number = file_mail(mail_context(world.node, world.node.store), bytes(mail), now=world.now).number
    with world.node.database.reading() as session:
        by_mail = session.scalars(select(PublicReport.reference).order_by(PublicReport.id.desc())).first()
    own = f"{by_mail} {number}"
    return {"inbox mail": (own, own, "0000-0000 1")}


def _notices(world: World) -> tuple[str, str, str]:
    """What the operator notified, and the sector team."""
    fields = {"aware_at": "2026-11-15 08:00", "what": "Ransomware", "malicious": "yes", "cross_border": "unknown"}
    act, made = notice_acts.ACTS[0], []
    for team in (OPERATOR, SECTOR):
        context = ActContext(world.node, world.now, "person:9", "Analyst", 9, act=act)
        values = {"team": team, "law": "nis2", "kind": "early_warning", "door": "paper", "received_at": world.now}
        made.append(act.function(context, read_request(act, values | {"fields": fields})).reference)
    return made[0], made[1], "0000-0000"


def _upload(world: World) -> tuple[str, str, str]:
    missing = "00000000-0000-0000-0000-000000000000"
    with arrive(world.node) as arrival:
        with arrival.file("report.csv") as out:
            out.write(b"a,b\n")
        kept = arrival.keep(source="", feed="", actor="test", now=world.now)
    return str(kept.uuid), str(kept.uuid), missing


def _text(world: World) -> str:
    path = world.folder / "pillars.txt"
    path.write_text(_PILLARS, encoding="utf-8")
    world.tocsin.run("drafting", "import", path)
    return path.stem


def _index(world: World) -> str:
    data, meta = world.folder / "data.csv", world.folder / "meta.csv"
    data.write_text("uCode,uName,laws,teams\nMUS,Mauritius,4,2\nFJI,Fiji,3,\nTON,Tonga,1,5\n", encoding="utf-8")
    meta.write_text(
        "iCode,Type,Parent,Direction,Weight\nlaws,Indicator,all,1,1\nteams,Indicator,all,1,1\nall,Aggregate,,1,1\n",
        encoding="utf-8",
    )
    for name in ("example", "second"):
        out = world.node.home / HomeFolder.INDICES / name
        world.tocsin.run("readiness", "build", "--data", data, "--meta", meta, "--out", out)
    return "example"


def _assessment(world: World) -> tuple[str, str, str]:
    by = ("--by", "test")
    world.tocsin.run("assessment", "import-framework", "c5", *by)
    world.tocsin.run("assessment", "assign", "c5", "1.0", "all", "--to", "Office", *by)
    world.tocsin.run("assessment", "publish", "c5", "1.0", *by)
    start = ("start", "MUS", "c5", "1.0", "--as-of", "2026-11-01", "--name", "Mauritius", "--group", "region=Africa")
    world.tocsin.run("assessment", *start, *by)
    for question, level in (("a.1.1", "2"), ("a.2.1", "3"), ("existing.1.1", "1"), ("b.1.1", "4")):
        world.tocsin.run("assessment", "answer", "1", question, level, "--comment", "As the forum says", *by)
    minutes = world.folder / "minutes.txt"
    minutes.write_text("Minutes of the forum\n", encoding="utf-8")
    kept = ("--title", "Minutes of the forum", "--language", "en")
    digest = world.tocsin.json("assessment", "evidence", "add", minutes, *kept, *by)["evidence"]
    world.tocsin.run("assessment", "evidence", "use", digest, "1", "a.1.1", *by)
    world.tocsin.run("assessment", "dispute", "1", "a.1.1", "--text", "It met once only", "--by", "reviewer")
    task = ("--title", "Meet each month", "--owner", "Office", "--due", "2027-06-30")
    world.tocsin.run("assessment", "plan", "add", "1", "a.1.1", "4", *task, *by)
    return digest, digest, "0" * 64
