"""What reads strangers' bytes does so in a process that is confined and ended: a fault there is one refused thing.

    @confined(seconds=5, megabytes=512)
    def read_calendar(content: bytes) -> Calendar: ...

A call of it runs elsewhere, with limits and without keys, home folder, network or descriptors, and gives what it
returns or raises. Why this way, and what it does not protect from: docs/design/confined.md.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.node.confined.calls import (
        ConfinedBusyError,
        ConfinedError,
        ConfinedReader,
        ConfinedReason,
        confined,
        confined_readers,
        memory_file,
    )
    from tocsin.node.confined.child import GivenFile, is_confined, run_program, scratch_file
    from tocsin.node.confined.layers import layers_in_force
    from tocsin.node.confined.sandbox import Layer
else:
    lazy_face(__name__)
