"""What people report to this node."""
