"""Two servers over one PostgreSQL behind HAProxy, 20 people at work, a server killed every 5 seconds; prints JSON.

python bench/servers.py --seconds 120

PostgreSQL, HAProxy and SMTP are real ones of its own. Exit status 1 where a confirmed act was lost or came twice, a
person was signed out, or a team was notified twice.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.databases import postgresql_binaries, running_cluster
from support.two_servers import two_servers


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--kill-every", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--forks", action="store_true", help="Servers are forks of this process, up again sooner.")
    given = parser.parse_args()
    binaries = postgresql_binaries()
    if binaries is None:
        parser.exit(2, "PostgreSQL is not here: install the Debian package 'postgresql'\n")
    with tempfile.TemporaryDirectory() as folder, running_cluster(binaries) as cluster:
        place = {"people": given.people, "watchers": min(6, given.people), "seed": given.seed, "forks": given.forks}
        with two_servers(Path(folder), cluster.fresh(), **place) as both:
            both.work(given.seconds, given.kill_every)
            found = both.recount()
    print(json.dumps({"seconds": given.seconds, "people": given.people, **found}, indent=2))
    sys.exit(any(found["wrong"].values()))


if __name__ == "__main__":
    main()
