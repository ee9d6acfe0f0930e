"""The rows of the table: what the load generator does, and the highest cost that is accepted."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Workload:
    """`target` bounds Jackfield's server CPU per unit as a multiple of the bare server's, or, for
    memory, bytes per connection."""

    name: str
    title: str
    unit: str
    mode: str
    options: dict = field(default_factory=dict)
    target: float = None
    authenticates: bool = False
    polls: bool = False
    memory: bool = False
    raw: bool = False  # a server without Engine.IO can take part, over plain WebSockets
    twice: bool = False  # the first pass warms the server up

    @property
    def timed(self):
        """Whether it runs for a given time; otherwise it runs until a count is reached."""
        return self.mode != "connect"


TABLE = [
    Workload("echo1", "echo, 100 connections, 1 in flight", "message", "echo", dict(n=100, window=1, payload=64), 1.35),
    Workload("echo16", "echo, 16 in flight", "message", "echo", dict(n=100, window=16, payload=64), 2.0),
    Workload("ack1", "event with ack, 1 in flight", "message", "ack", dict(n=100, window=1, payload=64), 1.4),
    Workload(
        "fan1k",
        "fan-out to 1,000, 128 bytes, 1 publish in flight",
        "delivery",
        "fanout",
        dict(n=1000, window=1, payload=128),
        1.0,
        raw=True,
    ),
    Workload(
        "fan1k8",
        "the same, 8 publishes in flight",
        "delivery",
        "fanout",
        dict(n=1000, window=8, payload=128),
        1.5,
        raw=True,
    ),
    Workload(
        "fan10k",
        "fan-out to 10,000",
        "delivery",
        "fanout",
        dict(n=10000, window=1, payload=128, src_count=8),
        1.0,
        raw=True,
    ),
    Workload(
        "connect",
        "connect + JWT, 5,000",
        "connection",
        "connect",
        dict(n=5000, conc=64, src_count=8),
        3.0,
        authenticates=True,
        twice=True,
    ),
    Workload("polling", "long-polling echo", "message", "polling", dict(n=100, window=1, payload=64), 2.2, polls=True),
    Workload(
        "memory",
        "idle memory per connection (RSS growth, 10,000)",
        "connection",
        "connect",
        dict(n=10000, conc=64, hold=6, src_count=8),
        4.5 * 1024,
        authenticates=True,
        memory=True,
    ),
]

# Not rows of the table: what a strand may add to an idle server's answer.
IDLE = Workload("idle", "echo, 1 connection, 1 in flight", "message", "echo", dict(n=1, window=1, payload=64))

# What a strand may cost: times the CPU of the inline handler at 16 in flight, and
# microseconds of p50 when idle.
STRAND_FACTOR = 1.5
STRAND_LATENCY_US = 25


def named(names):
    known = {workload.name: workload for workload in [*TABLE, IDLE]}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"bench: no workload is called {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names]
