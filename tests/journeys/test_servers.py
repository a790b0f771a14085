"""Two servers over one database: people work on while one after the other is killed, and nothing is lost or doubled."""

from pathlib import Path

from support.databases import Cluster
from support.two_servers import two_servers
from tocsin.operations.machines import list_machines


def test_people_work_on_while_servers_are_killed(postgresql: Cluster, tmp_path: Path) -> None:
    with two_servers(tmp_path, postgresql.fresh(), people=6, watchers=2) as both:
        both.work(6.0, 2.0)
        found = both.recount()
        assert not any(found["wrong"].values()), found
        assert found["kills"] >= 2
        assert found["live longest s"] is not None
        print(found)
        assert found["daily work done"] == 1, found
        assert found["copies of one mail"] <= found["kills"]

        machines = list_machines(both.node.database)
        assert [one.gone for one in machines] == [False, False]
        done = [chore for one in machines for chore in one.chores]
        assert len(done) == len(set(done))
        assert "retention" in done
