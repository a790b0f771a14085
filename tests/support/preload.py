"""Imports all of Tocsin: what a process that is forked later has then."""

import gc
import importlib
import pkgutil

from sqlalchemy.orm import configure_mappers

import tocsin

_NO_MODULES = ("__main__", "libtocsin_scan")  # the compiled scan is a library of C

gc.disable()
for module in pkgutil.walk_packages(tocsin.__path__, "tocsin."):
    if ".migrations." not in module.name and not module.name.endswith(_NO_MODULES):
        importlib.import_module(module.name)
for name in ("deltalake.exceptions", "deltalake.writer", "numpy.ma", "rich._emoji_codes"):  # which it imports late
    importlib.import_module(name)
configure_mappers()  # else each would do it again
gc.collect()
gc.freeze()  # else each would look through all of it
gc.enable()
