"""Acknowledged rows are on disk: the daemon is killed fifty times at random moments, and no acknowledged row is
missing."""

import random
import threading
import time

import requests
import socketio

KILLS = 50


class Writers:
    """Pushes notifications over HTTP and sends messages to a room until the daemon is killed;
    records what was acknowledged."""

    def __init__(self, daemon, round_number, enough):
        self.daemon, self.user, self.enough = daemon, f"user-{round_number}", enough
        self.rows, self.messages = [], []
        self.acknowledged = threading.Event()
        self.ops = daemon.person("ops", scope="notifications:write")
        self.person = daemon.person(self.user)
        self.tab = self.person.open_tab()
        self.room = self.tab.call("room:create", {"name": self.user})["id"]
        self.tab.call("room:join", {"room": self.room})
        self.threads = [threading.Thread(target=work) for work in (self._push, self._push, self._talk)]
        for thread in self.threads:
            thread.start()

    def _count(self):
        if len(self.rows) + len(self.messages) >= self.enough:
            self.acknowledged.set()

    def _push(self):
        body = {"user_id": self.user, "type": "test", "title": "kept", "body": "x" * random.randrange(2000)}
        try:
            while (answer := self.ops.post("/v1/notifications", body)).status_code == 201:
                self.rows.append(answer.json()["id"])
                self._count()
        except (requests.RequestException, ValueError):
            pass

    def _talk(self):
        try:
            while "id" in (message := self.tab.call("room:message", {"room": self.room, "body": "kept"}, timeout=0.5)):
                self.messages.append(message["id"])
                self._count()
        except (socketio.exceptions.SocketIOError, AttributeError):
            pass

    def join(self):
        self.acknowledged.set()
        for thread in self.threads:
            thread.join()


def everything(fetch):
    """All ids of a paged list. `fetch` is called with the parameters of each page."""
    ids, after = set(), None
    while True:
        page = fetch({"limit": 100, **({"after": after} if after else {})})
        ids.update(item["id"] for item in page["items"])
        after = page["next"]
        if after is None:
            return ids


def test_what_was_acknowledged_survives_fifty_kills(daemon):
    chance, total = random.Random(20_26), 0
    for number in range(KILLS):
        # Half of the kills follow an acknowledgement at once, the other half come at any moment.
        writers = Writers(daemon, number, enough=chance.randrange(1, 60))
        if number % 2:
            writers.acknowledged.wait(5)
        else:
            time.sleep(chance.uniform(0.005, 0.25))
        daemon.kill()
        writers.join()
        daemon.start()

        person = daemon.person(writers.user)
        stored = everything(lambda page, person=person: person.get("/v1/notifications", params=page).json())
        assert not set(writers.rows) - stored, f"lost after kill {number}"
        tab = person.open_tab()
        tab.call("room:join", {"room": writers.room})
        stored = everything(lambda page, tab=tab, room=writers.room: tab.call("room:history", {"room": room, **page}))
        assert not set(writers.messages) - stored, f"lost after kill {number}"
        tab.close()
        total += len(writers.rows) + len(writers.messages)
    assert total > KILLS, "hardly anything was acknowledged: this proves nothing"
