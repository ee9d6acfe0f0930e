import Testing

@testable import Isolation

@Suite("SupervisionPolicy")
struct SupervisionPolicyTests {
    static let second: Int64 = 1_000_000_000
    static let millisecond: Int64 = 1_000_000

    private var policy = SupervisionPolicy()

    /// A policy whose worker runs since 0.
    private func running(_ change: (inout SupervisionPolicy.Limits) -> Void = { _ in }) -> SupervisionPolicy {
        var limits = SupervisionPolicy.Limits()
        change(&limits)
        var policy = SupervisionPolicy(limits)
        #expect(policy.start(0) == .start)
        policy.ready(0)
        #expect(policy.state == .running(since: 0))
        return policy
    }

    @Test("a worker is started once")
    func start() {
        var policy = SupervisionPolicy()
        #expect(policy.state == .stopped && policy.nextCheck(0) == nil)
        #expect(policy.start(5) == .start)
        #expect(policy.start(6) == nil)
        #expect(policy.state == .starting(since: 5) && policy.restarts == 0)
        policy.ready(7)
        #expect(policy.state == .running(since: 5))
        policy.ready(8)
        #expect(policy.start(9) == nil)
    }

    @Test("the waits double from 100 ms to 30 s, and no number of failures stops the starts")
    func backOff() {
        var policy = SupervisionPolicy()
        var now: Int64 = 0
        #expect(policy.start(now) == .start)
        for failure in 1...200 {
            policy.ready(now)
            now += Self.millisecond
            let expected = min(100 * Self.millisecond << min(Int64(failure - 1), 20), 30 * Self.second)
            #expect(
                policy.ended(now, random: 0)
                    == .init(cause: .ended, uptime: Self.millisecond, failures: failure, backOff: expected))
            #expect(policy.nextCheck(now) == now + expected)
            #expect(policy.check(now + expected - 1, isBusy: false, counter: 0, memory: nil) == nil)
            now += expected
            #expect(policy.check(now, isBusy: false, counter: 0, memory: nil) == .start)
            #expect(policy.restarts == failure)
        }
    }

    @Test("chance shortens a wait by less than a quarter")
    func jitter() {
        for random in [0, 1, 24_999_999, 25_000_000, .max] as [UInt64] {
            var policy = running()
            let backOff = policy.ended(1, random: random)?.backOff ?? 0
            #expect(backOff > 75 * Self.millisecond && backOff <= 100 * Self.millisecond)
        }
        var policy = running()
        #expect(policy.ended(1, random: 24_999_999)?.backOff == 100 * Self.millisecond - 24_999_999)
    }

    @Test("after a good run of 60 s the waits begin again at the first")
    func goodRun() {
        for (uptime, failures) in [(60 * Self.second - 1, 4), (60 * Self.second, 1)] {
            var policy = running()
            var now: Int64 = 0
            for _ in 0..<3 {
                now += (policy.ended(now, random: 0)?.backOff ?? 0)
                #expect(policy.check(now, isBusy: false, counter: 0, memory: nil) == .start)
                policy.ready(now)
            }
            let end = policy.ended(now + uptime, random: 0)
            #expect(end?.failures == failures && end?.uptime == uptime)
        }
    }

    @Test("a worker that is busy without progress for hangAfter is killed")
    func hang() {
        var policy = running { $0.hangAfter = 3 * Self.second }
        // The time counts from the first check that finds it busy.
        #expect(policy.check(1 * Self.second, isBusy: true, counter: 7, memory: nil) == nil)
        #expect(policy.check(4 * Self.second - 1, isBusy: true, counter: 7, memory: nil) == nil)
        #expect(policy.check(4 * Self.second, isBusy: true, counter: 7, memory: nil) == .kill(.hung(3 * Self.second)))
        #expect(policy.check(5 * Self.second, isBusy: true, counter: 7, memory: nil) == nil)
        let end = policy.ended(6 * Self.second, random: 0)
        #expect(end?.cause == .hung(3 * Self.second) && end?.uptime == 6 * Self.second && end?.backOff != nil)
    }

    @Test("a worker that makes progress, or has nothing to do, is not hung")
    func noHang() {
        var policy = running { $0.hangAfter = 3 * Self.second }
        for second in 1...20 {
            #expect(
                policy.check(Int64(second) * 2 * Self.second, isBusy: true, counter: UInt64(second), memory: nil) == nil
            )
        }
        for second in 21...40 {
            #expect(policy.check(Int64(second) * 2 * Self.second, isBusy: false, counter: 20, memory: nil) == nil)
        }
        #expect(policy.check(82 * Self.second, isBusy: true, counter: 20, memory: nil) == nil)
        #expect(policy.check(83 * Self.second, isBusy: true, counter: 20, memory: nil) == .kill(.hung(3 * Self.second)))
    }

    @Test("hangAfter 0, startAfter 0 and memoryBytes 0 mean no limit")
    func noLimits() {
        var policy = running {
            $0.hangAfter = 0
            $0.startAfter = 0
        }
        for second: Int64 in 0..<100 {
            #expect(policy.check(second * Self.second, isBusy: true, counter: 0, memory: .max) == nil)
        }
        _ = policy.ended(100 * Self.second, random: 0)
        #expect(policy.check(200 * Self.second, isBusy: false, counter: 0, memory: nil) == .start)
        #expect(policy.check(100_000 * Self.second, isBusy: true, counter: 0, memory: .max) == nil)
    }

    @Test("a worker that is not ready in time is killed; until then it is not hung")
    func slowStart() {
        var limits = SupervisionPolicy.Limits()
        limits.hangAfter = Self.second
        limits.startAfter = 5 * Self.second
        var policy = SupervisionPolicy(limits)
        #expect(policy.start(Self.second) == .start)
        for second: Int64 in 2...5 {
            #expect(policy.check(second * Self.second, isBusy: true, counter: 0, memory: nil) == nil)
        }
        #expect(
            policy.check(6 * Self.second, isBusy: false, counter: 0, memory: nil) == .kill(.slowStart(5 * Self.second)))
        policy.ready(7 * Self.second)
        #expect(policy.ended(8 * Self.second, random: 0)?.cause == .slowStart(5 * Self.second))
    }

    @Test("a worker that uses more memory than memoryBytes is killed, also before it is ready")
    func memory() {
        var policy = running { $0.memoryBytes = 1000 }
        #expect(policy.check(1, isBusy: false, counter: 0, memory: 1000) == nil)
        #expect(policy.check(2, isBusy: false, counter: 0, memory: nil) == nil)
        #expect(policy.check(3, isBusy: false, counter: 0, memory: 1001) == .kill(.memory(1001)))
        #expect(policy.ended(4, random: 0)?.cause == .memory(1001))
        #expect(policy.check(Self.second, isBusy: false, counter: 0, memory: nil) == .start)
        #expect(policy.check(Self.second, isBusy: false, counter: 0, memory: 2000) == .kill(.memory(2000)))
    }

    @Test("a worker that breaks the rules is killed once")
    func broken() {
        var policy = running()
        #expect(policy.broken("a lie") == .kill(.broken("a lie")))
        #expect(policy.broken("another lie") == nil)
        #expect(policy.ended(1, random: 0)?.cause == .broken("a lie"))
        #expect(policy.broken("too late") == nil)
    }

    @Test("stop kills a worker, and none follows")
    func stop() {
        var policy = running()
        #expect(policy.stop(1) == .kill(.stopped))
        #expect(policy.stop(2) == nil)
        #expect(policy.ended(3, random: 0) == .init(cause: .stopped, uptime: 3, failures: 0, backOff: nil))
        #expect(policy.state == .stopped && policy.nextCheck(4) == nil)
        #expect(policy.check(1000 * Self.second, isBusy: true, counter: 0, memory: nil) == nil)
        #expect(policy.start(5) == .start)
    }

    @Test("stop ends a wait, and a worker that was being killed has no successor")
    func stopEarly() {
        var waiting = running()
        _ = waiting.ended(1, random: 0)
        #expect(waiting.stop(2) == nil)
        #expect(waiting.state == .stopped)
        var ending = running()
        #expect(ending.broken("a lie") != nil)
        #expect(ending.stop(1) == nil)
        #expect(ending.ended(2, random: 0)?.backOff == nil)
        #expect(ending.state == .stopped)
    }

    @Test("start during a stop has a successor follow")
    func startWhileStopping() {
        var policy = running()
        #expect(policy.stop(1) == .kill(.stopped))
        #expect(policy.start(2) == nil)
        #expect(policy.ended(3, random: 0)?.backOff == 100 * Self.millisecond)
        #expect(policy.check(Self.second, isBusy: false, counter: 0, memory: nil) == .start)
    }

    @Test("an end that is reported twice, or without a worker, changes nothing")
    func strayEnd() {
        var policy = SupervisionPolicy()
        #expect(policy.ended(1, random: 0) == nil)
        #expect(policy.start(1) == .start)
        #expect(policy.ended(2, random: 0) != nil)
        #expect(policy.ended(3, random: 0) == nil)
        #expect(policy.failures == 1)
    }

    @Test("no sequence of reports starts a second worker, or none at all, while one is wanted", arguments: 0..<50)
    func sequences(_ seed: Int) {
        var random = UInt64(seed)
        func next(_ bound: UInt64) -> UInt64 {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (random >> 33) % bound
        }
        var limits = SupervisionPolicy.Limits()
        limits.memoryBytes = 100
        limits.hangAfter = Self.second
        var policy = SupervisionPolicy(limits)
        var now: Int64 = 0
        var hasProcess = false
        var isWanted = false
        var isKilled = false
        func carryOut(_ action: SupervisionPolicy.Action?) {
            switch action {
            case .start:
                #expect(!hasProcess && isWanted)
                hasProcess = true
                isKilled = false
            case .kill:
                #expect(hasProcess && !isKilled)
                isKilled = true
            case nil: break
            }
        }
        for _ in 0..<2000 {
            now += Int64(next(UInt64(2 * Self.second)))
            switch next(8) {
            case 0:
                isWanted = true
                carryOut(policy.start(now))
            case 1 where next(4) == 0:
                isWanted = false
                carryOut(policy.stop(now))
            case 2: policy.ready(now)
            case 3: carryOut(policy.broken("a lie"))
            case 4 where hasProcess:
                hasProcess = false
                let end = policy.ended(now, random: next(.max))
                #expect(end != nil && (end?.backOff != nil) == isWanted)
            default:
                carryOut(policy.check(now, isBusy: next(2) == 0, counter: next(2), memory: Int(next(102))))
            }
            #expect((policy.state == .stopped) == (!hasProcess && !isWanted))
        }
        // While it is wanted, waiting long enough always brings a worker.
        isWanted = true
        carryOut(policy.start(now))
        if !hasProcess {
            carryOut(policy.check(now + limits.longestBackOff, isBusy: false, counter: 0, memory: nil))
            #expect(hasProcess)
        }
    }
}
