"""A lock holds against other threads and processes, on both databases, and ends with whoever held it."""

import subprocess
import sys
from threading import Event, Thread

from tocsin.node.records import Database, held
from tocsin.node.records.locks import lock_key

_HOLD = """
import sys
from tocsin.node.records import held, open_database
with held(open_database(sys.argv[1]), "work") as ours:
    print(bool(ours), flush=True)
    sys.stdin.readline()
"""


def test_a_lock_is_the_same_one_for_the_versions_of_an_upgrade() -> None:
    """An old server and a new one beside each other: were it another, both would send."""
    assert lock_key("deliver") == 3598392826894109589


def test_a_lock_is_held_by_one_and_free_once_that_one_was_killed(database: Database) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", _HOLD, url]
    waits, got = Event(), Event()

    def wait_for_it() -> None:
        with held(database, "work", waits.set) as ours:
            assert ours
            got.set()

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        with held(database, "work") as ours, held(database, "another") as another:
            assert (ours.ours, another.ours) == (False, True)
        waiting = Thread(target=wait_for_it)
        waiting.start()
        assert waits.wait(30)
        assert not got.is_set()
        other.kill()
        waiting.join(30)
    assert got.is_set()
    with held(database, "work") as ours, held(database, "work") as again:
        assert (ours.ours, again.ours) == (True, False)
