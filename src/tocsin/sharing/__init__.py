"""Who must know, and who may: routing, the gate, the rules of the node, look-ups, what leaves as a file."""
