"""A test that waits for ever fails, with what it waited for.

Seconds in which this process ran are counted, and not those of a clock: that of a machine that was asleep jumps by all
of its sleep, and every test would have waited too long.
"""

import faulthandler
import os
import sys
from threading import Thread
from time import sleep

import pytest

_STEP = 1.0  # seconds; a sleep of the machine counts as one step
_NO_TEST = float("-inf")
_waited = [_NO_TEST]  # seconds of the test that runs


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("most_seconds", "how long a test may take", default="600")


def pytest_configure(config: pytest.Config) -> None:
    """Watch where tests run, not where others' tests are only listed."""
    if config.getoption("numprocesses", None):
        return
    out = os.dup(sys.__stderr__.fileno() if sys.__stderr__ else 2)  # before pytest takes what is written there
    Thread(target=_watch, args=(out, int(config.getini("most_seconds"))), daemon=True).start()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logstart() -> None:
    _waited[0] = 0.0


def pytest_runtest_logfinish() -> None:
    _waited[0] = _NO_TEST


def _watch(out: int, most: int) -> None:
    while _waited[0] < most:
        sleep(_STEP)
        _waited[0] += _STEP
    os.write(out, f"A test waited for {most} s:\n".encode())
    faulthandler.dump_traceback(out)
    os._exit(3)
