import SocketIO

/// Work that goes over the sockets of a target in pieces, because all of them at once would hold the loop up. [loop]
///
/// The sockets are those that the target has when the work begins. One that goes before its turn is left out.
final class LoopWork {
    private let sockets: ContiguousArray<SocketHandle>
    private var next = 0
    private let each: (NamespaceSocket) -> Void
    private let finish: () -> Void

    /// The clock is read after so many sockets.
    private static let piece = 32

    /// - Parameters:
    ///   - each: called for one socket after the other.
    ///   - finish: called at the end.
    init(_ sockets: ContiguousArray<SocketHandle>, each: @escaping (NamespaceSocket) -> Void, finish: @escaping () -> Void = {}) {
        self.sockets = sockets
        self.each = each
        self.finish = finish
    }

    /// Goes on until the share is used up.
    ///
    /// - Returns: whether it is done.
    func advance(on shard: Shard, _ timeSlice: inout LoopTimeSlice) -> Bool {
        while next < sockets.count {
            guard !timeSlice.isUsedUp else { return false }
            timeSlice.charge { run(on: shard, through: min(next + Self.piece, sockets.count)) }
        }
        finish()
        return true
    }

    /// All of it here and now, for a caller on the loop who goes on as if it were done.
    func run(on shard: Shard) {
        run(on: shard, through: sockets.count)
        finish()
    }

    private func run(on shard: Shard, through end: Int) {
        while next < end {
            if let socket = shard.socket(sockets[next]) { each(socket) }
            next += 1
        }
    }
}
