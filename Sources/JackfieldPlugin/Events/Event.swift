/// An event from a client. It points to the host's memory, which is valid until the handler returns; the compiler does
/// not let it leave the handler. To answer later, call ``keep()``.
public struct Event: ~Copyable {
    let raw: UnsafePointer<jf_event>
    let host: JackfieldHost

    /// Where ``keep()`` stores the reply, so that the error of a handler that keeps and then throws is still sent.
    let kept: UnsafeMutablePointer<Reply?>

    public var name: String { String(raw.pointee.name) }

    /// `/` or `/name`; for a pattern, the name of the namespace that the client joined.
    public var namespace: String { String(raw.pointee.nsp) }

    /// The sender.
    public var socket: Socket {
        Socket(host: host, handle: raw.pointee.socket, namespace: namespace, user: .unlessEmpty(raw.pointee.user))
    }

    /// The Socket.IO id of the sender, `socket.id` on the client.
    public var socketID: String { String(raw.pointee.id) }

    /// The same number for all sockets of the sender's connection; never used twice.
    public var connection: UInt64 { raw.pointee.connection }

    /// The object that this plugin stored for the sender with ``Socket/setPluginData(_:)``; nil if there is none of
    /// this type.
    public func pluginData<T: AnyObject & Sendable>(as type: T.Type) -> T? {
        Socket.object(raw.pointee.plugin_data) as? T
    }

    /// The user of the sender's token; throws 401 `unauthenticated` for an anonymous socket.
    public var user: String {
        get throws(Problem) {
            guard let user = String.unlessEmpty(raw.pointee.user) else {
                throw Problem(
                    401, "unauthenticated", "'\(name)' needs a user, and this socket is anonymous; connect with a token"
                )
            }
            return user
        }
    }

    // MARK: Arguments

    /// All arguments as one JSON array, `[]` if there are none.
    public var arguments: JSON { JSON(unchecked: Array(UnsafeRawBufferPointer(raw.pointee.args))) }

    /// Binary arguments. In ``arguments`` they are `{"_placeholder":true,"num":i}`.
    public var attachments: [[UInt8]] {
        UnsafeBufferPointer(start: raw.pointee.attachments, count: Int(raw.pointee.attachment_count)).map {
            Array(UnsafeRawBufferPointer($0))
        }
    }

    /// Decodes an argument as a type of your own. Throws ``Problem`` 400 `invalid_arguments`, which names the place:
    /// `'room:message' argument 0.body must be text`.
    public func decode<T: Decodable>(_ type: T.Type = T.self, at index: Int = 0) throws -> T {
        let text = Array(UnsafeRawBufferPointer(raw.pointee.args))
        guard let slice = JSON.argument(index, of: text) else {
            throw Problem.invalid("'\(name)' needs an argument at position \(index)")
        }
        return try slice.withUnsafeBytes {
            try JSON.decode(type, from: $0, named: "'\(name)' argument \(index)", attachments: attachments)
        }
    }

    /// As `decode`, but nil if the argument is absent or null.
    public func decodeIfPresent<T: Decodable>(_ type: T.Type = T.self, at index: Int = 0) throws -> T? {
        let slice = JSON.argument(index, of: Array(UnsafeRawBufferPointer(raw.pointee.args)))
        if slice == nil || slice?.elementsEqual("null".utf8) == true { return nil }
        return try decode(type, at: index)
    }

    // MARK: Answering

    /// Whether the client wants an answer.
    public var wantsAck: Bool { raw.pointee.ack != 0 }

    /// Answers. Returns false if the client does not wait for an answer (any more).
    @discardableResult
    public func ack(_ arguments: any Encodable...) throws -> Bool {
        guard wantsAck else { return false }
        return try host.ack(raw.pointee.ack, EventArguments(arguments))
    }

    /// Answers with the arguments and attachments of the event, unchanged. Returns false if the client does not wait
    /// for an answer (any more).
    @discardableResult
    public func ackArguments() throws -> Bool {
        try host.reached(
            host.events.ack?(
                host.pointer, raw.pointee.ack, raw.pointee.args, raw.pointee.attachments, raw.pointee.attachment_count),
            "events.ack")
    }

    /// Answers `{"error":{"code":…,"message":…}}`. Throwing from the handler does the same.
    public func fail(_ problem: Problem) { host.fail(raw.pointee.ack, problem) }

    /// Returns a reply that any thread may complete later, once. Throws ``HostError`` with `JF_E_LIMIT` if the plugin
    /// keeps 65,536 already.
    public func keep() throws -> Reply {
        guard wantsAck else { return Reply(host: host, token: 0) }
        var token: jf_token = 0
        try host.check(host.tokens.keep?(host.pointer, raw.pointee.ack, &token), "tokens.keep")
        let reply = Reply(host: host, token: token)
        kept.pointee = reply
        return reply
    }
}

/// An ack that is sent later, once, from any thread. If it is released unanswered, no ack is sent, and the client's own
/// timeout ends its wait.
public final class Reply: Sendable {
    private let host: JackfieldHost
    private let token: jf_token

    init(host: JackfieldHost, token: jf_token) {
        self.host = host
        self.token = token
    }

    /// Dropping a token that was completed has no effect: the host returns JF_E_GONE.
    deinit {
        if token != 0 { _ = host.tokens.drop?(host.pointer, token) }
    }

    /// Whether the client still waits. Check it before long work.
    public var isAwaited: Bool { token != 0 && host.isAwaited(token) }

    /// Answers. Returns false if the client does not wait any more.
    @discardableResult
    public func send(_ arguments: any Encodable...) throws -> Bool {
        guard token != 0 else { return false }
        return try host.ack(token, EventArguments(arguments))
    }

    /// Answers `{"error":{"code":…,"message":…}}`. An internal error is logged, and the client gets a general message;
    /// see ``Problem``.
    public func fail(_ error: any Error) {
        let problem = Problem(telling: error)
        if problem.isInternal { host.log.error("\(error)") }
        fail(problem)
    }

    func fail(_ problem: Problem) { host.fail(token, problem) }
}

extension JackfieldHost {
    func ack(_ token: jf_token, _ arguments: EventArguments) throws(HostError) -> Bool {
        try withText(arguments.json) { (json) throws(HostError) in
            try withByteStrings(arguments.attachments) { (attachments, count) throws(HostError) in
                try reached(events.ack?(pointer, token, json, attachments, count), "events.ack")
            }
        }
    }

    func fail(_ token: jf_token, _ problem: Problem) {
        guard token != 0 else { return }
        withText(problem.ackCode) { code in
            withText(problem.message) { message in _ = events.ack_error?(pointer, token, code, message) }
        }
    }
}
