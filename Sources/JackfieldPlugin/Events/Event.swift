/// An event from a client. It is the host's and borrowed for the call: the compiler does not let it out of the handler.
/// To answer later, ``keep()`` it.
public struct Event: ~Copyable {
    let raw: UnsafePointer<jf_event>
    let host: JackfieldHost

    /// Where the caller of the handler finds what was kept: a handler that keeps and then throws has its
    /// error told all the same.
    let kept: UnsafeMutablePointer<Reply?>

    public var name: String { String(raw.pointee.name) }

    /// `/` or `/name`; for a pattern the one that the client joined.
    public var namespace: String { String(raw.pointee.nsp) }

    /// Who sent it.
    public var socket: Socket {
        Socket(host: host, handle: raw.pointee.socket, namespace: namespace, user: .unlessEmpty(raw.pointee.user))
    }

    /// What the sender calls `socket.id`.
    public var socketID: String { String(raw.pointee.id) }

    /// The same number for all sockets of the sender's connection; never used twice.
    public var connection: UInt64 { raw.pointee.connection }

    /// What this plugin stored with ``Socket/setPluginData(_:)`` for the sender.
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

    /// Reads an argument as a type of your own. Throws 400 `invalid_arguments` with the place:
    /// `argument 0 of 'room:message': body must be text`.
    public func decode<T: Decodable>(_ type: T.Type = T.self, at index: Int = 0) throws -> T {
        let text = Array(UnsafeRawBufferPointer(raw.pointee.args))
        guard let slice = JSON.argument(index, of: text) else {
            throw Problem.invalid("'\(name)' needs an argument at position \(index)")
        }
        return try slice.withUnsafeBytes {
            try JSON.decode(type, from: $0, named: "'\(name)' argument \(index)", attachments: attachments)
        }
    }

    /// The same, nil where the argument is absent or null.
    public func decodeIfPresent<T: Decodable>(_ type: T.Type = T.self, at index: Int = 0) throws -> T? {
        let slice = JSON.argument(index, of: Array(UnsafeRawBufferPointer(raw.pointee.args)))
        if slice == nil || slice?.elementsEqual("null".utf8) == true { return nil }
        return try decode(type, at: index)
    }

    // MARK: Answering

    /// Whether the client waits for an answer.
    public var wantsAck: Bool { raw.pointee.ack != 0 }

    /// Answers. Returns false if nobody waits (any more).
    @discardableResult
    public func ack(_ arguments: any Encodable...) throws -> Bool {
        guard wantsAck else { return false }
        return try host.ack(raw.pointee.ack, EventArguments(arguments))
    }

    /// Answers with the very arguments that came, attachments too.
    @discardableResult
    public func ackArguments() throws -> Bool {
        try host.reached(
            host.events.ack?(
                host.pointer, raw.pointee.ack, raw.pointee.args, raw.pointee.attachments, raw.pointee.attachment_count),
            "events.ack")
    }

    /// Answers `{"error":{"code":…,"message":…}}`. Throwing from the handler does the same.
    public func fail(_ problem: Problem) { host.fail(raw.pointee.ack, problem) }

    /// Keeps the answer for later: complete it once, from any thread. At most 65,536 are kept at a time.
    public func keep() throws -> Reply {
        guard wantsAck else { return Reply(host: host, token: 0) }
        var token: jf_token = 0
        try host.check(host.tokens.keep?(host.pointer, raw.pointee.ack, &token), "tokens.keep")
        let reply = Reply(host: host, token: token)
        kept.pointee = reply
        return reply
    }
}

/// An ack that is answered later, once, from any thread. If it goes away unanswered, so does the ack: the
/// client's own timeout tells him.
public final class Reply: Sendable {
    private let host: JackfieldHost
    private let token: jf_token

    init(host: JackfieldHost, token: jf_token) {
        self.host = host
        self.token = token
    }

    /// Answering a reply that was answered is harmless: the host says that it is gone.
    deinit {
        if token != 0 { _ = host.tokens.drop?(host.pointer, token) }
    }

    /// Whether somebody still waits: worth asking before long work.
    public var isAwaited: Bool { token != 0 && host.isAwaited(token) }

    /// Answers. Returns false if nobody waits any more.
    @discardableResult
    public func send(_ arguments: any Encodable...) throws -> Bool {
        guard token != 0 else { return false }
        return try host.ack(token, EventArguments(arguments))
    }

    /// Answers `{"error":{"code":…,"message":…}}`. What is no ``Problem`` is logged, and the client
    /// learns only that it failed.
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
