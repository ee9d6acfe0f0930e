import Foundation
import JackfieldPlugin
import Support
import Synchronization

/// Makes ids that sort by time as text: UUID version 7 (RFC 9562), lower case.
///
/// Within a millisecond the 12 bits after the version count up. So the ids of one instance are strictly ascending, also
/// if the clock is set back.
public final class TimeOrderedID: Sendable {
    private struct State {
        var milliseconds: Int64 = 0
        var counter: UInt64 = 0
        var randomness = RandomBits()
    }

    private let state = Mutex(State())

    public init() {}

    /// `now`: milliseconds since 1970-01-01 UTC.
    public func next(now: Int64) -> String {
        let (high, low) = state.withLock { state in
            if now > state.milliseconds {
                state.milliseconds = now
                state.counter = state.randomness.next() & 0x3FF
            } else if state.counter < 0xFFF {
                state.counter += 1
            } else {
                state.milliseconds += 1
                state.counter = 0
            }
            return (
                UInt64(state.milliseconds & 0xFFFF_FFFF_FFFF) << 16 | 0x7000 | state.counter,
                state.randomness.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
            )
        }
        return Self.text(high, low)
    }

    /// Whether a text has the form of an id. Checked before a query, to refuse other texts cheaply.
    public static func isValid(_ text: String) -> Bool {
        let utf8 = text.utf8
        guard utf8.count == 36 else { return false }
        return utf8.enumerated().allSatisfy { index, byte in
            switch index {
            case 8, 13, 18, 23: byte == UInt8(ascii: "-")
            default:
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            }
        }
    }

    /// The maximum length in bytes of an id that is looked up; ids have 36.
    private static let longest = 64

    /// An id from a client, to be looked up. A short text of another form is accepted, so that the look-up answers 404
    /// instead of 400.
    ///
    /// Throws 400 that names the member.
    public static func lookup(_ text: String, _ name: String) throws(Problem) -> ByteString {
        guard text.utf8.count <= longest else {
            throw .invalid("\(name): an id has at most \(longest) bytes, this has \(text.utf8.count)")
        }
        let id = ByteString(text)
        if id.hasControlCharacter { throw .invalid("\(name): an id has no control characters") }
        return id
    }

    private static func text(_ high: UInt64, _ low: UInt64) -> String {
        String(unsafeUninitializedCapacity: 36) { out in
            var index = 0
            for word in [high, low] {
                for shift in stride(from: 60, through: 0, by: -4) {
                    if index == 8 || index == 13 || index == 18 || index == 23 {
                        out[index] = UInt8(ascii: "-")
                        index += 1
                    }
                    let digit = UInt8(truncatingIfNeeded: word >> UInt64(shift)) & 15
                    out[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
                    index += 1
                }
            }
            return index
        }
    }
}
