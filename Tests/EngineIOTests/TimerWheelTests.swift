import Testing

@testable import EngineIO

@Suite struct TimerWheelTests {
    private final class Target: TimerTarget {
        var fired: [(tag: UInt64, at: Int64)] = []
        let wheel: TimerWheel
        var onFire: (UInt64) -> Void = { _ in }
        init(_ wheel: TimerWheel) { self.wheel = wheel }
        func timerFired(_ id: TimerID, tag: UInt64) {
            fired.append((tag, wheel.now))
            onFire(tag)
        }
    }

    @Test func `a timer fires at its time, not before`() {
        let wheel = TimerWheel(now: 5)
        let target = Target(wheel)
        _ = wheel.schedule(at: 105, for: target, tag: 7)
        wheel.advance(to: 104)
        #expect(target.fired.isEmpty)
        wheel.advance(to: 105)
        #expect(target.fired.map(\.tag) == [7])
        #expect(wheel.nextDeadline == nil)
        #expect(wheel.count == 0)
    }

    @Test func `timers of all distances fire in order and on time, whatever the steps`() {
        for step: Int64 in [1, 7, 63, 64, 65, 4096, 1_000_003] {
            let wheel = TimerWheel(now: 12_345)
            let target = Target(wheel)
            var generator = Xorshift(state: UInt64(step))
            let deadlines = (0..<2000).map { _ in
                12_345 + Int64(generator.next() % UInt64(1 << (1 + generator.next() % 24)))
            }
            for deadline in deadlines { _ = wheel.schedule(at: deadline, for: target, tag: UInt64(deadline)) }
            let end = deadlines.max()! + 1
            var now: Int64 = 12_345
            while now < end, target.fired.count < 2000 {
                now = step < 4096 ? max(now + step, wheel.nextDeadline ?? end) : now + step
                wheel.advance(to: now)
            }
            #expect(target.fired.count == 2000)
            #expect(target.fired.allSatisfy { $0.at >= Int64($0.tag) })
            #expect(target.fired.map(\.at) == target.fired.map(\.at).sorted())
            #expect(target.fired.allSatisfy { $0.at == max(Int64($0.tag), 12_346) })
        }
    }

    @Test func `a cancelled timer does not fire, and stale ids are ignored`() {
        let wheel = TimerWheel()
        let target = Target(wheel)
        let first = wheel.schedule(at: 10, for: target, tag: 1)
        wheel.cancel(first)
        let second = wheel.schedule(at: 10, for: target, tag: 2)
        wheel.cancel(first)
        wheel.cancel(.none)
        wheel.advance(to: 10)
        #expect(target.fired.map(\.tag) == [2])
        wheel.cancel(second)
        #expect(wheel.count == 0)
    }

    @Test func `a target may schedule and cancel timers while it is called`() {
        let wheel = TimerWheel()
        let target = Target(wheel)
        var other = TimerID.none
        target.onFire = { tag in
            if tag == 1 {
                wheel.cancel(other)
                _ = wheel.schedule(at: wheel.now + 5, for: target, tag: 3)
                _ = wheel.schedule(at: 0, for: target, tag: 4)
            }
        }
        _ = wheel.schedule(at: 10, for: target, tag: 1)
        other = wheel.schedule(at: 11, for: target, tag: 2)
        wheel.advance(to: 100)
        #expect(target.fired.map(\.tag) == [1, 4, 3])
        #expect(target.fired.map(\.at) == [10, 11, 15])
    }

    @Test func `timers due when only the clock is moved fire at the next advance, in order, and see the actual time`() {
        let wheel = TimerWheel(now: 1000)
        let target = Target(wheel)
        for deadline: Int64 in [1500, 1001, 70_000, 1300] {
            _ = wheel.schedule(at: deadline, for: target, tag: UInt64(deadline))
        }
        wheel.moveClock(to: 2000)
        wheel.moveClock(to: 1999)
        #expect(wheel.now == 2000)
        #expect(target.fired.isEmpty)
        // Scheduled before the advance: one timer that is due already, and one that is not.
        _ = wheel.schedule(at: wheel.now, for: target, tag: 1)
        _ = wheel.schedule(at: wheel.now + 10, for: target, tag: 2)
        wheel.advance(to: 2000)
        #expect(target.fired.map(\.tag) == [1001, 1300, 1500, 1])
        #expect(target.fired.allSatisfy { $0.at == 2000 })
        wheel.advance(to: 70_000)
        #expect(target.fired.dropFirst(4).map(\.tag) == [2, 70_000])
        #expect(target.fired.dropFirst(4).map(\.at) == [2010, 70_000])
    }

    @Test func `a timer beyond the wheel's range fires on time`() {
        let wheel = TimerWheel()
        let target = Target(wheel)
        let far: Int64 = 3 << 30
        _ = wheel.schedule(at: far, for: target)
        wheel.advance(to: far - 1)
        #expect(target.fired.isEmpty)
        wheel.advance(to: far)
        #expect(target.fired.count == 1)
    }

    @Test func `onEarlier is called for earlier timers only`() {
        let wheel = TimerWheel()
        let target = Target(wheel)
        var heard: [Int64] = []
        wheel.onEarlier = { moment in
            heard.append(moment)
            wheel.wakeUp = moment
        }
        for deadline: Int64 in [100, 200, 50, 75] { _ = wheel.schedule(at: deadline, for: target) }
        #expect(heard == [100, 50])
    }

    @Test func `shrink frees the memory of a peak, and no stale id matches a later timer`() {
        let wheel = TimerWheel()
        let target = Target(wheel)
        let kept = (0..<10).map { wheel.schedule(at: 1_000_000 + $0, for: target, tag: UInt64($0)) }
        let peak = (0..<50_000).map { wheel.schedule(at: 100 + Int64($0 % 50), for: target, tag: 99) }
        #expect(wheel.capacity >= 50_010)
        wheel.shrink()
        #expect(wheel.capacity >= 50_010)
        wheel.advance(to: 200)
        target.fired = []
        wheel.shrink()
        #expect(wheel.capacity == 4_096)
        let again = (0..<50_000).map { wheel.schedule(at: 300 + Int64($0 % 50), for: target, tag: 1) }
        for id in peak { wheel.cancel(id) }
        #expect(wheel.count == 50_010)
        wheel.advance(to: 400)
        #expect(target.fired.count == 50_000)
        #expect(Set(again).count == 50_000)
        wheel.cancel(kept[3])
        wheel.advance(to: 1_000_100)
        #expect(target.fired.suffix(9).map(\.tag) == [0, 1, 2, 4, 5, 6, 7, 8, 9])
        #expect(wheel.count == 0)
    }

    @Test func `scheduling allocates nothing once the wheel has enough entries`() {
        let wheel = TimerWheel()
        let target = Target(wheel)
        for round: Int64 in 0..<1000 {
            let ids = (0..<10).map { wheel.schedule(at: round * 100 + $0 * 9, for: target) }
            for id in ids where id.index % 2 == 0 { wheel.cancel(id) }
            wheel.advance(to: round * 100 + 99)
            #expect(ids.allSatisfy { $0.index < 10 })
        }
    }
}
