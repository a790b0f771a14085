"""Take-downs from forty lines to gone: whom to write, one mail each, reminders, the next one, an objection."""

import os
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from incidents.takedowns.conftest import Kit
from support.incident_mails import answer_to
from support.processes import KILLED, command
from tocsin.incidents import IncidentReader, Party, add_incident, erase_part
from tocsin.incidents import acts as incident_acts
from tocsin.incidents.takedowns import (
    TakedownSearch,
    TakedownState,
    host_figures,
    hosts_of,
    list_takedowns,
    recipients_of,
    sightings_of,
    takedown_needs,
)
from tocsin.incidents.threads import take_mail
from tocsin.interface import ActContext, RequestError, read_request
from tocsin.node.errors import ConflictError, NotFoundError, UsageError, WithheldError
from tocsin.problems.replies import file_mail, open_context

DAY = timedelta(days=1)
HOSTS = {"192.0.2.7": "abuse@operator.example", "8.8.8.8": "abuse@host-b.example"}
TWO = "http://192.0.2.7/kit\nhttp://8.8.8.8/kit"


def due(kit: Kit) -> int:
    with kit.world.node.database.reading() as session:
        return takedown_needs(session, IncidentReader(kit.analyst, kit.world.now)).count


def states(kit: Kit) -> list[str]:
    return [one.takedown.state for one in kit.rows()]


def test_forty_urls_of_a_kit_become_one_letter_for_each_host(kit: Kit) -> None:
    lines = [f"hxxps://bank{n}[.]example/pay {[*HOSTS][n % 2]}" for n in range(40)]
    done = kit.propose("\n".join([*lines, "This kit asks for the PIN."]))
    assert (done.count, done.without, done.unread) == (40, 0, ["This kit asks for the PIN."])
    roles = kit.roles()
    assert {value: of["host"] for value, of in roles.items()} == {
        f"https://bank{n}.example/pay": [*HOSTS.values()][n % 2] for n in range(40)
    }
    assert kit.mails() == {}, "nothing is sent unasked"
    asked = kit.do("ask", takedowns=done.takedowns)
    assert (asked.count, asked.mails) == (40, 2)
    mails = kit.mails()
    assert set(mails) == set(HOSTS.values())
    for n, box in enumerate(HOSTS.values()):
        body = mails[box].body
        assert [f"bank{m}[.]example/pay" in body for m in range(40)] == [m % 2 == n for m in range(40)]
        assert "https://" not in body
    english, french = (mails[box].body for box in HOSTS.values())
    for said in ("phishing", "our terms", "It takes passwords.", "reported by a bank", "can object by a mail to"):
        assert said in english
    for said in ("hameçonnage", "our terms", "It takes passwords.", "peut s'y opposer"):
        assert said in french


def test_who_else_can_do_it_comes_from_the_directory_and_the_networks(kit: Kit) -> None:
    kit.propose("http://8.8.8.8/kit\nhttps://shop.hosted.example/\nhttps://nobody.example/")
    assert kit.roles() == {
        "http://8.8.8.8/kit": {
            "host": "abuse@host-b.example", "upstream": "noc@as-b.example", "csirt": "csirt@nat-us.example",
            "browser-list": "nobody@outsider.example",
        },
        "https://shop.hosted.example/": {
            "host": "abuse@host-b.example", "browser-list": "nobody@outsider.example",
        },
        "https://nobody.example/": {"browser-list": "nobody@outsider.example"},
    }  # fmt: skip
    assert [one.takedown.host for one in kit.rows()] == ["Host B", "Host B", ""]


def test_without_a_text_it_is_what_the_incident_has(kit: Kit) -> None:
    done = kit.propose(TWO)
    with pytest.raises(UsageError, match="no URL, name or address"):
        kit.propose("")
    again = kit.propose(f"{TWO}\n192.0.2.9")
    assert (done.count, again.count, again.known) == (2, 1, 2)


def test_the_law_or_terms_are_named_or_nothing_is_proposed(kit: Kit) -> None:
    kit.set(basis="")
    with pytest.raises(RequestError) as refused:
        kit.propose(TWO)
    assert [name for name, _ in refused.value.wrongs] == ["basis"]
    assert kit.propose(TWO, basis="Act 7").count == 2


def test_nothing_is_written_of_what_nobody_outside_may_notice(kit: Kit) -> None:
    done = kit.propose(TWO, pap="RED")
    for act in ("ask", "remind"):
        with pytest.raises(WithheldError, match="PAP:RED"):
            kit.do(act, takedowns=done.takedowns)
    assert kit.mails() == {}


def test_what_is_written_of_a_restricted_incident_stays_there_when_it_is_merged_into_an_open_one(kit: Kit) -> None:
    numbers = kit.propose(TWO).takedowns
    child = kit.reference
    with kit.world.node.database.begin() as session:
        parent = add_incident(session, title="Open to all", actor="test", now=kit.world.now).reference
    do_incident(kit, "restrict", persons=(str(kit.analyst),))
    do_incident(kit, "merge", into=parent)
    kit.reference = parent
    for act, more in (("ask", {}), ("saw", {"seen": "up", "how": "opened in a browser"})):
        with pytest.raises(ConflictError, match=child):
            kit.do(act, takedowns=numbers, **more)
    assert kit.mails() == {}
    kit.reference = child
    assert kit.do("ask", takedowns=numbers).mails == 2
    assert {one.about for one in kit.mails().values()} == {f"incident:{child}"}


def test_a_mail_goes_to_no_party_of_a_restricted_incident_that_was_merged(kit: Kit) -> None:
    """Whoever reads the open one would not see what is said to it; so the host takes part there by itself."""
    kit.propose(TWO)
    hidden = kit.reference
    kit.do("ask", takedowns=[1])
    with kit.world.node.database.begin() as session:
        kit.reference = add_incident(session, title="Open to all", actor="test", now=kit.world.now).reference
    own = kit.propose(TWO).takedowns
    asked = kit.reference
    kit.reference = hidden
    do_incident(kit, "restrict", persons=(str(kit.analyst),))
    do_incident(kit, "merge", into=asked)
    kit.reference = asked
    kit.do("ask", takedowns=own[:1])
    with kit.world.node.database.reading() as session:
        hosts = session.scalars(select(Party).where(Party.role == "host")).all()
        assert len({(one.compartment_id, one.mailbox) for one in hosts}) == 2
        assert len({one.mailbox for one in hosts}) == 1


def test_a_mail_is_marked_as_high_as_anything_that_it_names(kit: Kit) -> None:
    for value, tlp in (("192.0.2.7", "RED"), ("8.8.8.8", "AMBER+STRICT")):
        observe(kit, value, tlp)
    red, strict = kit.propose("192.0.2.7\n8.8.8.8").takedowns
    with pytest.raises(RequestError) as refused:
        kit.do("ask", takedowns=[red])
    assert ([name for name, _ in refused.value.wrongs], kit.mails()) == (["tlp"], {})
    kit.do("ask", takedowns=[red], tlp="AMBER")  # somebody looked, and says so
    assert kit.mails()["abuse@operator.example"].body.startswith("TLP:AMBER\n")
    with pytest.raises(RequestError):  # above what this host is trusted with
        kit.do("ask", takedowns=[strict])


def observe(kit: Kit, value: str, tlp: str) -> None:
    """Add an observable while the incident is marked so; that is lowered then, the observable stays as it was."""
    do_incident(kit, "mark", tlp=tlp)
    do_incident(kit, "add-observables", text=value)
    do_incident(kit, "mark", tlp="AMBER", reason="For this test")


def do_incident(kit: Kit, word: str, **values: Any) -> None:
    act = next(one for one in incident_acts.ACTS if one.command == f"incidents {word}")
    context = ActContext(kit.world.node, kit.world.now, f"person:{kit.analyst}", "Analyst", kit.analyst, act=act)
    act.function(context, read_request(act, {"reference": kit.reference, **values}))


def test_silence_is_a_to_do_item_until_an_act_ends_it(kit: Kit) -> None:
    numbers = kit.propose("http://8.8.8.8/kit").takedowns
    kit.do("ask", takedowns=numbers)
    assert due(kit) == 0
    kit.world.now += 3 * DAY
    assert due(kit) == 1
    kit.do("remind", takedowns=numbers)
    assert due(kit) == 0
    assert "hameçonnage" in kit.mails()["abuse@host-b.example"].body
    assert "Rappel" in kit.mails()["abuse@host-b.example"].subject
    kit.world.now += 3 * DAY
    assert due(kit) == 1
    kit.do("ask", takedowns=numbers, role="upstream")
    assert due(kit) == 0
    assert set(kit.mails()) == {"abuse@host-b.example", "noc@as-b.example"}
    kit.world.now += 3 * DAY
    kit.do("saw", takedowns=numbers, seen="unknown", how="the browser warns")
    assert (due(kit), states(kit)) == (0, ["asked"])
    kit.do("refuse", takedowns=numbers, reason="They see no ground")
    assert (due(kit), states(kit)) == (1, ["refused"])
    kit.do("withdraw", takedowns=numbers, reason="The bank asks itself")
    assert (due(kit), states(kit)) == (0, ["withdrawn"])


def test_nobody_is_asked_twice_for_the_same(kit: Kit) -> None:
    numbers = kit.propose(TWO).takedowns
    kit.do("ask", takedowns=numbers[:1])
    assert kit.do("ask", takedowns=numbers).count == 1
    with pytest.raises(ConflictError, match="asked already"):
        kit.do("ask", takedowns=numbers)
    with pytest.raises(ConflictError, match="No contact"):
        kit.do("ask", takedowns=numbers, role="registrar")
    with pytest.raises(ConflictError, match="waits for an answer"):
        kit.do("remind", takedowns=kit.propose("192.0.2.9").takedowns)
    with pytest.raises(NotFoundError):
        kit.do("ask", takedowns=[99])


def test_gone_is_only_what_was_seen_and_what_comes_back_is_asked_for_again(kit: Kit) -> None:
    numbers = kit.propose("http://8.8.8.8/kit").takedowns
    kit.do("ask", takedowns=numbers)
    kit.world.now += DAY
    kit.do("saw", takedowns=numbers, seen="gone", how="opened in a browser", place="AS64500, MU")
    (row,) = kit.rows()
    assert (row.takedown.state, row.takedown.gone_at) == ("gone", kit.world.now)
    assert kit.seen() == [("gone", "opened in a browser", "AS64500, MU"), ("up", "reported by a bank", "")]
    earlier = kit.world.now - timedelta(hours=2)
    kit.do("saw", takedowns=numbers, seen="up", how="a late mail", happened_at=earlier)
    assert states(kit) == ["gone"], "what was seen before says nothing of now"
    kit.world.now += DAY
    kit.do("saw", takedowns=numbers, seen="up", how="opened in a browser")
    (row,) = kit.rows()
    assert (row.takedown.state, row.takedown.gone_at) == ("asked", None)
    with pytest.raises(RequestError):
        kit.do("saw", takedowns=numbers, seen="gone", how="a guess", happened_at=kit.world.now + DAY)


def test_an_objection_is_shown_and_to_be_done_until_it_is_answered(kit: Kit) -> None:
    numbers = kit.propose("http://8.8.8.8/kit").takedowns
    with pytest.raises(ConflictError, match="No objection"):
        kit.do("answer", takedowns=numbers, reason="We look again")
    kit.do("object", takedowns=numbers, reason="It is a test page of a school")
    assert (due(kit), kit.rows()[0].is_disputed) == (1, True)
    kit.do("answer", takedowns=numbers, reason="We looked again: it is one")
    assert (due(kit), kit.rows()[0].is_disputed) == (0, False)


def test_hosts_are_measured_by_what_was_seen(kit: Kit) -> None:
    numbers = kit.propose("http://8.8.8.8/1\nhttp://8.8.8.8/2\nhttp://8.8.8.8/3\nhttp://192.0.2.7/1").takedowns
    kit.do("ask", takedowns=numbers)
    for number, hours in ((numbers[0], 2), (numbers[1], 4)):
        at = kit.world.now + timedelta(hours=hours)
        kit.world.now += timedelta(hours=8)
        kit.do("saw", takedowns=[number], seen="gone", how="opened in a browser", happened_at=at)
        kit.world.now -= timedelta(hours=8)
    with kit.world.node.database.reading() as session:
        found = host_figures(session, IncidentReader(kit.analyst, kit.world.now))
    assert [(one.host, one.asked, one.gone, one.still, one.median) for one in found] == [
        ("Host B", 3, 2, 1, timedelta(hours=4)), ("Example Operator", 1, 0, 1, None),
    ]  # fmt: skip


def test_what_a_host_answers_is_its_thread(kit: Kit) -> None:
    kit.do("ask", takedowns=kit.propose("http://192.0.2.7/kit").takedowns)
    (sent,) = kit.world.tell().values()
    assert sent.to == "abuse@operator.example"
    node = kit.world.node
    mail = answer_to(sent, "It is gone.", sender="abuse@operator.example")
    file_mail(open_context(node, node.store, take_mail), mail, now=kit.world.now)
    assert states(kit) == ["asked"], "that they say so is no sighting"


def test_a_kill_between_asking_and_sending_loses_and_doubles_nothing(kit: Kit) -> None:
    numbers = kit.propose(TWO).takedowns
    home, ask = kit.world.node.home, ["takedowns", "ask", kit.reference, *map(str, numbers)]

    def run(*words: str, cut: str = "") -> None:
        done = command(home, *words, environment={**os.environ, "TOCSIN_CUT": cut})
        assert done.wait() == (KILLED if cut else 0), done.said

    run(*ask, cut="undo.keeping")
    assert (states(kit), kit.mails()) == (["proposed", "proposed"], {})
    run(*ask)
    for cut in ("letters.naming", "letters.named", "letters.sent", ""):
        run("deliver", cut=cut)
    mails = [path.read_text() for path in kit.world.node.mails.rglob("*.eml")]
    to = sorted(line for mail in mails for line in mail.splitlines() if line.startswith("To: "))
    assert to == [f"To: {box}" for box in sorted(HOSTS.values())]


def test_the_list_is_narrowed_by_state_host_incident_and_age(kit: Kit) -> None:
    first = kit.propose("http://8.8.8.8/1").takedowns
    kit.world.now += 2 * DAY
    kit.do("ask", takedowns=kit.propose("http://192.0.2.7/1").takedowns)
    reader = IncidentReader(kit.analyst, kit.world.now)

    def found(**by: object) -> list[str]:
        with kit.world.node.database.reading() as session:
            rows = list_takedowns(session, reader, TakedownSearch(**by))  # type: ignore[arg-type]  # of each kind
            return [one.observable.value for one in rows]

    new, old = "http://192.0.2.7/1", "http://8.8.8.8/1"
    assert found() == [new, old]
    assert found(states=(TakedownState.ASKED,)) == [new]
    assert found(host="Host B") == [old]
    assert found(incident=kit.reference) == [new, old]
    assert found(incident="INC-0000-0000") == []
    assert found(older=DAY) == [old]
    assert found(need=True) == []
    kit.do("object", takedowns=first, reason="No")
    assert found(need=True) == [old]


def test_commands_and_json(kit: Kit) -> None:
    tocsin = kit.world.tocsin
    words = ["--ground", "phishing", "--necessity", "It takes passwords.", "--how", "reported"]
    made = tocsin.json("takedowns", "propose", kit.reference, "--text", TWO, *words)
    assert (made["count"], made["without"]) == (2, 0)
    numbers = [str(one) for one in made["takedowns"]]
    assert tocsin.json("takedowns", "ask", kit.reference, *numbers, "--to", "host")["mails"] == 2
    tocsin.run("takedowns", "saw", kit.reference, numbers[0], "--seen", "gone", "--how", "looked")
    listed = tocsin.json("takedowns", "list", "--incident", kit.reference)
    assert [(one["value"], one["state"]) for one in listed] == [
        ("http://8.8.8.8/kit", "asked"), ("http://192.0.2.7/kit", "gone"),
    ]  # fmt: skip
    assert [one["role"] for one in listed[0]["recipients"]] == ["host", "upstream", "csirt", "browser-list"]
    assert "hxxp://8[.]8[.]8[.]8/kit" in tocsin.run("takedowns", "list")
    assert {one["host"]: one["still"] for one in tocsin.json("takedowns", "hosts")} == {
        "Host B": 1, "Example Operator": 0,
    }  # fmt: skip


def test_it_moves_with_a_restricted_incident_and_is_erased_with_its_observable(kit: Kit) -> None:
    kit.do("ask", takedowns=kit.propose(TWO).takedowns)
    world = kit.world
    restrict = next(one for one in incident_acts.ACTS if one.operation == "restrictIncident")
    context = ActContext(world.node, world.now, f"person:{kit.analyst}", "Analyst", kit.analyst, act=restrict)
    restrict.function(context, read_request(restrict, {"reference": kit.reference, "persons": (str(kit.analyst),)}))
    for who, count in ((kit.analyst, 2), (kit.analyst + 1, 0), (None, 0)):
        reader = IncidentReader(who, world.now)
        with world.node.database.reading() as session:
            rows = list_takedowns(session, reader, TakedownSearch())
            named = len(recipients_of(session, reader, rows)), len(sightings_of(session, reader, rows))
            figures = sum(one.asked for one in host_figures(session, reader))
            assert (len(rows), *named, figures, bool(hosts_of(session, reader))) == (
                count,
                count,
                count,
                count,
                count > 0,
            )
    number = kit.rows()[0].observable.id
    with world.node.database.begin() as session:
        erase_part(session, f"{kit.reference}:observable-{number}")
    assert [one.observable.value for one in kit.rows()] == ["http://8.8.8.8/kit"]
