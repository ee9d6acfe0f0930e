import EngineIO
import RawJSON

/// One connection: parses the packets of its session and owns its sockets in the namespaces that it joined. [loop]
///
/// Corresponds to the reference's `Client` and `Decoder`. A packet that breaks the protocol closes this connection at
/// once and affects no other.
final class Client: SessionReceiver, TimerTarget {
    let session: Session
    let shard: Shard
    let connection: UInt64

    /// The socket that joined first, stored without an array because nearly every client has only this one.
    private var primary: NamespaceSocket?

    /// The sockets that joined later, in that order.
    private var others: ContiguousArray<NamespaceSocket> = []

    /// CONNECTs about which the application has not decided yet.
    private var attempts: [ConnectAttempt] = []

    /// A packet whose attachments are not all received yet.
    private var assembly: BufferedPacket?

    private var connectTimer = TimerID.none

    /// The client's index in ``Shard/clients``.
    var place: Int32 = 0

    /// Cleared when the connection closes, for instance after the first invalid packet; later packets are ignored.
    private var isOpen = true

    init(session: Session, shard: Shard, connection: UInt64) {
        self.session = session
        self.shard = shard
        self.connection = connection
    }

    /// Registers the client with the shard and starts the timeout for joining a first namespace.
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
            guard assembly.hasValidPlaceholders else { throw .malformedPlaceholder }
            assembly.withPointers { handle(assembly.packet, text: $0, attachments: $1) }
        } catch {
            refuse(error)
        }
    }

    /// Passes a complete packet to its socket or to the pending attempt of its namespace, or begins a new attempt.
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

    /// Closes the connection because of something that is not a packet, as the reference does when its decoder throws.
    private func refuse(_ error: PacketError) {
        shard.statistics.badPackets += 1
        shut(.forcedClose)
    }

    /// Closes the connection because of a valid packet that is not allowed now: one to a namespace that the client has
    /// not joined, or a second CONNECT.
    private func violation() {
        shard.statistics.badPackets += 1
        shut(.forcedServerClose)
    }

    // MARK: - Sockets

    /// All sockets, in the order in which they joined.
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

    /// Removes an attempt that is decided.
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
        // The CONNECT answer and the events that `connected` emits must not arrive in one read: Node's ws emits all
        // frames of one read in the same tick, so a client that adds its event listener after it has the answer, as the
        // official test suite does, would miss those events. The reference sends slowly enough to avoid this.
        session.webSocket?.flushSeparately()
        shard.application.connected(socket)
        release(attempt.held)
    }

    func sendConnectError(_ attempt: ConnectAttempt, message: String, data: [UInt8]?) {
        shard.statistics.connectsRefused += 1
        shard.abandon(attempt)
        guard isOpen else { return }
        sendConnectError(
            message: message, data: data, name: UnsafeRawBufferPointer(rebasing: attempt.scope.prefix.dropLast()))
        // The client sent packets to a namespace that it has not joined.
        if !attempt.held.isEmpty { violation() }
    }

    private func hold(
        _ packet: SocketPacket, text: UnsafeMutableRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>,
        for attempt: ConnectAttempt
    ) {
        // With two overlapping CONNECTs the reference creates two sockets and forgets one. Here a second CONNECT is a
        // violation, before the answer as after it.
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

    /// Removes a socket from its namespace; the connection stays open.
    func leave(_ socket: NamespaceSocket, reason: DisconnectReason, tellingClient: Bool) {
        guard socket.isConnected, !socket.isLeaving else { return }
        if tellingClient { sendDisconnect(socket) }
        retire(socket, reason: reason)
    }

    /// Leaves all namespaces and closes the connection, on request of the application.
    func disconnectAll() {
        for socket in sockets { leave(socket, reason: .serverNamespaceDisconnect, tellingClient: true) }
        shut(.forcedServerClose)
    }

    /// Closes the connection because the client broke a rule or missed a timeout.
    func shut(_ reason: DisconnectReason) {
        shut(reason, closing: .forcedClose)
    }

    /// Closes the connection without a DISCONNECT packet, so that the client reconnects.
    ///
    /// - Parameter closing: the reason that the session gets; `reason` is the one that the sockets get.
    func shut(_ reason: DisconnectReason, closing: CloseReason) {
        guard isOpen else { return }
        isOpen = false
        session.close(closing)
        finish(reason)
    }

    func closed(_ reason: CloseReason) {
        // `shut` has set its own reason already when `Session.close` calls this.
        guard isOpen else { return }
        isOpen = false
        finish(DisconnectReason(reason))
    }

    /// Releases the client's timer, attempts and sockets.
    private func finish(_ reason: DisconnectReason) {
        shard.timers.cancel(connectTimer)
        connectTimer = .none
        assembly = nil
        shard.remove(self)
        for attempt in attempts {
            _ = attempt.conclude()
            shard.abandon(attempt)
        }
        // The application's code runs in between, and may disconnect any of the other sockets.
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
