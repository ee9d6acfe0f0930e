import CJackfield
import RawJSON
import SocketIO
import Support

/// Checks the arguments that plugins pass. Each error is logged with the function, the argument and the reason.
extension LoadedPlugin {
    /// Most bytes that one call may pass in total; the header promises this number.
    static let largestCall = 64 << 20

    /// The result code of a call that the plugin's queue has refused.
    var refusal: Int32 { isServed ? JF_E_LIMIT : JF_E_STATE }

    // `nonisolated(unsafe)` is safe: a string constant of the binary, never written and never freed.
    nonisolated(unsafe) static let emptyArray = {
        let text: StaticString = "[]"
        return UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }()

    /// Checks a message and passes its parts to `body`; they are valid for the call.
    @inline(__always)
    func withMessage(
        _ message: UnsafePointer<jf_message>?,
        _ body: (
            _ name: UnsafeRawBufferPointer, _ args: UnsafeRawBufferPointer,
            _ attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ flags: EmitFlags
        )
            throws(HostCallError) -> Int32
    ) throws(HostCallError) -> Int32 {
        let raw = try PluginMemory.read(message, "message")
        let name = raw.name.bytes
        guard isEventName(name) else { throw .invalid("message->name \(nameProblem(raw.name))") }
        guard raw.flags & ~(JF_MESSAGE_VOLATILE | JF_MESSAGE_UNCOMPRESSED) == 0, raw.reserved == 0 else {
            throw Self.unknown(raw)
        }
        var flags: EmitFlags = []
        if raw.flags & JF_MESSAGE_VOLATILE != 0 { flags.insert(.volatile) }
        if raw.flags & JF_MESSAGE_UNCOMPRESSED != 0 { flags.insert(.noCompress) }
        return try withArguments(raw.args, raw.attachments, raw.attachment_count) {
            args, attachments throws(HostCallError) in
            if let emitContracts { try check(name, args, attachments.count, emitContracts) }
            return try body(name, args, attachments, flags)
        }
    }

    /// Throws in strict mode only.
    @inline(never)
    private func check(
        _ name: UnsafeRawBufferPointer, _ args: UnsafeRawBufferPointer, _ attachments: Int,
        _ contracts: Unmanaged<EmitContracts>
    ) throws(HostCallError) {
        guard let violation = contracts._withUnsafeGuaranteedRef({ $0.check(name, args, attachments: attachments) })
        else { return }
        let problem = "'\(jf_text(name).string)' breaks its signature: \(violation)"
        guard host.currentOptions.emitChecks != .strict else { throw .invalid("\(problem); not sent") }
        log.warning("the event \(problem); sent nevertheless")
    }

    private static func unknown(_ message: jf_message) -> HostCallError {
        if message.reserved != 0 { return .invalid("message->reserved is \(message.reserved), not 0") }
        return .invalid("message->flags is 0x\(String(message.flags, radix: 16)), of which this host does not know all")
    }

    /// Checks arguments and attachments and passes them to `body`; they are valid for the call.
    @inline(__always)
    func withArguments(
        _ args: jf_text, _ attachments: UnsafePointer<jf_bytes>?, _ count: UInt32,
        _ body: (_ args: UnsafeRawBufferPointer, _ attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>)
            throws(HostCallError) -> Int32
    ) throws(HostCallError) -> Int32 {
        let bytes = args.len == 0 ? Self.emptyArray : args.bytes
        guard bytes.count <= Self.largestCall else { throw Self.tooLarge("args", bytes.count) }
        if count == 0 {
            guard isKnownValid(bytes) || PacketEncoder.isValid(args: bytes) else {
                throw .invalid(Self.problem(ofArguments: bytes))
            }
            return try body(bytes, UnsafeBufferPointer(start: nil, count: 0))
        }
        return try withAttachments(bytes, attachments, count, body)
    }

    private func withAttachments(
        _ args: UnsafeRawBufferPointer, _ attachments: UnsafePointer<jf_bytes>?, _ count: UInt32,
        _ body: (_ args: UnsafeRawBufferPointer, _ attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>)
            throws(HostCallError) -> Int32
    ) throws(HostCallError) -> Int32 {
        guard count <= host.socketOptions.maxAttachments else {
            throw .invalid(
                "attachment_count is \(count), more than the \(host.socketOptions.maxAttachments) of a message")
        }
        guard let attachments else { throw .invalid("attachments is NULL, and attachment_count \(count)") }
        var total = args.count
        for index in 0..<Int(count) {
            let attachment = attachments[index]
            guard attachment.ptr != nil || attachment.len == 0 else {
                throw .invalid("attachments[\(index)] is NULL with a length of \(attachment.len)")
            }
            total += min(attachment.bytes.count, Self.largestCall + 1)
        }
        guard total <= Self.largestCall else { throw Self.tooLarge("args and attachments", total) }
        guard PacketEncoder.isValid(args: args, attachmentCount: Int(count)) else {
            throw .invalid(Self.problem(ofArguments: args, attachments: Int(count)))
        }
        // Typed throws do not pass through `withUnsafeTemporaryAllocation`; a `Result` does.
        let result = withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: Int(count)) { list in
            for index in list.indices { list.initializeElement(at: index, to: attachments[index].bytes) }
            return Result { () throws(HostCallError) in try body(args, UnsafeBufferPointer(list)) }
        }
        return try result.get()
    }

    private static func tooLarge(_ what: String, _ count: Int) -> HostCallError {
        HostCallError(
            code: JF_E_LIMIT, problem: "\(what) have \(count) bytes, more than the \(largestCall) of one call")
    }

    /// Whether these are the arguments that the running callback got: they were validated when they arrived.
    @inline(__always)
    private func isKnownValid(_ args: UnsafeRawBufferPointer) -> Bool {
        if args.baseAddress == Self.emptyArray.baseAddress { return true }
        guard let frame = ThreadState.current?.frame else { return false }
        return frame.pointee.args.baseAddress == args.baseAddress && frame.pointee.args.count == args.count
    }

    @inline(__always)
    private func isEventName(_ name: UnsafeRawBufferPointer) -> Bool {
        guard name.count > 0, name.count <= nameLimit, !PacketEncoder.isReserved(name: name) else { return false }
        return name.allSatisfy { $0 < 0x80 } || String(validating: name, as: UTF8.self) != nil
    }

    private func nameProblem(_ name: jf_text) -> String {
        let bytes = name.bytes
        if name.len > 0, bytes.isEmpty { return "is NULL with a length of \(name.len)" }
        if bytes.isEmpty { return "is empty" }
        if bytes.count > nameLimit { return "has \(bytes.count) bytes, more than \(nameLimit)" }
        if PacketEncoder.isReserved(name: bytes) { return "'\(name.string)' is reserved by Socket.IO" }
        return "is no UTF-8"
    }

    /// Why arguments are not a valid JSON array.
    private static func problem(ofArguments args: UnsafeRawBufferPointer, attachments: Int = 0) -> String {
        guard !args.isEmpty else { return "args is NULL with a length" }
        do throws(JSONSyntaxError) {
            let token = try JSONScanner.document(args)
            guard token.kind == .array else {
                return "args must be a JSON array of all arguments, not a value alone; write [value]"
            }
            return "args has a placeholder whose num is none of the \(attachments) attachments"
        } catch {
            return "args: \(error): \(Self.excerpt(args, at: error.offset))"
        }
    }

    /// The bytes around a fault, for a log line.
    private static func excerpt(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> String {
        let lower = max(0, min(offset, bytes.count) - 20)
        let upper = min(bytes.count, lower + 40)
        return "…\(String(decoding: bytes[lower..<upper], as: UTF8.self))…"
    }

    // MARK: Texts

    /// The bytes of a text of at most `limit` bytes, in the plugin's memory.
    static func bytes(_ text: jf_text, _ name: @autoclosure () -> String, limit: Int) throws(HostCallError)
        -> UnsafeRawBufferPointer
    {
        guard text.ptr != nil || text.len == 0 else { throw .invalid("\(name()) is NULL with a length of \(text.len)") }
        guard text.len <= limit else { throw .invalid("\(name()) has \(text.len) bytes, more than \(limit)") }
        return text.bytes
    }

    /// A copy of a text of at most `limit` bytes, which must be UTF-8.
    static func text(_ text: jf_text, _ name: @autoclosure () -> String, limit: Int) throws(HostCallError) -> ByteString
    {
        guard let copy = ByteString(validating: try bytes(text, name(), limit: limit), limit: limit) else {
            throw .invalid("\(name()) is no UTF-8")
        }
        return copy
    }

    /// A copy of a user's id, checked.
    static func user(_ text: jf_text, _ name: @autoclosure () -> String) throws(HostCallError) -> ByteString {
        let bytes = try Self.bytes(text, name(), limit: .max)
        if let problem = UserID.problem(bytes) { throw .invalid("\(name()) \(problem)") }
        return try Self.text(text, name(), limit: UserID.longest)
    }

    /// The name of a namespace; empty means `/`.
    func namespace(_ text: jf_text, _ name: @autoclosure () -> String) throws(HostCallError) -> ByteString {
        guard text.len > 0 else { return "/" }
        let namespace = try Self.text(text, name(), limit: host.socketOptions.maxNamespaceLength)
        guard namespace.utf8.first == UInt8(ascii: "/") else {
            throw .invalid("\(name()) '\(namespace)' does not begin with '/'")
        }
        return namespace
    }

    /// The bytes of a room's name, in the plugin's memory.
    ///
    /// - Parameter isTarget: whether the name is only looked up. It may then be longer: the host itself names the room
    ///   of a user.
    func room(_ text: jf_text, _ name: @autoclosure () -> String, isTarget: Bool = false) throws(HostCallError)
        -> UnsafeRawBufferPointer
    {
        let limit = host.socketOptions.maxRoomNameLength
        let bytes = try Self.bytes(
            text, name(), limit: isTarget ? max(limit, "user:".utf8.count + UserID.longest) : limit)
        guard !bytes.isEmpty else { throw .invalid("\(name()) is empty") }
        guard bytes.allSatisfy({ $0 < 0x80 }) || String(validating: bytes, as: UTF8.self) != nil else {
            throw .invalid("\(name()) is no UTF-8")
        }
        return bytes
    }

    /// Most rooms that one call may name; the header promises this number.
    private static let mostRooms: UInt32 = 1_000

    /// Copies of the names of rooms.
    func rooms(
        _ list: UnsafePointer<jf_text>?, _ count: UInt32, _ name: @autoclosure () -> String, isTarget: Bool = false
    ) throws(HostCallError) -> [ByteString] {
        guard count > 0 else { return [] }
        guard count <= Self.mostRooms else { throw .invalid("\(name()): \(count) are more than \(Self.mostRooms)") }
        guard let list else { throw .invalid("\(name()) is NULL, and its count \(count)") }
        var rooms: [ByteString] = []
        rooms.reserveCapacity(Int(count))
        for index in 0..<Int(count) {
            rooms.append(ByteString(decoding: try room(list[index], "\(name())[\(index)]", isTarget: isTarget)))
        }
        return rooms
    }

    // MARK: Targets

    /// A target in the form that the shards use.
    struct ParsedTarget {
        var target: BroadcastTarget
        var everyNamespace: Bool
    }

    /// Reads and checks a target.
    func parseTarget(_ raw: UnsafePointer<jf_target>?) throws(HostCallError) -> ParsedTarget {
        let raw = try PluginMemory.read(raw, "target")
        guard raw.flags & ~(JF_TARGET_ALL | JF_TARGET_EVERY_NSP | JF_TARGET_LOCAL) == 0 else {
            throw .invalid("target->flags is 0x\(String(raw.flags, radix: 16)), of which this host does not know all")
        }
        let everyNamespace = raw.flags & JF_TARGET_EVERY_NSP != 0
        guard !everyNamespace || raw.nsp.len == 0 else {
            throw .invalid("target->nsp is '\(raw.nsp.excerpt)', and JF_TARGET_EVERY_NSP is set: leave one of them out")
        }
        let namesSomebody = raw.user.len > 0 || raw.room_count > 0 || raw.socket != 0
        let isAll = raw.flags & JF_TARGET_ALL != 0
        guard isAll || namesSomebody else {
            throw .invalid(
                "the target names nobody: set user, rooms or socket, or JF_TARGET_ALL for everybody; the user of an anonymous sender is empty"
            )
        }
        guard !isAll || !namesSomebody else {
            throw .invalid(
                "the target has JF_TARGET_ALL, and a user, rooms or a socket beside it: leave one of them out")
        }
        var target = BroadcastTarget(exceptSocket: raw.except_socket, socket: raw.socket)
        if raw.nsp.len > 0 { target.namespace = try namespace(raw.nsp, "target->nsp") }
        if raw.room_count > 0 { target.rooms = try rooms(raw.rooms, raw.room_count, "target->rooms", isTarget: true) }
        if raw.except_count > 0 {
            target.except = try rooms(raw.except_rooms, raw.except_count, "target->except_rooms", isTarget: true)
        }
        if raw.user.len > 0 { target.rooms.append("user:\(try Self.user(raw.user, "target->user").text)") }
        return ParsedTarget(target: target, everyNamespace: everyNamespace)
    }

    // MARK: Buffers

    /// Copies a result into the plugin's buffer; stores only its length if it does not fit.
    static func write(
        _ bytes: UnsafeRawBufferPointer, _ out: UnsafeMutablePointer<CChar>?, _ capacity: UInt64,
        _ length: UnsafeMutablePointer<UInt64>?
    ) -> Int32 {
        length?.pointee = UInt64(bytes.count)
        guard UInt64(bytes.count) <= capacity, let out else { return bytes.isEmpty ? JF_OK : JF_E_SPACE }
        if let base = bytes.baseAddress { UnsafeMutableRawPointer(out).copyMemory(from: base, byteCount: bytes.count) }
        return JF_OK
    }
}

/// An error of a plugin's call: the result code, and the log line without the function's name.
struct HostCallError: Error {
    let code: Int32
    let problem: String

    static func invalid(_ problem: String) -> HostCallError { HostCallError(code: JF_E_INVALID, problem: problem) }
}

extension LoadedPlugin {
    /// Runs a function of the header, which may be called from the start of `create` until `stop` has returned. An
    /// error is logged with the function's name.
    @inline(__always)
    static func serve(
        _ host: OpaquePointer?, _ function: StaticString, _ body: (LoadedPlugin) throws(HostCallError) -> Int32
    ) -> Int32 {
        with(host) { plugin in
            guard plugin.isServed else { return JF_E_STATE }
            do throws(HostCallError) {
                return try body(plugin)
            } catch {
                return plugin.refuse(function, error)
            }
        }
    }

    /// - Returns: the error's result code.
    @inline(never)
    func refuse(_ function: StaticString, _ refusal: HostCallError) -> Int32 {
        misused("\(function): \(refusal.problem)", isArgument: true)
        return refusal.code
    }

    /// Logs why an argument is invalid and returns `JF_E_INVALID`.
    func invalid(_ function: StaticString, _ problem: @autoclosure () -> String) -> Int32 {
        misused("\(function): \(problem())", isArgument: true)
        return JF_E_INVALID
    }

    /// Logs that the plugin broke a rule of the header.
    @inline(never)
    func misused(_ line: String, isArgument: Bool = false) {
        log.warning(line)
        host.options.onMisuse?(line, isArgument)
    }
}
