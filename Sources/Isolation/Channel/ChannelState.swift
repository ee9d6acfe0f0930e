import CIsolation
import Support
import Synchronization

/// Whether a channel still works, as this process sees it. Not in shared memory: the peer cannot change it back.
final class ChannelState: Sendable {
    private let control: SharedMapping
    /// Offset in the control page of the word with which the peer closes its end.
    private let peerClosed: Int
    /// ``Phase`` of the channel.
    private let phase = Atomic<UInt8>(Phase.open.rawValue)
    private let reason = Mutex<String?>(nil)

    /// Only increases.
    enum Phase: UInt8 {
        case open = 0
        /// The peer has closed its end, or its process has ended. What it had written can still be read.
        case peerEnded = 1
        /// The peer has broken the rules of the channel.
        case broken = 2
        /// This side has closed the channel.
        case closed = 3
    }

    /// A thread that waits looks at the phase this often, in nanoseconds: a peer that overwrites a futex word can
    /// prevent that a sleeping thread is woken.
    static let longestSleep: Int64 = 1_000_000_000

    /// - Parameter peerClosed: offset of the word in the control page.
    init(_ control: SharedMapping, peerClosed: Int) {
        self.control = control
        self.peerClosed = peerClosed
    }

    var current: Phase {
        let now = Phase(rawValue: phase.load(ordering: .sequentiallyConsistent)) ?? .closed
        guard now == .open, jf_load32(control.start + peerClosed) != 0 else { return now }
        advance(to: .peerEnded)
        return self.current
    }

    /// What the peer did wrong.
    var brokenReason: String? { reason.withLock { $0 } }

    /// Changes to `next`, unless the phase is that already or a later one.
    func advance(to next: Phase) { phase.max(next.rawValue, ordering: .sequentiallyConsistent) }

    /// The first reason counts.
    func setBroken(_ text: String) {
        reason.withLock { reason in if reason == nil { reason = text } }
        advance(to: .broken)
    }

    /// When a wait until `deadline` ends at the latest, to look at the phase.
    static func slice(until deadline: Int64) -> Int64 { min(deadline, Clock.monotonicNanoseconds + longestSleep) }
}
