import EngineIO
import Foundation
import RawJSON
import SocketIO
import Support

/// A client in memory: sends packets to a loop and collects the acks.
///
/// `@unchecked Sendable`: the session is used on its loop only; everything else is immutable or thread-safe.
final class CheckClient: @unchecked Sendable {
    let output = CheckClientOutput()
    private let host: CheckHost
    private let loop: Int
    private var session: Session?
    private var lastAck: UInt64 = 0

    /// Opens a connection.
    init(_ host: CheckHost, loop: Int, number: Int) throws {
        (self.host, self.loop) = (host, loop)
        let isOpen: Void? = host.onLoop(loop) { [self] shard in
            let request = HandshakeRequest(
                remoteAddress: "127.0.0.1", secure: number % 2 == 0,
                uri: "/socket.io/?EIO=4&transport=websocket&n=\(number)",
                issued: 0, headers: [(name: "Host", value: "check"), (name: "X-Number", value: "\(number)")])
            let session = host.table(loop).open(request, over: output)
            self.session = session
            shard.open(session)
        }
        guard isOpen != nil else { throw host.hang() }
    }

    /// The user that a CONNECT names for the check's host: `{"user": "alice"}`.
    static func user(ofAuth auth: [UInt8]) -> ByteString? {
        guard let user = (try? JSONValue(parsing: auth))?["user"]?.string, (1...256).contains(user.count),
            !user.hasControlCharacter
        else { return nil }
        return user
    }

    /// Sends a CONNECT and waits for its answer.
    ///
    /// - Throws: ``CheckFailure`` if there is no answer in time.
    func join(_ namespace: ByteString, auth: String = "") throws {
        let answers = output.answers
        try send("0\(Self.prefix(namespace))\(auth)")
        guard let isJoined = output.waitForAnswer(after: answers, milliseconds: host.deadline) else {
            throw host.hang()
        }
        isRefused = !isJoined && !output.isClosed
    }

    /// Whether the last CONNECT was answered with an error.
    private(set) var isRefused = false

    private static func prefix(_ namespace: ByteString) -> String { namespace == "/" ? "" : "\(namespace)," }

    /// Sends an event. Returns the number of its ack.
    ///
    /// - Parameters:
    ///   - args: a JSON array.
    ///   - wantsAck: whether the event has an ack.
    @discardableResult
    func emit(
        _ name: ByteString, _ args: [UInt8], attachments: [[UInt8]] = [], in namespace: ByteString = "/",
        wantsAck: Bool = true
    ) throws -> UInt64 {
        lastAck += 1
        var packet = Array((attachments.isEmpty ? "2" : "5\(attachments.count)-").utf8)
        packet += Self.prefix(namespace).utf8
        if wantsAck { packet += "\(lastAck)".utf8 }
        packet.append(UInt8(ascii: "["))
        JSONText.appendQuoted(name.text, to: &packet)
        let rest = args.dropFirst().drop { $0 == 0x20 }
        if rest.first != UInt8(ascii: "]") { packet.append(UInt8(ascii: ",")) }
        packet += rest
        try send(packet, attachments)
        return lastAck
    }

    func leave(_ namespace: ByteString = "/") throws { try send("1\(Self.prefix(namespace))") }

    /// Ends the connection without a word.
    func vanish() throws {
        let isDone: Void? = host.onLoop(loop) { [self] _ in
            session?.webSocketGone(output, reason: .transportError)
            session = nil
        }
        guard isDone != nil else { throw host.hang() }
    }

    func send(_ text: String) throws { try send(Array(text.utf8), []) }

    private func send(_ packet: [UInt8], _ attachments: [[UInt8]]) throws {
        let isDone: Void? = host.onLoop(loop) { [self] _ in
            guard let session else { return }
            var text = [UInt8(ascii: "4")] + packet
            text.withUnsafeMutableBytes { session.webSocketReceived(text: $0, over: output) }
            for attachment in attachments {
                var bytes = attachment
                bytes.withUnsafeMutableBytes { session.webSocketReceived(binary: $0, over: output) }
            }
        }
        guard isDone != nil else { throw host.hang() }
    }
}

/// An answer to an event.
struct CheckAck {
    /// A JSON array.
    let args: [UInt8]
    let attachments: Int

    /// Whether it reports an error: `{"error": …}`.
    var isError: Bool { find("/0/error") != nil }

    /// The code of the error.
    var errorCode: ByteString? {
        find("/0/error/code").flatMap { try? JSONValue(parsing: Array(args[$0])) }?.string
    }

    /// Where the first argument stands in ``args``.
    var firstArgument: Range<Int>? { find("/0") }

    private func find(_ pointer: String) -> Range<Int>? {
        guard let token = try? JSONPointer.find(pointer, in: args) else { return nil }
        return token.range
    }
}

/// What the host sends to a client: acks are kept until they are asked for, everything else is only counted.
///
/// `@unchecked Sendable`: everything is used under `condition`.
final class CheckClientOutput: WebSocketOutput, @unchecked Sendable {
    private let condition = NSCondition()
    private var acks: [UInt64: CheckAck] = [:]
    private var joined = 0
    private var refused = 0
    /// Whether the last answer to a CONNECT was that the namespace is joined.
    private var hasJoined = false
    private var closed = false

    var canSendNow: Bool { true }
    var bufferedBytes: Int { 0 }

    func send(_ kind: MessageKind, count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        var bytes = [UInt8](repeating: 0, count: count)
        bytes.withUnsafeMutableBytes { fill($0) }
        if kind == .text { received(bytes[...]) }
    }

    func send(_ message: SharedMessage) {
        for part in message.parts where part.kind == .text { message.withPart(part) { received(Array($0)[...]) } }
    }

    func close() {
        condition.withLock {
            closed = true
            condition.broadcast()
        }
    }

    var isClosed: Bool { condition.withLock { closed } }

    /// Answers to CONNECT packets, so far.
    var answers: Int { condition.withLock { joined + refused } }

    /// Waits for one more answer to a CONNECT. Returns whether a namespace was joined; `nil` if no answer has come.
    func waitForAnswer(after count: Int, milliseconds: Int) -> Bool? {
        let end = Date(timeIntervalSinceNow: Double(milliseconds) / 1_000)
        return condition.withLock {
            while joined + refused <= count, !closed { guard condition.wait(until: end) else { break } }
            guard joined + refused > count || closed else { return nil }
            return hasJoined
        }
    }

    /// Removes an ack that has come.
    func ack(_ number: UInt64) -> CheckAck? { condition.withLock { acks.removeValue(forKey: number) } }

    /// Waits until an ack with this number has come, or the connection is closed.
    func waitForAck(_ number: UInt64, milliseconds: Int) -> Bool {
        let end = Date(timeIntervalSinceNow: Double(milliseconds) / 1_000)
        return condition.withLock {
            while acks[number] == nil, !closed { guard condition.wait(until: end) else { break } }
            return acks[number] != nil
        }
    }

    private func received(_ message: ArraySlice<UInt8>) {
        // "4" of Engine.IO, then the type of the Socket.IO packet.
        guard message.first == UInt8(ascii: "4"), let type = message.dropFirst().first else { return }
        var rest = message.dropFirst(2)
        var attachments = 0
        if type == UInt8(ascii: "6"), let dash = rest.firstIndex(of: UInt8(ascii: "-")) {
            attachments = Int(String(decoding: rest[..<dash], as: UTF8.self)) ?? 0
            rest = rest[(dash + 1)...]
        }
        if rest.first == UInt8(ascii: "/") {
            rest = rest.firstIndex(of: UInt8(ascii: ",")).map { rest[($0 + 1)...] } ?? []
        }
        condition.withLock {
            switch type {
            case UInt8(ascii: "0"):
                joined += 1
                hasJoined = true
            case UInt8(ascii: "4"):
                refused += 1
                hasJoined = false
            case UInt8(ascii: "3"), UInt8(ascii: "6"):
                let digits = rest.prefix { $0 &- 0x30 < 10 }
                guard let number = UInt64(String(decoding: digits, as: UTF8.self)) else { return }
                acks[number] = CheckAck(args: Array(rest.dropFirst(digits.count)), attachments: attachments)
            default: return
            }
            condition.broadcast()
        }
    }
}
