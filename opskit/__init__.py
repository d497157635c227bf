"""opskit: deploys, restarts and runbooks from a laptop, and one changelog that remembers."""

__version__ = "0.1.0"
