"""The Litestar application, and the `backend` command."""

__version__ = "0.1.0"
