"""What the header promises about the host's descriptors."""

import os
from pathlib import Path

#: Bit of `flags` in /proc/PID/fdinfo.
CLOSE_ON_EXEC = 0o2000000


def inherited(pid):
    """{number: target} of the descriptors that a child process of a plugin would inherit, without the standard
    ones."""
    found = {}
    for entry in Path(f"/proc/{pid}/fdinfo").iterdir():
        number = int(entry.name)
        try:
            flags = next(
                int(line.split()[1], 8) for line in entry.read_text().splitlines() if line.startswith("flags:")
            )
            if number > 2 and not flags & CLOSE_ON_EXEC:
                found[number] = os.readlink(f"/proc/{pid}/fd/{number}")
        except FileNotFoundError:
            # It was closed meanwhile.
            continue
    return found


def test_no_descriptor_of_the_host_is_inherited_by_children_of_a_plugin(serve, services, compiled):
    daemon = serve(
        plugins=[*services("notifications", "rooms"), {"path": compiled("slow/slow.c")}], connectionStateRecovery=True
    )
    alice = daemon.person("alice")
    tabs = [alice.open_tab(transports=way) for way in (["websocket"], ["polling"], ["polling", "websocket"])]
    assert alice.get("/v1/notifications").status_code == 200
    assert inherited(daemon.server.process.pid) == {}
    assert len(tabs) == 3
