"""Named points at which a test may kill the process, to prove that the next start finishes the work."""

import os
import signal

_SIGNALS = {"TOCSIN_CUT": signal.SIGKILL, "TOCSIN_PAUSE": signal.SIGSTOP}


def cut(name: str) -> None:
    """Die here by SIGKILL when the environment variable TOCSIN_CUT names this point; otherwise do nothing.

    ``TOCSIN_CUT=name:3`` dies at the third visit. TOCSIN_PAUSE: likewise, but it stops (SIGSTOP), until SIGCONT.
    """
    for variable, number in _SIGNALS.items():
        wanted = os.environ.get(variable)
        if wanted is None:
            continue
        point, _, visit = wanted.partition(":")
        if point != name:
            continue
        left = int(visit or "1") - 1
        if left >= 0:
            os.environ[variable] = f"{point}:{left}"
        if left == 0:
            os.kill(os.getpid(), number)
