"""Imports all of Tocsin: what a process that is forked later has then."""

import importlib
import pkgutil

from sqlalchemy.orm import configure_mappers

import tocsin

for module in pkgutil.walk_packages(tocsin.__path__, "tocsin."):
    if ".migrations." not in module.name and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
configure_mappers()  # else each would do it again
