"""A real little fleet on one machine, for `opskit demo` and for tests: SSH hosts, a web service, its git history."""
