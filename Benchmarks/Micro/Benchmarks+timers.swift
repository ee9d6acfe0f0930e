import EngineIO

extension Benchmarks {
    private final class Target: TimerTarget {
        func timerFired(_ id: TimerID, tag: UInt64) {}
    }

    static var timers: [Benchmark] {
        [
            Benchmark("timer.schedule-cancel", "a timer set and cancelled, among 10,000 others") {
                let (wheel, target) = (TimerWheel(), Target())
                for number in 0..<10_000 { opaque(wheel.schedule(at: 25_000 + Int64(number % 1000), for: target)) }
                return { count in
                    for _ in 0..<count { wheel.cancel(wheel.schedule(at: 20_000, for: target)) }
                }
            },
            Benchmark(
                "timer.advance", "1 ms passes for 10,000 timers that are rescheduled when they fire", guardCount: 1000
            ) {
                let wheel = TimerWheel()
                let target = Rescheduling(wheel)
                for number in 0..<10_000 { opaque(wheel.schedule(at: Int64(number) * 5 / 2, for: target)) }
                var now: Int64 = 0
                return { count in
                    for _ in 0..<count {
                        now += 1
                        wheel.advance(to: now)
                    }
                }
            },
        ]
    }

    private final class Rescheduling: TimerTarget {
        private unowned let wheel: TimerWheel
        init(_ wheel: TimerWheel) { self.wheel = wheel }
        func timerFired(_ id: TimerID, tag: UInt64) { opaque(wheel.schedule(at: wheel.now + 25_000, for: self)) }
    }
}
