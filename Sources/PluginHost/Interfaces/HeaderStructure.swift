import CJackfield
import Support

/// A structure of the header that begins with its size.
protocol SizedStructure {
    init()
    var struct_size: UInt32 { get set }
}

extension SizedStructure {
    /// A structure whose fields are zero, except the size.
    @inline(__always)
    static var sized: Self {
        var value = Self()
        value.struct_size = UInt32(MemoryLayout<Self>.size)
        return value
    }
}

// Structures that the host fills, in its own memory.
extension jf_answer: SizedStructure {}
extension jf_answers: SizedStructure {}
extension jf_attempt: SizedStructure {}
extension jf_boot: SizedStructure {}
extension jf_call: SizedStructure {}
extension jf_error: SizedStructure {}
extension jf_event: SizedStructure {}
extension jf_fetched: SizedStructure {}
extension jf_handshake: SizedStructure {}
extension jf_handshake_reply: SizedStructure {}
extension jf_presence_change: SizedStructure {}
extension jf_refusal: SizedStructure {}
extension jf_request: SizedStructure {}
extension jf_saved: SizedStructure {}
extension jf_socket_event: SizedStructure {}
extension jf_socket_info: SizedStructure {}

/// A structure in a plugin's memory. Plugin and host may know different sizes of it; see section 1 of the header.
protocol HeaderStructure: SizedStructure {
    /// Its size in the first release of the header, which never changes; a `struct_size` of 0 means this size.
    static var firstSize: Int { get }
}

// Structures that the host reads.
extension jf_admission: HeaderStructure { static var firstSize: Int { 80 } }
extension jf_message: HeaderStructure { static var firstSize: Int { 56 } }
extension jf_need: HeaderStructure { static var firstSize: Int { 56 } }
extension jf_plugin: HeaderStructure { static var firstSize: Int { 160 } }
extension jf_response: HeaderStructure { static var firstSize: Int { 56 } }
extension jf_target: HeaderStructure { static var firstSize: Int { 80 } }
extension jf_stream_callbacks: HeaderStructure { static var firstSize: Int { 32 } }

// Structures that the host fills in the plugin's memory.
extension jf_json: HeaderStructure { static var firstSize: Int { 48 } }
extension jf_json_cursor: HeaderStructure { static var firstSize: Int { 32 } }
extension jf_json_writer: HeaderStructure { static var firstSize: Int { 48 } }
extension jf_result: HeaderStructure { static var firstSize: Int { 56 } }

/// Reads and writes structures in a plugin's memory, which have the size that the plugin knows.
enum PluginMemory {
    /// Bytes. A larger size of a structure or list item is garbage.
    static let largestStructure = 65_536

    /// Reads the fields that both sides know of a structure that the plugin passes.
    ///
    /// - Parameter name: the argument's name, for the log.
    @inline(__always)
    static func read<Structure: HeaderStructure>(_ pointer: UnsafePointer<Structure>?, _ name: StaticString)
        throws(HostCallError) -> Structure
    {
        guard let pointer else { throw .invalid("\(name) is NULL") }
        let size = Int(pointer.pointee.struct_size)
        if size == MemoryLayout<Structure>.size || size == 0 && Structure.firstSize == MemoryLayout<Structure>.size {
            return pointer.pointee
        }
        return try read(UnsafeRawPointer(pointer), size: size, "\(name)->struct_size", of: name)
    }

    /// Reads the fields that both sides know of a structure or list item. It must be plain data, as everything in the
    /// header is.
    ///
    /// - Parameters:
    ///   - size: the size that the plugin states: its `struct_size`, or the list's `stride`; 0 means that of the first
    ///     release.
    ///   - field: the name of the field that states it.
    static func read<Structure>(
        _ pointer: UnsafeRawPointer, size: Int, first: Int, as type: Structure.Type, _ field: @autoclosure () -> String,
        of name: @autoclosure () -> String
    ) throws(HostCallError) -> Structure {
        let known = MemoryLayout<Structure>.size
        let given = size == 0 ? first : size
        guard given >= first else {
            throw .invalid("\(field()) is \(size), less than the \(first) of the first release; set it to sizeof")
        }
        guard given <= largestStructure else {
            throw .invalid("\(field()) is \(size), more than any structure has; set it to sizeof")
        }
        if given > known {
            for offset in known..<given where pointer.load(fromByteOffset: offset, as: UInt8.self) != 0 {
                throw HostCallError(
                    code: JF_E_UNSUPPORTED,
                    problem:
                        "\(name()) has \(given) bytes, and byte \(offset) is not 0: a field that this host does not know, which knows \(known) bytes"
                )
            }
        }
        return withUnsafeTemporaryAllocation(byteCount: known, alignment: 16) { copy in
            let common = min(given, known)
            copy.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: common))
            for offset in common..<known { copy[offset] = 0 }
            return copy.load(as: Structure.self)
        }
    }

    private static func read<Structure: HeaderStructure>(
        _ pointer: UnsafeRawPointer, size: Int, _ field: @autoclosure () -> String, of name: StaticString
    ) throws(HostCallError) -> Structure {
        try read(pointer, size: size, first: Structure.firstSize, as: Structure.self, field(), of: "\(name)")
    }

    /// How many bytes of a structure in the plugin's memory to fill: the size that both sides know.
    @inline(__always)
    static func space<Structure: HeaderStructure>(of pointer: UnsafeMutablePointer<Structure>, _ name: StaticString)
        throws(HostCallError) -> Int
    {
        let size = Int(pointer.pointee.struct_size)
        if size == MemoryLayout<Structure>.size { return size }
        if size == 0 { return Structure.firstSize }
        guard size >= Structure.firstSize else {
            throw .invalid(
                "\(name)->struct_size is \(size), less than the \(Structure.firstSize) of the first release; set it to sizeof before the call"
            )
        }
        return min(size, MemoryLayout<Structure>.size)
    }

    /// Fills exactly `space` bytes of a structure in the plugin's memory.
    @inline(__always)
    static func write<Structure: HeaderStructure>(
        _ value: Structure, to pointer: UnsafeMutablePointer<Structure>, space: Int
    ) {
        var value = value
        value.struct_size = UInt32(truncatingIfNeeded: space)
        if space == MemoryLayout<Structure>.size {
            pointer.pointee = value
        } else {
            withUnsafeBytes(of: &value) {
                UnsafeMutableRawPointer(pointer).copyMemory(from: $0.baseAddress!, byteCount: space)
            }
        }
    }
}

extension jf_error {
    /// The message; empty if there is none.
    var text: String { withUnsafeBytes(of: message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) } }
}

extension jf_text {
    /// The bytes, in the plugin's memory. A NULL pointer means no bytes, whatever the length is.
    @inline(__always)
    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: ptr, count: ptr == nil ? 0 : Int(clamping: len))
    }

    /// A copy, for comparison or as a key; bytes that are not UTF-8 become U+FFFD.
    @inline(__always)
    var byteString: ByteString { ByteString(decoding: bytes) }

    /// A copy for display; bytes that are not UTF-8 become U+FFFD.
    var string: String { String(decoding: bytes, as: UTF8.self) }

    /// The first bytes, for a log line.
    var excerpt: String { Self.excerpt(of: bytes) }

    static func excerpt(of bytes: UnsafeRawBufferPointer) -> String {
        let text = String(decoding: bytes.prefix(64), as: UTF8.self)
        return bytes.count > 64 ? text + "…" : text
    }

    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(ptr: bytes.baseAddress?.assumingMemoryBound(to: CChar.self), len: UInt64(bytes.count))
    }

    static var none: jf_text { jf_text(ptr: nil, len: 0) }
}

extension jf_bytes {
    /// The bytes, in the plugin's memory. A NULL pointer means no bytes, whatever the length is.
    @inline(__always)
    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: ptr, count: ptr == nil ? 0 : Int(clamping: len))
    }

    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(ptr: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), len: UInt64(bytes.count))
    }
}
