"""Every client reads every message once and in order, on each way of sending: directly to the socket, in a batch
through io_uring, or through the queue of the channel, from the first byte that the kernel did not accept. The buffers
of both sides are smaller than most messages."""

import re
import string
import time

import pytest

import wire
from harness.readers import Expected, OutOfOrder, Reader, read_all
from harness.tab import PATIENCE
from harness.wireclient import RawSocket

READERS = 1000
MESSAGES = 32
SEND_BUFFER = 2048

#: Both ways of sending in a batch and the handlers' two threads, on one loop and on two.
WAYS = [
    pytest.param(ring, loops, prefix, id=f"{'io_uring' if ring else 'send'}-{loops}-loops-{prefix or 'strand'}")
    for ring, loops, prefix in ((True, 1, "inline:"), (False, 1, ""), (True, 2, ""), (False, 2, "inline:"))
]


class Crowd:
    """A daemon with the plugin `order`, its readers, and the client that tells the plugin what to send to them."""

    def __init__(self, daemon, prefix, count):
        self.daemon, self.prefix = daemon, prefix
        self.expected, self.sent = Expected(), 0
        self.teller = RawSocket(daemon.port)
        self.teller.send("40")
        assert self.teller.receive().startswith("40{")
        self.ask("shrink", SEND_BUFFER)
        self.readers = [Reader(daemon.port, self.expected, "/crowd", index) for index in range(count)]
        deadline = time.monotonic() + PATIENCE
        while self.ask("size") != count:
            assert time.monotonic() < deadline, "the plugin does not know its crowd"

    def ask(self, event, *arguments):
        self.teller.send(f'420["{event}"{"".join(f",{argument}" for argument in arguments)}]')
        answer = re.fullmatch(r"430\[(\d+)\]", self.teller.receive())
        assert answer, "an ack is a number here"
        return int(answer[1])

    def send(self):
        """The next message, from a few bytes to many times the size of the buffers; a broadcast or one emit for each
        reader; every fifth message with attachments."""
        number = self.sent
        self.sent += 1
        filling = string.ascii_letters[number % 52] * (number * 4099 % 7000)
        attachments = [bytes([number, part]) * (number * 613 % 3000) for part in range(number % 5 // 3 * 2)]
        holes = "".join(f',{{"_placeholder":true,"num":{part}}}' for part in range(len(attachments)))
        kind = f"5{len(attachments)}-" if attachments else "2"
        event = self.prefix + ("unicast" if number % 3 == 1 else "broadcast")
        self.teller.send(f'4{kind}["{event}",{number},"{filling}"{holes}]')
        for attachment in attachments:
            self.teller.send_raw(wire.frame(wire.BINARY, attachment))
        self.expected.add(f'4{kind}/crowd,["n",{number},"{filling}"{holes}]'.encode(), attachments)

    def short_writes(self):
        return int(re.search(r"^jackfield_short_writes_total (\d+)", self.daemon.get("/metrics").text, re.MULTILINE)[1])

    def close(self):
        for reader in self.readers:
            reader.close()
        self.teller.close()


@pytest.fixture
def gather(many_files, serve, compiled):
    """A daemon and its crowd: `gather(readers=1000, prefix="inline:", ioUring=False)`."""
    crowds = []

    def start(readers, prefix="", **settings):
        plugin = {"path": compiled("order/order.c"), "required": True}
        crowds.append(Crowd(serve(plugins=[plugin], auth=False, pingInterval=300_000, **settings), prefix, readers))
        return crowds[-1]

    yield start
    for crowd in crowds:
        crowd.close()


@pytest.mark.parametrize("ring, loops, prefix", WAYS)
def test_a_thousand_clients_with_tiny_buffers_read_everything_once_and_in_order(gather, ring, loops, prefix):
    crowd = gather(READERS, prefix, ioUring=ring, eventLoops=loops)
    if ring and "there is no io_uring here" in crowd.daemon.log:
        pytest.skip("this machine forbids io_uring")
    assert ("broadcasts are sent through io_uring" in crowd.daemon.log) == ring
    resting, reading = crowd.readers[::3], [reader for reader in crowd.readers if reader.index % 3]
    for number in range(MESSAGES):
        crowd.send()
        # All readers catch up at times, so that the direct way is used again. In the second half, a third of them does
        # not read.
        if number % 4 == 3:
            read_all(crowd.readers if number < MESSAGES // 2 else reading, PATIENCE)
    read_all(reading, PATIENCE)
    assert not any(reader.is_done for reader in resting), "nobody was behind: the buffers held everything"
    read_all(resting, PATIENCE)
    assert crowd.short_writes() > 5 * READERS, "the kernel took nearly everything whole: the test shows nothing"


@pytest.mark.parametrize("ring", [True, False], ids=["io_uring", "send"])
def test_a_client_over_its_output_bound_is_closed_and_nobody_else_notices(gather, ring):
    bound = 100_000
    crowd = gather(100, ioUring=ring, limits={"outputBuffer": bound})
    stalled, others = crowd.readers[0], crowd.readers[1:]
    while len(crowd.expected) < 3 * bound:
        crowd.send()
        read_all(others, PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while not stalled.ended:
        assert time.monotonic() < deadline, (
            f"the client that does not read was not closed; it has read {stalled.taken} of {len(crowd.expected)} bytes"
        )
        stalled.read()
    # What it received was right, and nothing came after the limit.
    assert stalled.taken < bound
    for reader in others:
        reader.read()
        assert reader.is_done and not reader.ended


@pytest.mark.parametrize("first, second", [("a", "a"), ("b", "a")], ids=["twice", "swapped"])
def test_a_reader_notices(first, second):
    expected = Expected()
    for text in ("a", "b"):
        expected.add(f'42["n","{text}"]'.encode())
    reader = Reader.__new__(Reader)
    reader.expected, reader.index, reader.taken = expected, 0, 0
    came = Expected()
    for text in (first, second):
        came.add(f'42["n","{text}"]'.encode())
    with pytest.raises(OutOfOrder, match=f"in message {1 if first == 'a' else 0}"):
        reader.take(came.stream)
