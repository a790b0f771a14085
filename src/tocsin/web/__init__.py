"""The pages: rendered on the server, no script needed, nothing loaded from elsewhere."""
