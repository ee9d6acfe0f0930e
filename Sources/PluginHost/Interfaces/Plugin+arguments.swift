import CJackfield
import RawJSON
import SocketIO
import Support

/// Checks of what plugins pass, each refusal with a line that says which argument of which function, and why.
extension Plugin {
    /// Logs what is wrong with an argument and returns `JF_E_INVALID`.
    func invalid(_ function: String, _ problem: @autoclosure () -> String) -> Int32 {
        log.warning("\(function): \(problem())")
        return JF_E_INVALID
    }

    /// `JF_E_STATE` for a plugin that was unloaded and still calls.
    @inline(__always)
    var isServed: Bool { isAlive }

    // Unsafe in name only: a constant of the binary that is never written and never freed.
    nonisolated(unsafe) static let emptyArray = {
        let text: StaticString = "[]"
        return UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }()

    /// Checks a message and passes its parts on; they are valid for the call.
    @inline(__always)
    func withMessage(
        _ function: StaticString, _ message: UnsafePointer<jf_message>?,
        _ body: (_ name: UnsafeRawBufferPointer, _ args: UnsafeRawBufferPointer, _ attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ flags: EmitFlags)
            -> Int32
    ) -> Int32 {
        guard let message else { return invalid("\(function)", "message is NULL") }
        let raw = message.pointee
        guard raw.struct_size == 0 || raw.struct_size >= MemoryLayout<jf_message>.size else {
            return invalid("\(function)", "message->struct_size is \(raw.struct_size), less than \(MemoryLayout<jf_message>.size)")
        }
        let name = raw.name.bytes
        guard isEventName(name) else { return invalid("\(function)", "message->name \(nameProblem(name))") }
        var flags: EmitFlags = []
        if raw.flags & JF_MESSAGE_VOLATILE != 0 { flags.insert(.volatile) }
        if raw.flags & JF_MESSAGE_UNCOMPRESSED != 0 { flags.insert(.noCompress) }
        return withArguments(function, raw.args, raw.attachments, raw.attachment_count) { args, attachments in
            body(name, args, attachments, flags)
        }
    }

    /// Checks arguments and attachments and passes them on; they are valid for the call.
    @inline(__always)
    func withArguments(
        _ function: StaticString, _ args: jf_text, _ attachments: UnsafePointer<jf_bytes>?, _ count: UInt32,
        _ body: (_ args: UnsafeRawBufferPointer, _ attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Int32
    ) -> Int32 {
        let bytes = args.len == 0 ? Self.emptyArray : args.bytes
        if count == 0 {
            guard isKnownValid(bytes) || PacketEncoder.isValid(args: bytes) else { return invalid("\(function)", Self.problem(ofArguments: bytes)) }
            return body(bytes, UnsafeBufferPointer(start: nil, count: 0))
        }
        guard count <= host.socketOptions.maxAttachments else {
            return invalid("\(function)", "\(count) attachments are more than the \(host.socketOptions.maxAttachments) of a message")
        }
        guard let attachments else { return invalid("\(function)", "attachments is NULL, and attachment_count \(count)") }
        guard PacketEncoder.isValid(args: bytes, attachmentCount: Int(count)) else {
            return invalid("\(function)", Self.problem(ofArguments: bytes, attachments: Int(count)))
        }
        return withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: Int(count)) { list in
            for index in list.indices { list.initializeElement(at: index, to: attachments[index].bytes) }
            return body(bytes, UnsafeBufferPointer(list))
        }
    }

    /// Whether these are the arguments that the callback under way was handed: they were validated on their way in.
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

    private func nameProblem(_ name: UnsafeRawBufferPointer) -> String {
        let limit = nameLimit
        if name.isEmpty { return "is empty" }
        if name.count > limit { return "has \(name.count) bytes, more than \(limit)" }
        if PacketEncoder.isReserved(name: name) { return "'\(String(decoding: name, as: UTF8.self))' is reserved by Socket.IO" }
        return "is no UTF-8"
    }

    /// What is wrong with arguments that are no valid JSON array.
    private static func problem(ofArguments args: UnsafeRawBufferPointer, attachments: Int = 0) -> String {
        do throws(JSONSyntaxError) {
            let token = try JSONScanner.document(args)
            guard token.kind == .array else { return "args must be a JSON array of all arguments, not a value alone; write [value]" }
            return "args has a placeholder whose num is none of the \(attachments) attachments"
        } catch {
            return "args: \(error): \(Self.excerpt(args, at: error.offset))"
        }
    }

    /// Some bytes around a fault, for a log line.
    private static func excerpt(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> String {
        let lower = max(0, min(offset, bytes.count) - 20)
        let upper = min(bytes.count, lower + 40)
        return "…\(String(decoding: bytes[lower..<upper], as: UTF8.self))…"
    }

    // MARK: Selections

    /// A selection taken apart.
    struct Chosen {
        var selection: Selection
        var everyNamespace: Bool
    }

    /// Reads a selection; `nil` after a log line if it breaks a rule.
    func chosen(_ function: StaticString, _ raw: UnsafePointer<jf_selection>?) -> Chosen? {
        guard let raw = raw?.pointee else {
            _ = invalid("\(function)", "selection is NULL")
            return nil
        }
        guard raw.struct_size == 0 || raw.struct_size >= MemoryLayout<jf_selection>.size else {
            _ = invalid("\(function)", "selection->struct_size is \(raw.struct_size), less than \(MemoryLayout<jf_selection>.size)")
            return nil
        }
        guard var rooms = texts("\(function): selection->rooms", raw.rooms, raw.room_count),
            let except = texts("\(function): selection->except", raw.except, raw.except_count)
        else { return nil }
        if raw.user.len > 0 {
            guard let user = userID("\(function): selection->user", raw.user) else { return nil }
            rooms.append("user:\(user.text)")
        }
        guard let namespace = namespaceName(function, raw.nsp) else { return nil }
        let selection = Selection(namespace: namespace, rooms: rooms, except: except, exceptSocket: raw.except_socket)
        return Chosen(selection: selection, everyNamespace: raw.flags & JF_SELECT_EVERY_NSP != 0)
    }

    /// Most rooms one call may name: as many as a selection of reason has, far fewer than would hold up a loop.
    private static let longestRoomList: UInt32 = 65_536

    /// The id of a user; `nil` after a log line if it cannot be one.
    func userID(_ what: @autoclosure () -> String, _ user: jf_text) -> ByteString? {
        guard UserID.isValid(user.bytes) else {
            _ = invalid(what(), "the user id \(UserID.problem(user.bytes) ?? "is none")")
            return nil
        }
        return user.byteString
    }

    /// The namespace of this name, the main one for none; `nil` after a log line if it is longer than any.
    func namespaceName(_ function: StaticString, _ name: jf_text) -> ByteString? {
        let limit = host.socketOptions.maxNamespaceLength
        guard name.bytes.count <= limit else {
            _ = invalid("\(function)", "the namespace's name has \(name.len) bytes, more than \(limit)")
            return nil
        }
        return name.bytes.isEmpty ? "/" : name.byteString
    }

    /// Copies a list of rooms' names; `nil` after a log line if it is none, or one is longer than any room's.
    func texts(_ what: @autoclosure () -> String, _ list: UnsafePointer<jf_text>?, _ count: UInt32) -> [ByteString]? {
        guard count > 0 else { return [] }
        guard let list, count <= Self.longestRoomList else {
            _ = invalid(what(), list == nil ? "the list is NULL, and its count \(count)" : "\(count) are more than \(Self.longestRoomList)")
            return nil
        }
        // The room of a user is named by the host, and may be longer than others.
        let limit = max(host.socketOptions.maxRoomNameLength, "user:".utf8.count + UserID.longest)
        var names: [ByteString] = []
        names.reserveCapacity(Int(count))
        for index in 0..<Int(count) {
            guard list[index].bytes.count <= limit else {
                _ = invalid(what(), "room \(index + 1) has \(list[index].len) bytes, more than \(limit)")
                return nil
            }
            names.append(list[index].byteString)
        }
        return names
    }

    /// A room's name; `nil` after a log line if it cannot be one.
    func isRoomName(_ function: StaticString, _ room: jf_text) -> Bool {
        let limit = host.socketOptions.maxRoomNameLength
        let bytes = room.bytes
        guard (1...limit).contains(bytes.count) else {
            _ = invalid("\(function)", "a room's name has 1 to \(limit) bytes, this has \(room.len)")
            return false
        }
        guard bytes.allSatisfy({ $0 < 0x80 }) || String(validating: bytes, as: UTF8.self) != nil else {
            _ = invalid("\(function)", "the room's name is no UTF-8")
            return false
        }
        return true
    }

    /// Stores a result in the plugin's buffer, or only its length if it does not fit.
    static func write(_ bytes: UnsafeRawBufferPointer, _ out: UnsafeMutablePointer<CChar>?, _ capacity: UInt64, _ length: UnsafeMutablePointer<UInt64>?) -> Int32 {
        length?.pointee = UInt64(bytes.count)
        guard UInt64(bytes.count) <= capacity, let out else { return bytes.isEmpty ? JF_OK : JF_E_SPACE }
        if let base = bytes.baseAddress { UnsafeMutableRawPointer(out).copyMemory(from: base, byteCount: bytes.count) }
        return JF_OK
    }
}
