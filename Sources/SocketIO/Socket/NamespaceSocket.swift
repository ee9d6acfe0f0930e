import EngineIO
import RawJSON
import Support

/// One client in one namespace. [loop]
///
/// Holds no lock and no buffer; what it emits is encoded straight into its session's output. After
/// ``Application/disconnected(_:reason:)`` everything on it is harmless and does nothing.
public final class NamespaceSocket {
    /// How other threads name it.
    public let handle: SocketHandle

    public let namespace: Namespace

    /// Whose socket it is; `nil` is anonymous.
    public let user: ByteString?

    /// A raw JSON object, the application's.
    public var claims: [UInt8]

    /// When the claims end, in ms since 1970.
    public var expiresAt: Int64?

    /// The application's own, for ``expiresAt``.
    public var expiryTimer = TimerID.none

    /// Raw JSON, the application's; comes back with a recovered socket.
    public var data: [UInt8]

    /// The CONNECT payload, a raw JSON object.
    public let auth: [UInt8]

    /// The application's own.
    public var userInfo: AnyObject?

    /// Whether it is in its namespace: until just before ``Application/disconnected(_:reason:)``.
    public internal(set) var isConnected = true

    /// Its ``Application/disconnecting(_:reason:)`` has begun.
    var isLeaving = false

    let socketID: SocketID
    let client: Client
    let session: Session

    /// ``ConnectAttempt/alwaysRunsMiddlewares``.
    let alwaysRunsMiddlewares: Bool

    /// Recovery: the private id, and whether the socket had been here before. `nil` where recovery is off.
    var socketRecovery: SocketRecovery?

    /// The broadcast that has last seen the socket, or left it out: delivers once to a union of rooms without a set.
    var mark: UInt64 = 0

    /// The rooms, the namespace's own first. Those past ``searchable`` are found through ``places``.
    var memberships: ContiguousArray<RoomMembership> = []
    var places: [ObjectIdentifier: Int32] = [:]

    var pendingAcks: [UInt64: PendingAck] = [:]

    init(
        handle: SocketHandle, id: SocketID, namespace: Namespace, client: Client, credentials: SocketCredentials,
        attempt: ConnectAttempt
    ) {
        self.handle = handle
        self.socketID = id
        self.namespace = namespace
        self.client = client
        self.session = client.session
        self.user = credentials.user
        self.claims = credentials.claims
        self.expiresAt = credentials.expiresAt
        self.data = ConnectAttempt.emptyObject
        self.auth = attempt.auth
        self.alwaysRunsMiddlewares = attempt.alwaysRunsMiddlewares
        self.userInfo = attempt.userInfo
    }

    /// What the client calls `socket.id`; also the name of a room with just this socket in it.
    public var id: ByteString { ByteString(socketID.text) }

    /// How many bytes ``id`` has.
    public static let idLength = SocketID.length

    /// Writes the ``idLength`` bytes of ``id`` to `target`.
    @inline(__always)
    public func writeID(to target: UnsafeMutableRawPointer) { socketID.write(to: target) }

    public var handshakeRequest: HandshakeRequest { session.handshakeRequest }

    /// Unique among all connections of the process: the same for all namespaces of one client.
    public var connection: UInt64 { client.connection }

    public var shard: Shard { client.shard }

    /// Whether recovery brought it back, with its id, rooms, data, and missed events.
    public var isRecovered: Bool { socketRecovery?.isRecovered ?? false }

    /// Leaves the namespace.
    ///
    /// - Parameter close: `false` sends DISCONNECT, and the client's other namespaces go on; it does not come back by
    ///   itself. `true` leaves all namespaces of the client and closes its connection.
    public func disconnect(close: Bool = false) {
        guard isConnected else { return }
        if close {
            client.disconnectAll()
        } else {
            client.leave(self, reason: .serverNamespaceDisconnect, tellingClient: true)
        }
    }

    /// Closes the whole connection without a DISCONNECT packet, so that the client reconnects and asks its application
    /// for a token again: what the end of a token, or of a host, calls for. The session can be recovered.
    public func closeConnection(_ reason: CloseReason = .forcedClose) {
        guard isConnected else { return }
        client.shut(DisconnectReason(reason), closing: reason)
    }
}

extension NamespaceSocket {
    /// Hands an event to the application. `text` is written to: the name is decoded in place, and the
    /// arguments become an array.
    func receivedEvent(
        _ packet: SocketPacket, text: UnsafeMutableRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>
    ) {
        // An event without a payload has no name and nobody who could be told of it; the reference drops it, too.
        guard let base = text.baseAddress, !packet.payload.isEmpty else { return }
        let shard = client.shard
        shard.statistics.eventsReceived &+= 1
        var name = UnsafeRawBufferPointer(rebasing: text[packet.name])
        if packet.nameIsEscaped { name = Self.decode(packet.name, in: text) }
        let args: UnsafeRawBufferPointer
        if let comma = packet.comma {
            base.storeBytes(of: UInt8(ascii: "["), toByteOffset: comma, as: UInt8.self)
            args = UnsafeRawBufferPointer(start: base + comma, count: text.count - comma)
        } else {
            args = Self.noArguments
        }
        let event = IncomingEvent(name: name, args: args, attachments: attachments, ackID: packet.ackID)
        shard.application.event(event, from: self)
    }

    /// Ends the waiting for an ack. Late and made-up ones are ignored, as in the reference.
    func receivedAck(
        _ packet: SocketPacket, text: UnsafeMutableRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>
    ) {
        let shard = client.shard
        guard let id = packet.ackID, let pending = pendingAcks.removeValue(forKey: id) else {
            shard.statistics.acksIgnored &+= 1
            return
        }
        shard.statistics.acksReceived &+= 1
        shard.timers.cancel(pending.timer)
        let args = packet.payload.isEmpty ? Self.noArguments : UnsafeRawBufferPointer(rebasing: text[packet.payload])
        pending.answer(.answered(args: args, attachments: attachments))
    }

    private static var noArguments: UnsafeRawBufferPointer {
        let text: StaticString = "[]"
        return UnsafeRawBufferPointer(start: text.utf8Start, count: 2)
    }

    /// Decodes a name's escapes over itself: what they mean is never longer than they are.
    private static func decode(_ name: Range<Int>, in text: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer {
        let token = UnsafeRawBufferPointer(rebasing: text[name.lowerBound - 1..<name.upperBound + 1])
        return withUnsafeTemporaryAllocation(byteCount: name.count, alignment: 1) { decoded in
            let count = JSONText.unquote(token, into: decoded) ?? 0
            let target = UnsafeMutableRawBufferPointer(rebasing: text[name.lowerBound..<name.lowerBound + count])
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: decoded[..<count]))
            return UnsafeRawBufferPointer(target)
        }
    }
}

extension NamespaceSocket {
    /// Sends an event.
    ///
    /// - Parameters:
    ///   - name: UTF-8 text; quoted here.
    ///   - args: a valid JSON array.
    ///   - attachments: what the placeholders of `args` stand for. Without attachments, placeholders are plain data.
    public func emit(
        name: UnsafeRawBufferPointer, args: UnsafeRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer> = .init(start: nil, count: 0), flags: EmitFlags = []
    ) {
        guard isConnected else { return }
        if socketRecovery != nil, let recovery = client.shard.options.recovery {
            let prefix = namespace.prefix
            let (message, _) = recovery.append(
                to: .socket(socketID, namespace: namespace.name), isStored: !flags.contains(.volatile)
            ) { offset in
                PacketEncoder.message(
                    name: name, args: args, attachments: attachments, flags: flags, prefix: prefix, offset: offset)
            }
            return session.send(message)
        }
        if flags.contains(.volatile), !session.canTakeNow { return }
        send(name: name, args: args, attachments: attachments, flags: flags, ackID: nil)
    }

    /// Sends an event and waits for the client's ack.
    ///
    /// - Parameters:
    ///   - timeout: in ms.
    ///   - answer: called once, on the loop.
    /// - Throws: ``LimitError/tooManyPendingAcks(limit:)``; then nothing was sent, and `answer` is not called.
    public func emit(
        name: UnsafeRawBufferPointer, args: UnsafeRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer> = .init(start: nil, count: 0), flags: EmitFlags = [],
        timeout: Int64, answer: @escaping (AckResult) -> Void
    ) throws(LimitError) {
        guard isConnected else { return answer(.disconnected) }
        let id = namespace.nextAckID()
        try expectAck(id, timeout: timeout, answer: answer)
        // A volatile event that is dropped has an ack that times out, as in the reference.
        if flags.contains(.volatile), !session.canTakeNow { return }
        send(name: name, args: args, attachments: attachments, flags: flags, ackID: id)
    }

    /// Answers an event that carried ``IncomingEvent/ackID``.
    public func ack(
        _ id: UInt64, args: UnsafeRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer> = .init(start: nil, count: 0)
    ) {
        guard isConnected else { return }
        send(name: nil, args: args, attachments: attachments, flags: [], ackID: id)
    }

    /// Puts the packet straight into the session's output.
    @inline(__always)
    private func send(
        name: UnsafeRawBufferPointer?, args: UnsafeRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>,
        flags: EmitFlags, ackID: UInt64?
    ) {
        let compress = !flags.contains(.noCompress)
        if attachments.isEmpty {
            let writer = PacketWriter(name: name, args: args, prefix: namespace.prefix, ackID: ackID)
            session.send(textCount: writer.count, compress: compress) { writer.write(to: $0) }
        } else {
            BoundArguments.withBound(args, attachments) { args, attachments in
                let writer = PacketWriter(
                    name: name, args: args, prefix: namespace.prefix, ackID: ackID, attachments: attachments.count)
                session.send(textCount: writer.count, compress: compress) { writer.write(to: $0) }
                for attachment in attachments { session.send(binary: attachment, compress: compress) }
            }
        }
    }
}

/// How an event is sent.
public struct EmitFlags: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Dropped for each receiver whose transport cannot take it now, and never kept for recovery.
    public static let volatile = EmitFlags(rawValue: 1 << 0)
    /// Not compressed, whatever was negotiated.
    public static let noCompress = EmitFlags(rawValue: 1 << 1)
    /// To this node's sockets only; who broadcasts heeds it, nothing here does.
    public static let local = EmitFlags(rawValue: 1 << 2)
}

extension NamespaceSocket: TimerTarget {
    /// Waits for the client's ack `id`.
    func expectAck(_ id: UInt64, timeout: Int64, answer: @escaping (AckResult) -> Void) throws(LimitError) {
        let shard = client.shard
        guard pendingAcks.count < shard.options.maxPendingAcks else {
            shard.statistics.limited += 1
            throw .tooManyPendingAcks(limit: shard.options.maxPendingAcks)
        }
        let timer = shard.timers.schedule(at: shard.timers.now + max(0, timeout), for: self, tag: id)
        pendingAcks[id] = PendingAck(timer: timer, answer: answer)
    }

    public func timerFired(_ id: TimerID, tag: UInt64) {
        guard let pending = pendingAcks.removeValue(forKey: tag) else { return }
        client.shard.statistics.acksTimedOut += 1
        pending.answer(.timedOut)
    }

    /// Nobody will answer any more.
    func abandonAcks() {
        let abandoned = pendingAcks
        pendingAcks = [:]
        for pending in abandoned.sorted(by: { $0.key < $1.key }) {
            client.shard.timers.cancel(pending.value.timer)
            pending.value.answer(.disconnected)
        }
    }
}

/// A client's answer that is waited for.
struct PendingAck {
    let timer: TimerID
    let answer: (AckResult) -> Void
}

/// How waiting for a client's ack ended.
public enum AckResult {
    /// The client's arguments, a JSON array with placeholders for the attachments; pointers valid during the call only.
    case answered(args: UnsafeRawBufferPointer, attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>)
    case timedOut
    /// The socket is gone; no answer will come.
    case disconnected
}
