"""Shared by the end-to-end tests: a daemon process, users with tokens, tabs with real clients, a browser."""
