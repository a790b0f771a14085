"""The pages: rendered on the server, nothing loaded from elsewhere; a script only helps where there is one."""
