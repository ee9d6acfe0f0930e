import EngineIO
import RawJSON

/// One connection: the packets that come over its session, and its sockets in the namespaces it joined. [loop]
///
/// What the reference spreads over its client and decoder. A packet that breaks the protocol closes the connection at
/// once and costs nobody else anything.
final class Client: SessionReceiver, TimerTarget {
    let session: Session
    let shard: Shard
    let connection: UInt64

    /// The socket that joined first: nearly every client has this one only, and so no array.
    private var primary: NamespaceSocket?

    /// Those that joined later, in that order.
    private var others: ContiguousArray<NamespaceSocket> = []

    /// CONNECTs that wait for the application.
    private var attempts: [ConnectAttempt] = []

    /// A packet whose attachments are still coming.
    private var assembly: BufferedPacket?

    private var connectTimer = TimerID.none

    /// Where in ``Shard/clients`` it stands.
    var place: Int32 = 0

    /// Packets are taken until the first bad one.
    private var isOpen = true

    init(session: Session, shard: Shard, connection: UInt64) {
        self.session = session
        self.shard = shard
        self.connection = connection
    }

    /// Gives the client its time to join a first namespace.
    func awaitConnect() {
        place = Int32(truncatingIfNeeded: shard.clients.count)
        shard.clients.append(self)
        shard.statistics.clients += 1
        connectTimer = shard.timers.schedule(at: shard.timers.now + shard.options.connectTimeout, for: self)
    }

    func timerFired(_ id: TimerID, tag: UInt64) {
        connectTimer = .none
        guard primary == nil else { return }
        shard.statistics.connectTimeouts += 1
        shut(.forcedServerClose)
    }

    // MARK: - Packets

    func received(text: UnsafeMutableRawBufferPointer) {
        guard isOpen else { return }
        do throws(PacketError) {
            guard assembly == nil else { throw .attachmentMissing }
            let packet = try shard.parser.parse(UnsafeRawBufferPointer(text))
            if packet.attachments > 0 {
                assembly = BufferedPacket(packet, text: text)
            } else {
                handle(packet, text: text, attachments: UnsafeBufferPointer(start: nil, count: 0))
            }
        } catch {
            refuse(error)
        }
    }

    func received(binary: UnsafeMutableRawBufferPointer) {
        guard isOpen else { return }
        do throws(PacketError) {
            guard let assembly else { throw .unexpectedAttachment }
            guard assembly.attachmentBytes + binary.count <= shard.options.maxAttachmentBytes else {
                throw .attachmentsTooLarge
            }
            assembly.append(UnsafeRawBufferPointer(binary))
            guard assembly.isComplete else { return }
            self.assembly = nil
            guard assembly.isSound else { throw .malformedPlaceholder }
            assembly.withPointers { handle(assembly.packet, text: $0, attachments: $1) }
        } catch {
            refuse(error)
        }
    }

    /// Routes a complete packet: to its socket, to an attempt that waits, or to a new one.
    private func handle(
        _ packet: SocketPacket, text: UnsafeMutableRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>
    ) {
        let name = UnsafeRawBufferPointer(rebasing: text[packet.namespace])
        if let socket = socket(named: name) {
            switch packet.kind {
            case .event, .binaryEvent: socket.receivedEvent(packet, text: text, attachments: attachments)
            case .ack, .binaryAck: socket.receivedAck(packet, text: text, attachments: attachments)
            case .disconnect: leave(socket, reason: .clientNamespaceDisconnect, tellingClient: false)
            case .connect, .connectError: violation()
            }
        } else if let attempt = attempts.first(where: { $0.scope.isNamed(name) }) {
            hold(packet, text: text, attachments: attachments, for: attempt)
        } else if packet.kind == .connect {
            connect(to: name, packet, text: UnsafeRawBufferPointer(text))
        } else {
            violation()
        }
    }

    @inline(__always)
    private func socket(named name: UnsafeRawBufferPointer) -> NamespaceSocket? {
        if let primary, primary.namespace.isNamed(name) { return primary }
        return others.first { $0.namespace.isNamed(name) }
    }

    /// What is no packet: the reference's decoder throws, and the connection is closed.
    private func refuse(_ error: PacketError) {
        shard.statistics.badPackets += 1
        shut(.forcedClose)
    }

    /// A packet, but not one for now: to a namespace that the client is not in, or a second CONNECT.
    private func violation() {
        shard.statistics.badPackets += 1
        shut(.forcedServerClose)
    }

    // MARK: - Sockets

    /// All of them, in the order they joined.
    private var sockets: ContiguousArray<NamespaceSocket> {
        guard let primary else { return [] }
        return [primary] + others
    }

    private var socketCount: Int { primary == nil ? 0 : 1 + others.count }

    private func add(_ socket: NamespaceSocket) {
        if primary == nil {
            primary = socket
        } else {
            others.append(socket)
        }
    }

    private func forget(_ socket: NamespaceSocket) {
        if primary === socket {
            primary = others.isEmpty ? nil : others.removeFirst()
        } else {
            others.removeAll { $0 === socket }
        }
    }

    // MARK: - Joining

    private func connect(to name: UnsafeRawBufferPointer, _ packet: SocketPacket, text: UnsafeRawBufferPointer) {
        guard socketCount + attempts.count < shard.options.maxNamespacesPerClient,
            let scope = shard.namespaceToJoin(name)
        else {
            shard.statistics.unknownNamespaces += 1
            return sendConnectError(message: "Invalid namespace", data: nil, name: name)
        }
        let auth = packet.payload.isEmpty ? nil : Array(text[packet.payload])
        let attempt = ConnectAttempt(client: self, scope: scope, auth: auth)
        attempts.append(attempt)
        if shard.options.recovery != nil, let auth {
            attempt.request = auth.withUnsafeBytes { RecoveryRequest(auth: $0) }
        }
        shard.application.connect(attempt)
    }

    /// The attempt is decided: it no longer waits.
    func forget(_ attempt: ConnectAttempt) {
        attempts.removeAll { $0 === attempt }
        if attempts.isEmpty { attempts = [] }
    }

    func admit(_ attempt: ConnectAttempt, credentials: SocketCredentials) {
        guard isOpen else { return shard.abandon(attempt) }
        guard let socket = shard.makeSocket(for: attempt, client: self, credentials: credentials) else {
            shard.statistics.limited += 1
            return sendConnectError(attempt, message: "Server is full", data: nil)
        }
        add(socket)
        session.joined()
        shard.timers.cancel(connectTimer)
        connectTimer = .none
        shard.statistics.connectsAccepted += 1
        sendConnect(socket, missed: attempt.session?.missed ?? [])
        // What `connected` emits must not come in one read with the answer: Node's ws hands out all frames of a read in
        // one tick, and who begins to listen for the next only when he has the answer, as the official test suite does,
        // misses it. The reference is slow enough to be safe.
        session.separate()
        shard.application.connected(socket)
        release(attempt.held)
    }

    func sendConnectError(_ attempt: ConnectAttempt, message: String, data: [UInt8]?) {
        shard.statistics.connectsRefused += 1
        shard.abandon(attempt)
        guard isOpen else { return }
        sendConnectError(
            message: message, data: data, name: UnsafeRawBufferPointer(rebasing: attempt.scope.prefix.dropLast()))
        // Spoken to a namespace that the client is not in.
        if !attempt.held.isEmpty { violation() }
    }

    private func hold(
        _ packet: SocketPacket, text: UnsafeMutableRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>,
        for attempt: ConnectAttempt
    ) {
        // The reference makes two sockets of two CONNECTs that overlap, and forgets one; as after the
        // answer, it is an error here.
        guard packet.kind != .connect else { return violation() }
        let held = BufferedPacket(packet, text: text, attachments: attachments)
        let bytes = attempt.held.reduce(held.byteCount) { $0 + $1.byteCount }
        guard attempt.held.count < shard.options.maxHeldPackets, bytes <= shard.options.maxHeldBytes else {
            shard.statistics.limited += 1
            return violation()
        }
        attempt.held.append(held)
    }

    private func release(_ held: [BufferedPacket]) {
        for packet in held where isOpen {
            packet.withPointers { handle(packet.packet, text: $0, attachments: $1) }
        }
    }

    // MARK: - Leaving

    /// Takes a socket out of its namespace; the connection stays.
    func leave(_ socket: NamespaceSocket, reason: DisconnectReason, tellingClient: Bool) {
        guard socket.isConnected, !socket.isLeaving else { return }
        if tellingClient { sendDisconnect(socket) }
        retire(socket, reason: reason)
    }

    /// Leaves all namespaces and closes the connection, by the application's wish.
    func disconnectAll() {
        for socket in sockets { leave(socket, reason: .serverNamespaceDisconnect, tellingClient: true) }
        shut(.forcedServerClose)
    }

    /// Closes the connection over something the client did or left undone.
    func shut(_ reason: DisconnectReason) {
        shut(reason, closing: .forcedClose)
    }

    /// Closes the connection, with no DISCONNECT: its client will come back.
    ///
    /// - Parameter closing: what the session ends for, where that is not what its sockets are told.
    func shut(_ reason: DisconnectReason, closing: CloseReason) {
        guard isOpen else { return }
        isOpen = false
        session.close(closing)
        finish(reason)
    }

    func closed(_ reason: CloseReason) {
        // `shut` has its own reason, and comes back here from within `close`.
        guard isOpen else { return }
        isOpen = false
        finish(DisconnectReason(reason))
    }

    /// Nothing comes or goes any more.
    private func finish(_ reason: DisconnectReason) {
        shard.timers.cancel(connectTimer)
        connectTimer = .none
        assembly = nil
        shard.remove(self)
        for attempt in attempts {
            _ = attempt.conclude()
            shard.abandon(attempt)
        }
        // Application code runs in between, and may disconnect any of the others.
        for socket in sockets where socket.isConnected { retire(socket, reason: reason) }
    }

    private func retire(_ socket: NamespaceSocket, reason: DisconnectReason) {
        guard !socket.isLeaving else { return }
        socket.isLeaving = true
        shard.application.disconnecting(socket, reason: reason)
        shard.remove(socket, reason: reason)
        forget(socket)
        shard.application.disconnected(socket, reason: reason)
    }
}
