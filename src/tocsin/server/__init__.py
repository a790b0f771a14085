"""What ``tocsin serve`` serves: pages, the API, what guards both, and a client of other nodes."""
