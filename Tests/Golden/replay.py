#!/usr/bin/env python3
"""Replays the recorded sessions of the reference server with Jackfield, and reports every difference.

    replay.py                             all sessions against .build/release/jackfield
    replay.py --only upgrade -v           one group, naming each session
    replay.py --only socketio-ack-order   one session
    replay.py --connect 127.0.0.1:3000    the sessions without options, against a server that already runs
    replay.py --command 'python3 app.py'  another server; its last argument is the options as JSON, and it prints
                                          `listening on http://127.0.0.1:PORT`

The exit code is 0 if every session of differences.json differs and every other is as recorded; else 1.
"""

import argparse
import json
import os
import shlex
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from server import APPLICATION, BINARY, Server, ServerFault, compile_plugin, jackfield
from session import Outcome, Player

HERE = Path(__file__).resolve().parent
SESSIONS = HERE / "sessions"
DIFFERENCES = HERE / "differences.json"

#: Sessions that one server gets, one after the other. Further sessions with the same options get another server, to
#: save time.
SHARD = 40


def load(only=(), without=()):
    """The sessions, those of `only` (ids or groups) if any are named, less those that need what is in `without`."""
    sessions = [json.loads(path.read_text()) for path in sorted(SESSIONS.glob("*.json"))]
    for name in only:
        if not any(name in (session["id"], session["group"]) for session in sessions):
            raise SystemExit(f"replay.py: no session or group is called {name!r}")
    return [
        session
        for session in sessions
        if (not only or session["id"] in only or session["group"] in only)
        and not set(session.get("needs", [])) & set(without)
    ]


def shards(sessions):
    """(options, sessions) for each server to start."""
    by_options = {}
    for session in sessions:
        by_options.setdefault(json.dumps(session.get("options", {}), sort_keys=True), []).append(session)
    return [
        (json.loads(options), group[start : start + SHARD])
        for options, group in by_options.items()
        for start in range(0, len(group), SHARD)
    ]


def play_all(sessions, start, jobs, patience=1.0):
    """Plays the sessions on servers made by `start(options)`. Returns their outcomes in the order of the sessions."""

    def play_shard(shard):
        options, group = shard
        try:
            with start(options) as server:
                player = Player("127.0.0.1", server.port, patience)
                outcomes = []
                for session in group:
                    outcomes.append(player.play(session))
                    if not server.running:
                        outcomes[-1] = Outcome(
                            session["id"], 1, "server", "the server ended during this session", None, server.log()
                        )
                        break
                return outcomes + [
                    Outcome(session["id"], 1, "server", "not played, the server had ended")
                    for session in group[len(outcomes) :]
                ]
        except ServerFault as fault:
            return [Outcome(session["id"], 1, "server", str(fault)) for session in group]

    with ThreadPoolExecutor(jobs) as pool:
        outcomes = {outcome.id: outcome for shard in pool.map(play_shard, shards(sessions)) for outcome in shard}
    return [outcomes[session["id"]] for session in sessions]


def report(sessions, outcomes, differences, verbose=False, out=sys.stdout):
    """Prints the differences and the totals of each group. Returns whether all sessions are as recorded or listed."""
    totals, good = {}, True
    for session, outcome in zip(sessions, outcomes, strict=True):
        total = totals.setdefault(session["group"], Counter())
        reason = differences.get(session["id"])
        if outcome.passed and reason is None:
            verdict = "as recorded"
        elif outcome.passed and not outcome.otherwise:
            verdict, good = "stale", False
            print(f"STALE {session['id']} is listed in differences.json, but went as recorded", file=out)
        elif reason is not None:
            verdict = "listed"
        elif session.get("optional"):
            verdict = "optional"
            print(f"OPTIONAL {outcome}\n    ({session['title']})", file=out)
        else:
            verdict, good = "different", False
            print(f"DIFFERENT {outcome}\n    ({session['title']})", file=out)
        total[verdict] += 1
        if verbose:
            print(f"{verdict:12} {session['id']}", file=out)
    verdicts = ["as recorded", "listed", "optional", "stale", "different"]
    print(f"{'group':12}" + "".join(f"{verdict:>13}" for verdict in verdicts), file=out)
    for group, total in [*totals.items(), ("all", sum(totals.values(), Counter()))]:
        print(f"{group:12}" + "".join(f"{total[verdict]:13}" for verdict in verdicts), file=out)
    return good


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=BINARY, help="the daemon (default: %(default)s)")
    parser.add_argument("--plugin", type=Path, help="the golden application, compiled (default: compile it)")
    parser.add_argument("--connect", metavar="HOST:PORT", help="play against a server that already runs")
    parser.add_argument("--command", help="play against this server")
    parser.add_argument(
        "--options", type=json.loads, default={}, help="what the server of --connect was started with, as JSON"
    )
    parser.add_argument("--only", action="append", default=[], metavar="GROUP|ID", help="may be repeated")
    parser.add_argument(
        "--without", action="append", default=[], metavar="NEED", help="skip sessions that need chat-auth or deny-hook"
    )
    parser.add_argument(
        "--jobs", type=int, default=4 * (os.cpu_count() or 1), help="servers at a time (default: %(default)s)"
    )
    parser.add_argument("--patience", type=float, default=1.0, help="multiplies every upper limit in time")
    parser.add_argument("-v", "--verbose", action="store_true", help="name the sessions that pass, too")
    chosen = parser.parse_args(arguments)

    sessions = load(chosen.only, chosen.without)
    differences = json.loads(DIFFERENCES.read_text())
    with tempfile.TemporaryDirectory(prefix="golden-") as folder:
        if chosen.connect:
            port = int(chosen.connect.rpartition(":")[2])
            sessions = [session for session in sessions if session.get("options", {}) == chosen.options]
            player = Player(chosen.connect.rpartition(":")[0], port, chosen.patience)
            outcomes = [player.play(session) for session in sessions]
        else:
            if chosen.command:

                def start(options):
                    return Server([*shlex.split(chosen.command), json.dumps(options)], folder)

                differences = {}
            else:
                library = chosen.plugin or compile_plugin(APPLICATION, folder)

                def start(options):
                    return Server(jackfield(options, library, folder, chosen.bin), folder)

            outcomes = play_all(sessions, start, chosen.jobs, chosen.patience)
    return 0 if report(sessions, outcomes, differences, chosen.verbose) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ServerFault as fault:
        sys.exit(f"replay.py: {fault}")
