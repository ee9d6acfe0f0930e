import EngineIO
import RawJSON
import Support

/// One client in one namespace. [loop]
///
/// Has no lock and no buffer; emitted events are encoded directly into the session's output. After
/// ``Application/disconnected(_:reason:)``, calling any of its functions is safe and does nothing.
public final class NamespaceSocket {
    /// Identifies the socket on other threads.
    public let handle: SocketHandle

    public let namespace: Namespace

    /// The user that the socket belongs to; `nil` is anonymous.
    public let user: ByteString?

    /// A raw JSON object, owned by the application.
    public var claims: [UInt8]

    /// When the claims expire, in ms since 1970.
    public var expiresAt: Int64?

    /// Owned by the application, for ``expiresAt``.
    public var expiryTimer = TimerID.none

    /// Raw JSON, owned by the application; recovery restores it.
    public var data: [UInt8]

    /// The CONNECT payload, a raw JSON object.
    public let auth: [UInt8]

    /// Owned by the application.
    public var userInfo: AnyObject?

    /// Whether the socket is in its namespace; false from just before ``Application/disconnected(_:reason:)``.
    public internal(set) var isConnected = true

    /// Set when the call of ``Application/disconnecting(_:reason:)`` begins.
    var isLeaving = false

    let socketID: SocketID
    let client: Client
    let session: Session

    /// Copied from ``ConnectAttempt/alwaysRunsMiddlewares``.
    let alwaysRunsMiddlewares: Bool

    /// Recovery: the private id, and whether the socket was restored. `nil` if recovery is off.
    var socketRecovery: SocketRecovery?

    /// The last broadcast that visited or excluded the socket. It lets a broadcast to several rooms visit each socket
    /// once without a set.
    var mark: UInt64 = 0

    /// The socket's rooms, the namespace's own first. With more than ``linearSearchLimit`` rooms, ``places`` has the
    /// index of each.
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

    /// The value that the client has as `socket.id`; also the name of a room that contains this socket.
    public var id: ByteString { ByteString(socketID.text) }

    /// Bytes of ``id``.
    public static let idLength = SocketID.length

    /// Writes the ``idLength`` bytes of ``id`` to `target`.
    @inline(__always)
    public func writeID(to target: UnsafeMutableRawPointer) { socketID.write(to: target) }

    public var handshakeRequest: HandshakeRequest { session.handshakeRequest }

    /// Unique among all connections of the process, and the same for all namespaces of one client.
    public var connection: UInt64 { client.connection }

    public var shard: Shard { client.shard }

    /// Whether recovery restored the socket, with its id, rooms, data and missed events.
    public var isRecovered: Bool { socketRecovery?.isRecovered ?? false }

    /// Leaves the namespace.
    ///
    /// - Parameter close: `false` sends DISCONNECT and leaves the client's other namespaces connected; the client does
    ///   not reconnect by itself. `true` leaves all namespaces of the client and closes its connection.
    public func disconnect(close: Bool = false) {
        guard isConnected else { return }
        if close {
            client.disconnectAll()
        } else {
            client.leave(self, reason: .serverNamespaceDisconnect, tellingClient: true)
        }
    }

    /// Closes the whole connection without a DISCONNECT packet, so that the client reconnects and fetches a new token.
    /// Used when a token expires or the host stops. The session can be recovered.
    public func closeConnection(_ reason: CloseReason = .forcedClose) {
        guard isConnected else { return }
        client.shut(DisconnectReason(reason), closing: reason)
    }
}

extension NamespaceSocket {
    /// Passes an event to the application. Writes to `text`: the name is decoded in place, and the arguments become an
    /// array.
    func receivedEvent(
        _ packet: SocketPacket, text: UnsafeMutableRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>
    ) {
        // An event without a payload has no name, so no handler can receive it; the reference drops it as well.
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

    /// Passes the client's ack to the waiting callback. Unknown and late ids are ignored, as in the reference.
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

    /// Decodes a name's escapes in place: the decoded text is never longer than the escaped one.
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
    ///   - name: UTF-8 text, unquoted.
    ///   - args: a valid JSON array.
    ///   - attachments: the data that the placeholders of `args` refer to. Without attachments, placeholders are plain
    ///     data.
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
        if flags.contains(.volatile), !session.canSendNow { return }
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
        // The ack of a dropped volatile event times out, as in the reference.
        if flags.contains(.volatile), !session.canSendNow { return }
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

    /// Writes the packet directly into the session's output.
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

    /// Dropped for each receiver whose transport cannot send it now, and never stored for recovery.
    public static let volatile = EmitFlags(rawValue: 1 << 0)
    /// Sent uncompressed, even if compression was negotiated.
    public static let noCompress = EmitFlags(rawValue: 1 << 1)
    /// Delivered to this node's sockets only. The code that broadcasts checks it; this module does not.
    public static let local = EmitFlags(rawValue: 1 << 2)
}

extension NamespaceSocket: TimerTarget {
    /// Registers a callback for the client's ack `id`.
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

    /// Answers all outstanding acks with ``AckResult/disconnected``, in the order of their ids.
    func abandonAcks() {
        let abandoned = pendingAcks
        pendingAcks = [:]
        for pending in abandoned.sorted(by: { $0.key < $1.key }) {
            client.shard.timers.cancel(pending.value.timer)
            pending.value.answer(.disconnected)
        }
    }
}

/// An ack that the client has not sent yet.
struct PendingAck {
    let timer: TimerID
    let answer: (AckResult) -> Void
}

/// The outcome of waiting for a client's ack.
public enum AckResult {
    /// The client's arguments, a JSON array with placeholders for the attachments. The pointers are valid during the
    /// call.
    case answered(args: UnsafeRawBufferPointer, attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>)
    case timedOut
    /// The socket was disconnected; no answer will come.
    case disconnected
}
