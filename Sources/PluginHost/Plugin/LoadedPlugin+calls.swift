import CJackfield
import RawJSON
import Signatures
import SocketIO
import Support

/// Calls from the host into the plugin: events.
extension LoadedPlugin {
    /// Calls the handler of an event from a strand's queue. On that strand.
    func call(_ record: UnsafePointer<EventRecord>, _ state: ThreadState) {
        let head = record.pointee
        let route = Unmanaged<EventRoute>.fromOpaque(head.route)
        var cursor = UnsafeRawPointer(record) + MemoryLayout<EventRecord>.size
        let lengths = cursor
        cursor += 4 * Int(head.attachmentCount)
        func readBytes(_ count: UInt32) -> UnsafeRawBufferPointer {
            defer { cursor += Int(count) }
            return UnsafeRawBufferPointer(start: cursor, count: Int(count))
        }
        let namespace = readBytes(head.namespaceCount)
        let name = readBytes(head.nameCount)
        let args = readBytes(head.argsCount)
        let user = readBytes(head.userCount)
        let id = readBytes(UInt32(NamespaceSocket.idLength))
        let data = data(of: head.socket)
        defer { withExtendedLifetime(data) {} }
        withUnsafeTemporaryAllocation(of: jf_bytes.self, capacity: Int(head.attachmentCount)) { attachments in
            for index in attachments.indices {
                attachments[index] = jf_bytes(
                    readBytes(lengths.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
            }
            var frame = CallbackFrame(
                plugin: UnsafeRawPointer(handle),
                ack: head.flags.contains(.wantsAck) ? state.makeToken() : ReplyToken(0), ackID: head.ackID,
                socket: head.socket,
                sender: nil, args: args)
            var event = jf_event.sized
            event.attachment_count = UInt32(attachments.count)
            event.socket = head.socket
            event.connection = head.connection
            event.ack = frame.ack.raw
            event.nsp = jf_text(namespace)
            event.name = jf_text(name)
            event.args = jf_text(args)
            event.attachments = attachments.isEmpty ? nil : UnsafePointer(attachments.baseAddress)
            event.user = jf_text(user)
            event.id = jf_text(id)
            event.plugin_data = data?.pointer
            route._withUnsafeGuaranteedRef { route in
                guard case .plugin(_, let handler) = route.target else { return }
                event.context = route.context
                withUnsafeMutablePointer(to: &frame) { frame in
                    state.frame = frame
                    handler(instance, &event)
                    state.frame = nil
                }
            }
        }
    }

    /// Acks an event with an error, because its handler will not be called any more.
    func drop(_ record: UnsafePointer<EventRecord>) {
        let head = record.pointee
        guard head.flags.contains(.wantsAck) else { return }
        host.answer(head.socket, head.ackID, with: goneAnswer)
    }

    /// The ack's arguments when the plugin ended before it answered.
    var goneAnswer: [UInt8] { unavailableAnswer("has stopped") }

    /// - Parameter end: what happened to the service: the end of a sentence that names it.
    func unavailableAnswer(_ end: String) -> [UInt8] {
        JSONWriter.errorArguments(code: "unavailable", message: "the service '\(name)' \(end); try again later")
    }

    /// The ack's arguments when the queue refused the event.
    func overloadedAnswer(_ refusal: QueueBudget.Refusal) -> [UInt8] {
        JSONWriter.errorArguments(code: "overloaded", message: overload(refusal))
    }

    /// The message of ``overloadedAnswer(_:)``.
    func overload(_ refusal: QueueBudget.Refusal) -> String {
        switch refusal {
        case .full: "the service '\(name)' has too much to do; try again later"
        case .share: "the service '\(name)' has too much of your work waiting; wait for its answers"
        }
    }

    /// The strand on which the event's handler runs, by the route's run mode.
    @inline(__always)
    func strand(for route: EventRoute, _ event: borrowing IncomingEvent, from socket: NamespaceSocket) -> Strand {
        switch route.run {
        case .strand, .inline: return strand
        case .parallel: return leastLoaded
        case .byUser: return lane(socket.user.map { Self.hash(of: $0) } ?? socket.connection)
        case .byKey: return strand(forKey: route.key, of: event.args)
        }
    }

    /// The lane for the value at a JSON pointer into an event's arguments.
    ///
    /// - Parameter key: UTF-8 of the pointer.
    func strand(forKey key: [UInt8], of args: UnsafeRawBufferPointer) -> Strand {
        key.withUnsafeBytes { pointer in
            guard let token = try? JSONPointer.find(pointer, in: args) else { return lane(0) }
            return lane(EventTable.hash(UnsafeRawBufferPointer(rebasing: args[token.range])))
        }
    }

    /// The refusal that `jf_refuse` wrote, in the form the client gets.
    func refusal(message: [UInt8], data: [UInt8], by whom: String) -> AdmitDecision {
        var json: [UInt8]?
        if !data.isEmpty {
            if JSONScanner.isValid(data) {
                json = data
            } else {
                log.warning("\(whom): the refusal's data is no JSON and was left out")
            }
        }
        let text = String(decoding: message, as: UTF8.self)
        return .refuse(message: text.isEmpty ? "refused" : text, data: json)
    }
}

/// Reports refusals that a plugin's clients get. [any-thread]
extension LoadedPlugin {
    /// The queue refused an event.
    func eventRefused(_ refusal: QueueBudget.Refusal, from address: String) {
        host.onRefusal(
            RefusalRecord(
                .event, reason: refusal == .full ? "queue_full" : "queue_share", detail: overload(refusal),
                address: address, plugin: name))
    }

    /// An event's arguments break the contract of its handler.
    func argumentsRefused(_ problem: String, of event: ByteString, from address: String) {
        refusedArguments.wrappingAdd(1, ordering: .relaxed)
        host.onRefusal(
            RefusalRecord(
                .event, reason: "invalid_arguments", detail: "\(event): \(problem)", address: address, plugin: name))
    }

    /// A handler answered with an error, or would have if the client had asked for an ack.
    func handlerFailed(code: String, message: String) {
        errors.count(.event)
        host.onRefusal(RefusalRecord(.handler, reason: code, detail: message, plugin: name))
    }
}
