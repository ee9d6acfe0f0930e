import SocketIO
import Support
import Synchronization

/// What operators see of one socket.
public struct SocketSummary: Sendable {
    public let id: ByteString
    public let namespace: ByteString
    public let user: ByteString?
    /// `websocket` or `polling`, now.
    public let transport: String
    /// Address of the peer, without the port.
    public let address: String
    /// When its connection was opened, in ms since 1970.
    public let connectedAt: Int64
    /// Rooms it is in, without that of its own id.
    public let rooms: Int

    init(_ info: SocketInfo) {
        id = info.id
        namespace = info.namespace
        user = info.user
        transport = info.handshakeRequest.transport == .websocket ? "websocket" : "polling"
        address = info.handshakeRequest.remoteAddress
        connectedAt = info.handshakeRequest.issued
        rooms = info.roomCount
    }
}

/// What operators see of one room: its members on all loops.
public struct RoomSummary: Sendable {
    public let namespace: ByteString
    public let name: ByteString
    public let sockets: Int
}

/// A part of a list, for operators.
public struct Listing<Element: Sendable>: Sendable {
    /// At most as many as were asked for.
    public var elements: [Element]
    /// How many there are; at least, if the list ``isIncomplete``.
    public var total: Int
    /// Whether a loop has more rooms, or members of the room, than it may look at for one list, or did not answer
    /// within five seconds.
    public var isIncomplete: Bool
}

extension Host {
    /// How many rooms, or members of a room, each loop looks at for one list: less than a millisecond of its time.
    static let visitsPerLoop = 10_000

    /// Whether sockets may be in the namespace. [any-thread]
    public func hasNamespace(_ name: ByteString) -> Bool {
        registry.withLock { $0.snapshot }.declares(name) || hasSocket(in: name)
    }

    /// Lists sockets, in no order.
    ///
    /// Without `room` no loop is asked: the sockets' constant properties are read from other threads.
    ///
    /// - Parameters:
    ///   - namespace, room, user: only sockets of these; `nil`: of all.
    ///   - limit: most sockets to return.
    public func sockets(
        namespace: ByteString? = nil, room: ByteString? = nil, user: ByteString? = nil, limit: Int
    ) async -> Listing<SocketSummary> {
        await inspecting { self.socketsNow(namespace, room, user, limit) }
    }

    /// Lists rooms with their sizes, the largest first, without the rooms of socket ids.
    public func rooms(namespace: ByteString? = nil, limit: Int) async -> Listing<RoomSummary> {
        await inspecting { self.roomsNow(namespace, limit) }
    }

    private func inspecting<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            Threads.start(name: "jf-inspect") { continuation.resume(returning: body()) }
        }
    }

    // MARK: - On the thread of the list

    private func socketsNow(
        _ namespace: ByteString?, _ room: ByteString?, _ user: ByteString?, _ limit: Int
    ) -> Listing<SocketSummary> {
        var list = Listing<SocketSummary>(elements: [], total: 0, isIncomplete: false)
        guard let room else {
            for context in contexts {
                context.directory.visit { info in
                    guard namespace == nil || info.namespace == namespace, user == nil || info.user == user else {
                        return
                    }
                    list.total += 1
                    if list.elements.count < limit { list.elements.append(SocketSummary(info)) }
                }
            }
            return list
        }
        let parts = askLoops { context in
            var part = Listing<SocketSummary>(elements: [], total: 0, isIncomplete: false)
            var visits = Self.visitsPerLoop
            context.shard.forEachNamespace { scope in
                guard namespace == nil || scope.name == namespace else { return }
                let members = scope.members(of: room, limit: visits)
                visits -= members.sockets.count
                part.isIncomplete = part.isIncomplete || members.sockets.count < members.count
                for socket in members.sockets where user == nil || socket.user == user {
                    part.total += 1
                    guard part.elements.count < limit, let info = SocketInfo.of(socket) else { continue }
                    part.elements.append(SocketSummary(info))
                }
            }
            return part
        }
        for part in parts {
            guard let part else {
                list.isIncomplete = true
                continue
            }
            list.elements += part.elements.prefix(limit - list.elements.count)
            list.total += part.total
            list.isIncomplete = list.isIncomplete || part.isIncomplete
        }
        return list
    }

    private struct RoomKey: Hashable {
        let namespace: ByteString
        let name: ByteString
    }

    private func roomsNow(_ namespace: ByteString?, _ limit: Int) -> Listing<RoomSummary> {
        let parts = askLoops { context in
            var rooms: [(key: RoomKey, sockets: Int)] = []
            var isIncomplete = false
            context.shard.forEachNamespace { scope in
                guard namespace == nil || scope.name == namespace else { return }
                let space = Self.visitsPerLoop - rooms.count
                isIncomplete = isIncomplete || scope.roomCount > space
                rooms += scope.rooms(limit: space).map { (RoomKey(namespace: scope.name, name: $0.name), $0.count) }
            }
            return (rooms: rooms, isIncomplete: isIncomplete)
        }
        var sizes: [RoomKey: Int] = [:]
        for room in parts.flatMap({ $0?.rooms ?? [] }) { sizes[room.key, default: 0] += room.sockets }
        let largest = sizes.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key.name < $1.key.name }
        return Listing(
            elements: largest.prefix(limit).map {
                RoomSummary(namespace: $0.key.namespace, name: $0.key.name, sockets: $0.value)
            },
            total: sizes.count, isIncomplete: parts.contains { $0?.isIncomplete ?? true })
    }

    private func hasSocket(in namespace: ByteString) -> Bool {
        var isFound = false
        for context in contexts where !isFound {
            context.directory.visit { if !isFound, $0.namespace == namespace { isFound = true } }
        }
        return isFound
    }

    /// Runs `body` on each loop and waits, at most five seconds for all.
    ///
    /// - Returns: the results, `nil` for a loop that did not answer in time.
    private func askLoops<Value: Sendable>(_ body: @escaping @Sendable (LoopContext) -> Value) -> [Value?] {
        let deadline = Clock.monotonicNanoseconds + 5_000_000_000
        let answers = contexts.filter { $0.isAttached.load(ordering: .acquiring) }.map { context in
            let answer = BlockingFuture<Value>()
            context.runOrEnqueue { answer.fulfil(body(context)) }
            return answer
        }
        return answers.map { $0.wait(until: deadline) }
    }
}
