"""Which layers hold on this machine: asked of a confined process, and not of the kernel's version."""

from tocsin.node.confined.calls import confined
from tocsin.node.confined.child import layers_here


@confined(seconds=2, megabytes=64)
def layers_in_force() -> tuple[str, ...]:
    """The names of the `Layer` that hold in a confined process here."""
    return layers_here()
