import Foundation
import Glibc
import Support

@testable import Isolation

/// Both ends of a channel in one process.
struct ChannelPair {
    let host: SharedChannel
    let worker: SharedChannel

    init(ringBytes: Int = 4096, slotCount: Int = 4) throws {
        var options = SharedChannel.Options()
        options.ringBytes = ringBytes
        options.slotCount = slotCount
        host = try SharedChannel.create(options)
        worker = try SharedChannel(attaching: dup(host.descriptor), options)
    }
}

extension SharedChannel {
    /// Writes bytes; waits long for room.
    func send(_ kind: UInt16, id: UInt64 = 0, _ bytes: [UInt8]) -> WriteResult {
        bytes.withUnsafeBytes { write(kind: kind, id: id, $0, until: .soon) }
    }

    /// Writes bytes if there is room now.
    func trySend(_ kind: UInt16, _ bytes: [UInt8]) -> WriteResult {
        bytes.withUnsafeBytes { write(kind: kind, $0, until: nil) }
    }

    /// The payload of the next message; waits long.
    func receive() -> [UInt8]? {
        if case .message(let message) = read(until: .soon) { Array(message.payload) } else { nil }
    }

    /// What the next read returns, as text.
    func result(until deadline: Int64 = .soon) -> String {
        switch read(until: deadline) {
        case .message(let message): "message \(message.kind) of \(message.payload.count)"
        case .timeout: "timeout"
        case .closed: "closed"
        case .broken(let reason): "broken: \(reason)"
        }
    }
}

extension Int64 {
    /// A deadline that a working test never reaches.
    static var soon: Int64 { Clock.monotonicNanoseconds + 120_000_000_000 }
    static var past: Int64 { Clock.monotonicNanoseconds - 1 }
}

private let patternBytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

/// Bytes that depend on the seed.
func pattern(_ count: Int, _ seed: Int) -> [UInt8] {
    let start = seed % 97
    if start + count <= patternBytes.count { return Array(patternBytes[start..<start + count]) }
    // Assembled of parts of different contents.
    return Array((0...count / 5000).flatMap { pattern(5000, seed + $0) }[..<count])
}

/// Runs a closure on a thread of its own and waits for it when asked.
final class TestThread: Sendable {
    private let done = DispatchSemaphore(value: 0)

    init(_ body: @escaping @Sendable () -> Void) {
        Thread.detachNewThread { [done] in
            body()
            done.signal()
        }
    }

    /// Whether the thread ended within two minutes.
    func join() -> Bool { done.wait(timeout: .now() + 120) == .success }
}
