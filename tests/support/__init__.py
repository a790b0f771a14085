"""What the tests stand on: homes, measurements and the order of a run."""
