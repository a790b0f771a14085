"""Named points at which a test may kill the process, to prove that the next start finishes the work."""

import os
import signal


def cut(name: str) -> None:
    """Die here by SIGKILL when the environment variable TOCSIN_CUT names this point; otherwise do nothing.

    ``TOCSIN_CUT=name:3`` dies at the third visit.
    """
    wanted = os.environ.get("TOCSIN_CUT")
    if wanted is None:
        return
    point, _, visit = wanted.partition(":")
    if point != name:
        return
    left = int(visit or "1") - 1
    if left > 0:
        os.environ["TOCSIN_CUT"] = f"{point}:{left}"
        return
    os.kill(os.getpid(), signal.SIGKILL)
