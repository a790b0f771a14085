"""Cluster tests run where Ray is: in an environment of `requirements-cluster.lock`, a stage of its own of `.ci/run`."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("ray") else ["test_*.py"]
