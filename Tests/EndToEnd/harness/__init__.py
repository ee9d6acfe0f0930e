"""What the end-to-end tests share: a daemon as a process, people with tokens, tabs with real clients, a browser."""
