"""MISP as partners' programs speak it: what they read of this node through the gate, and what they write for it."""
