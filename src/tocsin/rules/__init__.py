"""The rules of this node: what may be shared with whom beyond the table of the gate, and who else is told."""
