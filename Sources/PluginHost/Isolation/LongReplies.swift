import Isolation
import Synchronization

/// Replies of the daemon that do not fit into a reply slot. The worker gets the first piece in the slot, and asks for
/// the others: so a thread that reads the channel can wait for a reply.
///
/// A reply begins with a number in 32 bits: 0, or that of the rest.
final class LongReplies: Sendable {
    static let headBytes = 4
    /// Replies of which a rest may wait; a worker has fewer threads that wait. The rest of an older one is dropped.
    private static let most = 256

    private struct State {
        var rests: [UInt32: ArraySlice<UInt8>] = [:]
        var last: UInt32 = 0
    }

    private let state = Mutex(State())

    func reply(to slot: ReplySlot, code: Int32, _ bytes: [UInt8], through channel: SharedChannel) {
        let space = SharedChannel.shortReplyLimit - Self.headBytes
        var number: UInt32 = 0
        if bytes.count > space {
            number = state.withLock { state in
                state.last = state.last == .max ? 1 : state.last + 1
                state.rests[state.last] = bytes[space...]
                if state.rests.count > Self.most, let oldest = state.rests.keys.min() { state.rests[oldest] = nil }
                return state.last
            }
        }
        var piece = WireWriter(capacity: min(bytes.count, space) + Self.headBytes)
        piece.integer(number)
        piece.raw(bytes.prefix(space))
        _ = piece.bytes.withUnsafeBytes { channel.reply(to: slot, code: code, $0) }
    }

    func replyRest(of number: UInt32, to slot: ReplySlot, through channel: SharedChannel) {
        let piece = state.withLock { state -> ArraySlice<UInt8> in
            guard let rest = state.rests[number] else { return [] }
            let piece = rest.prefix(SharedChannel.shortReplyLimit)
            state.rests[number] = piece.count == rest.count ? nil : rest.dropFirst(piece.count)
            return piece
        }
        _ = piece.withUnsafeBytes { channel.reply(to: slot, code: 0, $0) }
    }
}
