"""The tab of evidence: files in by a form, archives out, and the chain of custody that all of it leaves."""

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml.html import HtmlElement, document_fromstring
from sqlalchemy import select

from support.api_client import caller
from support.console_users import Browser, browser_of
from support.furnished_node import furnish
from support.world import World, copy_world, make_world
from tocsin.cli.acts import every_act
from tocsin.incidents import Incident, Party
from tocsin.incidents.act_parts import IncidentNamed
from tocsin.incidents.closing import UNKNOWN
from tocsin.incidents.evidence import IncidentEvidence
from tocsin.incidents.threads import IncidentMail, IncidentThread
from tocsin.interface import OwnSurface, names_in
from tocsin.node.accounts import AccountRole, Permission
from tocsin.server.server import make_application

LOG = b"10:01 login failed\n"
DIGEST = hashlib.sha256(LOG).hexdigest()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    world = make_world(tmp_path_factory.mktemp("evidence-pages"))
    with world.open:
        at = furnish(world)["/incidents/{reference}"].at
        world.node.database.close()
    return world.folder, at


@pytest.fixture
def world(fresh: tuple[Path, str], tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh[0], tmp_path / "copy")
    with made.open:
        yield made


@pytest.fixture
def at(fresh: tuple[Path, str]) -> str:
    return f"{fresh[1]}/evidence"


@pytest.fixture
def browser(world: World) -> Iterator[Browser]:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as made:
        yield made


def as_a_browser_sends(page: str, action: str) -> dict[str, str]:
    """What the fields of a form say where nobody touches them: of a select the chosen option, else its first."""
    form = re.search(rf'<form method="post" action="{re.escape(action)}".*?</form>', page, re.DOTALL)
    assert form, action
    found = dict(re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', form[0]))
    for name, options in re.findall(r'<select[^>]* name="(\w+)".*?>(.*?)</select>', form[0], re.DOTALL):
        values = re.findall(r'<option value="([^"]*)"( selected)?', options)
        found[name] = next((value for value, chosen in values if chosen), values[0][0])
    return found


def add_file(browser: Browser, at: str, made: str = "", content: bytes = LOG) -> str:
    """The page after a file was added; ``made``: the key of its form."""
    page = browser.get(at).text
    made = made or re.findall(r'name="made" value="([^"]+)"', page)[0]
    csrf = re.findall(r'name="csrf" value="([^"]+)"', page)[0]
    data = {"csrf": csrf, "made": made, "received_from": "A. Diop", "how": "stick", "back_to": at}
    sent = browser.client.post(f"{at}/files", data=data, files={"files": ("a<b>.log", content)}, follow_redirects=True)
    assert sent.status_code == 200, sent.text
    return sent.text


def test_a_file_is_added_and_leaves_in_an_archive_and_both_are_on_record(browser: Browser, at: str) -> None:
    page = add_file(browser, at)
    assert "a&lt;b&gt;.log" in page
    assert DIGEST in page
    number = re.findall(r"evidence/(\d+)/file", page)[-1]
    sent = browser.send(f"{at}/{number}/file")
    assert sent.headers["content-type"] == "application/octet-stream"
    assert sent.headers["x-content-type-options"] == "nosniff"
    assert sent.headers["content-disposition"].startswith("attachment")
    with zipfile.ZipFile(io.BytesIO(sent.content)) as archive:
        assert archive.namelist() == [DIGEST]
        assert archive.read(DIGEST, b"infected") == LOG
    assert "copied" in browser.get(at).text


def test_what_nobody_marks_is_marked_as_its_incident(browser: Browser, at: str, world: World) -> None:
    """At both forms as a browser sends them; less strict than the incident only with a reason."""

    def markings() -> list[str]:
        with world.node.database.reading() as session:
            return list(session.scalars(select(IncidentEvidence.tlp).order_by(IncidentEvidence.id)))

    incident = at.removesuffix("/evidence")
    assert browser.send(f"{incident}/mark", tlp="AMBER+STRICT").status_code == 303
    before = len(markings())
    data = as_a_browser_sends(browser.get(at).text, f"{at}/files")
    files = {"files": ("auth.log", LOG)}
    assert browser.client.post(f"{at}/files", data=data, files=files).status_code in {200, 303}
    page = browser.get(f"{incident}/act?act=evidence").text
    disk = {**as_a_browser_sends(page, at), "name": "Disk of the mail server"}
    assert browser.client.post(at, data=disk).status_code in {200, 303}
    assert markings()[before:] == ["AMBER+STRICT", "AMBER+STRICT"]
    lower = {**as_a_browser_sends(browser.get(f"{incident}/act?act=evidence").text, at), "name": "Bag", "tlp": "GREEN"}
    refused = browser.client.post(at, data=lower)
    assert refused.status_code == 409
    assert "Say why" in refused.text
    assert browser.client.post(at, data={**lower, "tlp_reason": "Its owner published it"}).status_code in {200, 303}
    assert markings()[before:] == ["AMBER+STRICT", "AMBER+STRICT", "GREEN"]


def test_no_form_of_an_act_sends_what_its_act_would_not_say(browser: Browser, at: str) -> None:
    """A field that need not be answered has its default among its options, for each act on an incident."""
    place, asked = "/incidents/{reference}/", 0
    for act in every_act():
        if not act.page.startswith(place) or isinstance(act.page, OwnSurface) or len(names_in(act.page)) > 1:
            continue
        form = browser.get(f"{at.removesuffix('evidence')}act?act={act.page[len(place) :]}").text
        page: HtmlElement = document_fromstring(form)
        for one in page.xpath("//main//form//select[not(@required)]"):
            field = act.request.model_fields.get(one.get("name"))
            if field is not None:
                said = "" if field.default is None else str(getattr(field.default, "value", field.default))
                said = said or (UNKNOWN if one.get("name") == "root_cause" else "")
                assert said in one.xpath("option/@value"), (act.operation, one.get("name"))
                asked += 1
    assert asked > 9


def test_whatever_carries_a_marking_in_an_incident_has_that_of_the_incident() -> None:
    """Without a word, by command and API too; a new act that takes a marking is asked."""
    own = {"openIncident": "AMBER"}  # it has no incident yet
    for act in every_act():
        field = act.request.model_fields.get("tlp")
        if field is None or not (issubclass(act.request, IncidentNamed) or act.operation in own):
            continue
        if not field.is_required():
            assert field.default == own.get(act.operation), act.operation


def test_the_form_of_files_sent_twice_adds_them_once(browser: Browser, at: str) -> None:
    made = re.findall(r'name="made" value="([^"]+)"', browser.get(at).text)[0]
    for _ in range(2):
        page = add_file(browser, at, made)
    assert page.count(DIGEST) == 1


def test_all_of_it_leaves_as_one_archive(browser: Browser, at: str) -> None:
    add_file(browser, at)
    sent = browser.send(f"{at}/export")
    with zipfile.ZipFile(io.BytesIO(sent.content)) as archive:
        archive.setpassword(b"infected")
        lines = archive.read("SHA256SUMS").decode().splitlines()
        for line in lines:
            digest, name = line.split("  ")
            assert hashlib.sha256(archive.read(name)).hexdigest() == digest
        assert f"{DIGEST}  files/{DIGEST}" in lines


def test_no_file_and_a_file_that_is_too_large_are_said(browser: Browser, at: str) -> None:
    page = browser.get(at).text
    made = re.findall(r'name="made" value="([^"]+)"', page)[0]
    refused = browser.send(f"{at}/files", made=made, received_from="A. Diop")
    assert refused.status_code == 409
    assert "Choose at least one file." in refused.text
    assert 'value="A. Diop"' in refused.text


def test_a_file_that_is_gone_is_named_on_the_page(browser: Browser, world: World, at: str) -> None:
    add_file(browser, at)
    world.node.incident_evidence.delete(DIGEST)
    page = browser.get(at).text
    assert "File is missing" in page
    assert "a virus scanner may have removed it" in page


def test_the_forms_of_evidence_lead_back_to_its_tab(browser: Browser, at: str) -> None:
    incident = at.removesuffix("/evidence")
    form = browser.get(f"{incident}/act?act=evidence").text
    made = re.findall(r'name="made" value="([^"]+)"', form)[0]
    sent = browser.send(at, made=made, name="Disk of the mail server", kind="device", seal="17", place="Safe 2")
    assert sent.status_code == 303
    assert sent.headers["location"].startswith(f"{at}?undo=")
    page = browser.get(at).text
    number = re.findall(r"evidence/(\d+)/custody", page)[-1]
    made = re.findall(r'name="made" value="([^"]+)"', browser.get(f"{incident}/act?act=evidence/{number}/custody").text)
    browser.send(f"{at}/{number}/custody", made=made[0], step="handed", person="Police, Sgt. Lam", how="by hand")
    assert "handed over (with Police, Sgt. Lam, by hand, seal 17)" in browser.get(at).text
    made = re.findall(r'name="made" value="([^"]+)"', browser.get(f"{incident}/act?act=holds").text)
    done = browser.send(f"{incident}/holds", made=made[0], ordered_by="Court of Port Louis")
    assert done.headers["location"].startswith(at)
    assert "Court of Port Louis" in browser.get(at).text
    assert "Nothing of this incident is deleted." in browser.get(at).text


def test_a_mail_is_chosen_from_those_that_its_party_wrote(browser: Browser, world: World) -> None:
    with world.node.database.reading() as session:
        wrote = select(Incident.reference, Party.id, IncidentMail.id, IncidentMail.subject).where(
            IncidentMail.sha256.is_not(None), Incident.id == IncidentMail.incident_id
        )
        of_thread = IncidentThread.id == IncidentMail.thread_id, Party.id == IncidentThread.party_id
        rows = session.execute(wrote.where(*of_thread)).all()
    reference, party, mail, subject = next(
        one for one in rows if browser.get(f"/incidents/{one[0]}").status_code == 200
    )
    page = browser.get(f"/incidents/{reference}/evidence").text
    assert f'/act?act=evidence/mail&amp;party={party}">Add a mail of ' in page
    form = browser.get(f"/incidents/{reference}/act?act=evidence/mail&party={party}").text
    assert re.search(rf'<option value="{mail}"[^>]*>[^<]*{re.escape(subject)}', form)
    sent = browser.send(f"/incidents/{reference}/evidence/mail", party=str(party), mail=str(mail), **key_of(form))
    assert sent.status_code == 303
    assert f"mail-{mail}.eml" in browser.get(f"/incidents/{reference}/evidence").text


def key_of(form: str) -> dict[str, str]:
    """What names a form that was opened."""
    return {"made": re.findall(r'name="made" value="([^"]+)"', form)[0]}


def test_the_api_takes_a_file_as_it_comes_once_and_gives_it_in_an_archive(world: World, at: str) -> None:
    scopes = (Permission.INCIDENTS_READ, Permission.INCIDENTS_WRITE)
    content = bytes(range(256)) * 20_000
    with caller(world, AccountRole.ANALYST, *scopes) as api:
        for _ in range(2):
            sent = api.post(
                f"{at}/files", params={"name": "dump.raw", "received_from": "A. Diop"}, content=content,
                headers={"Content-Type": "application/octet-stream", "Idempotency-Key": "one"},
            )  # fmt: skip
            assert sent.status_code == 201, sent.text
        found = api.get(f"{at}").json()["evidence"][1:]  # the first is that of all examples
        digest = hashlib.sha256(content).hexdigest()
        assert [(one["name"], one["sha256"], one["size"]) for one in found] == [("dump.raw", digest, len(content))]
        assert [step["data"]["act"] for step in found[0]["custody"]] == ["received"]
        archive = api.post(f"{at}/{found[0]['id']}/file")
        assert zipfile.ZipFile(io.BytesIO(archive.content)).read(digest, b"infected") == content
        most = world.node.settings.evidence.max_file_bytes
        blocks = (bytes(1 << 20) for _ in range((most >> 20) + 2))
        large = api.post(f"{at}/files", params={"name": "large"}, content=blocks)
        assert large.status_code in {413, 422}


def test_a_legal_hold_is_lifted_with_a_reason(browser: Browser, at: str) -> None:
    incident = at.removesuffix("/evidence")
    made = re.findall(r'name="made" value="([^"]+)"', browser.get(f"{incident}/act?act=holds").text)
    browser.send(f"{incident}/holds", made=made[0], ordered_by="Court of Port Louis", order_reference="12/26")
    number = re.findall(r"holds/(\d+)/lift", browser.get(at).text)[-1]
    assert "Court of Port Louis" in browser.get(f"{incident}/act?act=holds/{number}/lift").text
    browser.send(f"{incident}/holds/{number}/lift", reason="The court decided")
    assert f"holds/{number}/lift" not in browser.get(at).text
    assert "Legal hold of Court of Port Louis lifted" in browser.get(at).text


def test_a_report_is_made_for_an_audience_and_refused_where_the_gate_says_no(browser: Browser, at: str) -> None:
    path = at.replace("/evidence", "/report")
    sent = browser.send(path, audience="internal", form="pdf", language="ar", parts=["summary", "timeline"])
    assert sent.headers["content-type"] == "application/pdf"
    assert sent.headers["x-marking"] == "TLP:AMBER"
    assert sent.content.startswith(b"%PDF")
    refused = browser.send(path, audience="public", form="pdf", language="en", parts=["summary"])
    assert refused.status_code == 409
    assert "TLP:AMBER goes only to our organisation" in refused.text
    assert "Report made: The team, pdf" in browser.get(at.removesuffix("/evidence")).text
