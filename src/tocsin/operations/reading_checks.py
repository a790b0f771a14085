"""Whether what reads reports and others' files works as it should on this machine."""

from collections.abc import Iterator
from datetime import datetime

from tocsin.delivery.sealing import program_version, read_own_keys
from tocsin.node import compiled
from tocsin.node.confined import Layer, layers_in_force
from tocsin.node.sentences import join_sentences, say
from tocsin.operations.health_finding import HealthFinding
from tocsin.pipeline.stores import NodeWithStores


def compiled_reader(_: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    """Whether reports are read by the part that a hub may build."""
    if compiled.library() is not None:
        yield HealthFinding(say("compiled reader"), True, say("built and used"))
    elif compiled.library_place() is None:
        yield HealthFinding(say("compiled reader"), True, say("not built: reports are read without it"))
    else:
        found, mend = say("built for another version or machine, not used"), say("Run scripts/build-scan again.")
        yield HealthFinding(say("compiled reader"), False, found, mend)


def confined_readers(_: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    """Which layers hold strangers' bytes; one that the kernel lacks is said, and the others hold."""
    held = layers_in_force()
    missing = [layer.value for layer in Layer if layer.value not in held]
    found = say("in confined processes: %(layers)s", layers=", ".join(held))
    if missing:
        found = join_sentences("; ", [found, say("this kernel lacks %(layers)s", layers=", ".join(missing))])
    yield HealthFinding(say("reading of others' files"), True, found)


def inner_signatures(node: NodeWithStores, _now: datetime) -> Iterator[HealthFinding]:
    """Whether it can be verified who signed inside an encrypted message; no matter where nobody can write one."""
    what = say("signatures inside encrypted mails")
    if read_own_keys(node.home, node.settings.mail).openpgp is None:
        return
    if version := program_version():
        yield HealthFinding(what, True, say("verified by %(program)s", program=version))
        return
    found = say("not verified, as the program sqop is not here or does not run: such a reply is no receipt")
    yield HealthFinding(what, False, found, say("Install the Debian package sqop."))
