import CJackfield

/// Why a payload cannot be read. The process that wrote it is broken, and is ended.
struct MalformedMessage: Error {
    let problem: String
}

/// Reads the payload of one message, which another process has written and may have written wrongly.
///
/// Every length and count is compared with the bytes that are left before it is used. Texts and lists point into the
/// payload or belong to the ``WireArena``: both must outlive what was read.
struct WireReader {
    private let payload: UnsafeRawBufferPointer
    private var offset = 0
    let arena: WireArena

    /// - Parameter payload: in memory that the other process cannot change.
    init(_ payload: UnsafeRawBufferPointer, _ arena: WireArena) {
        self.payload = payload
        self.arena = arena
    }

    /// Bytes that were not read yet.
    var left: Int { payload.count - offset }

    mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(_: Value.Type = Value.self)
        throws(MalformedMessage) -> Value
    {
        let size = MemoryLayout<Value>.size
        guard left >= size else { throw MalformedMessage(problem: "the message ends inside a number") }
        defer { offset += size }
        return payload.loadUnaligned(fromByteOffset: offset, as: Value.self)
    }

    mutating func flag() throws(MalformedMessage) -> Bool {
        switch try integer(UInt8.self) {
        case 0: return false
        case 1: return true
        default: throw MalformedMessage(problem: "a flag is neither 0 nor 1")
        }
    }

    mutating func data() throws(MalformedMessage) -> UnsafeRawBufferPointer { try data(of: try integer(UInt32.self)) }

    private mutating func data(of count: UInt32) throws(MalformedMessage) -> UnsafeRawBufferPointer {
        guard left >= Int(count) else { throw MalformedMessage(problem: "the message ends inside a text") }
        defer { offset += Int(count) }
        return UnsafeRawBufferPointer(rebasing: payload[offset..<offset + Int(count)])
    }

    /// What ``WireWriter/text(_:)`` wrote.
    mutating func text() throws(MalformedMessage) -> jf_text {
        let count = try integer(UInt32.self)
        guard count != WireWriter.noPointer else { return jf_text(ptr: nil, len: try integer()) }
        return jf_text(try data(of: count))
    }

    mutating func octets() throws(MalformedMessage) -> jf_bytes {
        let count = try integer(UInt32.self)
        guard count != WireWriter.noPointer else { return jf_bytes(ptr: nil, len: try integer()) }
        return jf_bytes(try data(of: count))
    }

    /// A count of items of which each takes at least `size` bytes of the payload.
    mutating func count(ofItems size: Int) throws(MalformedMessage) -> Int {
        let count = Int(try integer(UInt32.self))
        guard count <= left / size else { throw MalformedMessage(problem: "a list is longer than the message") }
        return count
    }

    /// A list; NULL if it has no items.
    mutating func list<Item>(
        ofItems size: Int, _ read: (inout WireReader) throws(MalformedMessage) -> Item
    ) throws(MalformedMessage) -> (items: UnsafeMutablePointer<Item>?, count: UInt32) {
        let count = try count(ofItems: size)
        guard count > 0 else { return (nil, 0) }
        let items = arena.allocate(Item.self, count)
        for index in 0..<count { (items + index).initialize(to: try read(&self)) }
        return (items, UInt32(count))
    }

    mutating func texts() throws(MalformedMessage) -> (items: UnsafePointer<jf_text>?, count: UInt32) {
        let list = try list(ofItems: 4) { (reader) throws(MalformedMessage) in try reader.text() }
        return (UnsafePointer(list.items), list.count)
    }

    mutating func pairs() throws(MalformedMessage) -> (items: UnsafePointer<jf_pair>?, count: UInt32) {
        let list = try list(ofItems: 8) { (reader) throws(MalformedMessage) in
            jf_pair(name: try reader.text(), value: try reader.text())
        }
        return (UnsafePointer(list.items), list.count)
    }

    mutating func attachments() throws(MalformedMessage) -> (items: UnsafePointer<jf_bytes>?, count: UInt32) {
        let list = try list(ofItems: 4) { (reader) throws(MalformedMessage) in try reader.octets() }
        return (UnsafePointer(list.items), list.count)
    }

    /// Checks that nothing is left.
    func finish() throws(MalformedMessage) {
        guard left == 0 else { throw MalformedMessage(problem: "the message has \(left) bytes too many") }
    }
}

/// The memory of lists that were read from a message; freed with this object.
final class WireArena {
    private var blocks: [UnsafeMutableRawPointer] = []

    /// - Parameter Item: plain data, as everything in the header is.
    func allocate<Item>(_: Item.Type, _ count: Int) -> UnsafeMutablePointer<Item> {
        let block = UnsafeMutableRawPointer.allocate(
            byteCount: max(1, count * MemoryLayout<Item>.stride), alignment: max(8, MemoryLayout<Item>.alignment))
        blocks.append(block)
        return block.bindMemory(to: Item.self, capacity: count)
    }

    deinit {
        for block in blocks { block.deallocate() }
    }
}
