"""Acks that a plugin gives later, from a thread of its own."""

import threading
import time

import pytest
import socketio

from harness.tab import PATIENCE


@pytest.fixture
def tab(serve, compiled):
    return serve(plugins=[{"path": compiled("late-ack/late_ack.c"), "required": True}]).person("alice").open_tab()


def test_an_ack_arrives_when_the_plugin_gives_it(tab):
    began = time.monotonic()
    assert tab.call("late", 300, {"kept": "ü"}) == (300, {"kept": "ü"})
    assert 0.28 < time.monotonic() - began < PATIENCE


def test_many_late_acks_find_their_own_callers_in_any_order(tab):
    answers, done = {}, threading.Event()

    def answer_to(number):
        def keep(*arguments):
            answers[number] = arguments
            if len(answers) == 200:
                done.set()

        return keep

    for number in range(200):
        tab.client.emit("late", (number * 37 % 200, number), callback=answer_to(number))
    assert done.wait(PATIENCE)
    assert answers == {number: (number * 37 % 200, number) for number in range(200)}


def test_a_second_answer_is_refused_and_the_first_one_holds(tab):
    assert tab.call("twice", "only once") == "only once"
    assert tab.expect("second") == -3


def test_a_token_that_is_dropped_is_never_answered(tab):
    with pytest.raises(socketio.exceptions.TimeoutError):
        tab.call("never", timeout=0.5)
    assert tab.call("late", 0) == 0


def test_a_client_that_leaves_before_the_ack_harms_nobody(serve, compiled):
    daemon = serve(plugins=[{"path": compiled("late-ack/late_ack.c"), "required": True}])
    for way in (["polling"], ["websocket"]):
        leaving = daemon.person("alice").open_tab(transports=way)
        for _ in range(50):
            leaving.emit("late", 300)
            leaving.client.emit("late", (300,), callback=lambda *_: None)
        leaving.close()
    staying = daemon.person("bob").open_tab()
    assert staying.call("late", 600) == 600


def test_the_daemon_stops_while_acks_are_still_owed(serve, compiled):
    daemon = serve(plugins=[{"path": compiled("late-ack/late_ack.c"), "required": True}])
    tab = daemon.person("alice").open_tab()
    for _ in range(20):
        tab.client.emit("late", (60_000,), callback=lambda *_: None)
    tab.call("late", 0)
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < PATIENCE
