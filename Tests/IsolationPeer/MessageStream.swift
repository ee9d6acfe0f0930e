import Glibc
import Isolation
import Support

/// Messages of random sizes that both ends of a channel can compute: for tests and benchmarks.
struct MessageStream {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// Mostly short; one in 1,000 is longer than a record can be.
    private mutating func next() -> (count: Int, byte: UInt8) {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let bits = state >> 33
        let count = bits % 1000 == 0 ? 100_000 + Int(bits % 7001) : Int(bits % 701)
        return (count, UInt8(truncatingIfNeeded: bits >> 8))
    }

    mutating func write(_ count: Int, to channel: SharedChannel) {
        for number in 0..<count {
            let (length, byte) = next()
            let result = channel.write(kind: 7, id: UInt64(number), count: length, until: .max) {
                if let start = $0.baseAddress { memset(start, Int32(byte), $0.count) }
            }
            guard result == .written else { return }
        }
    }

    /// Reads the messages, and says what is wrong with the first wrong one.
    mutating func read(_ count: Int, from channel: SharedChannel) -> String? {
        for number in 0..<count {
            let (length, byte) = next()
            guard case .message(let message) = channel.read(until: Clock.monotonicNanoseconds + 120_000_000_000) else {
                return "no message \(number)"
            }
            let payload = message.payload
            guard message.kind == 7, message.id == UInt64(number), payload.count == length else {
                return "message \(number): id \(message.id), \(payload.count) bytes instead of \(length)"
            }
            guard length > 0, let start = payload.baseAddress else { continue }
            // Every byte equals the one before it.
            guard payload[0] == byte, memcmp(start, start + 1, length - 1) == 0 else {
                return "message \(number): wrong bytes"
            }
        }
        return nil
    }
}
