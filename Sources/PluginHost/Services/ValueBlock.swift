import CJackfield
import Glibc

/// Values copied into one block of memory, with everything that they point to. A zero byte stands behind each text, so
/// that C functions can read it as a terminated string.
///
/// `@unchecked Sendable`: the block is written by `init` and freed by `deinit` only.
final class ValueBlock: @unchecked Sendable {
    /// Most bytes of one block; the header promises this number.
    static let largest = 64 << 20

    private let base: UnsafeMutableRawPointer
    let count: Int
    /// Bytes of the whole block.
    let bytes: Int

    /// Copies `values`, which must have been checked against their types. Returns nil if they exceed ``largest``.
    init?(copying values: UnsafePointer<jf_value>?, count: Int) {
        var size = count * MemoryLayout<jf_value>.stride
        for index in 0..<count {
            guard let more = values.flatMap({ Self.size(of: $0[index]) }), size + more <= Self.largest else {
                return nil
            }
            size += more
        }
        self.count = count
        bytes = size
        base = .allocate(byteCount: max(size, 1), alignment: MemoryLayout<jf_value>.alignment)
        var next = base + count * MemoryLayout<jf_value>.stride
        let copies = base.bindMemory(to: jf_value.self, capacity: max(count, 1))
        guard let values else { return }
        for index in 0..<count { (copies + index).initialize(to: Self.copy(values[index], &next)) }
    }

    deinit {
        base.deallocate()
    }

    /// The copies; valid as long as this object.
    var values: UnsafePointer<jf_value> { UnsafePointer(base.assumingMemoryBound(to: jf_value.self)) }

    /// Bytes behind the value itself; nil if they exceed ``largest``.
    private static func size(of value: jf_value) -> Int? {
        switch value.kind {
        case JF_VALUE_STRING, JF_VALUE_JSON, JF_VALUE_BYTES:
            guard value.val.text.len < UInt64(largest) else { return nil }
            return aligned(Int(value.val.text.len) + 1)
        case JF_VALUE_ARRAY, JF_VALUE_RECORD:
            var size = Int(value.count) * MemoryLayout<jf_value>.stride
            guard size <= largest, let items = value.val.items else { return value.count == 0 ? 0 : nil }
            for index in 0..<Int(value.count) {
                guard let more = self.size(of: items[index]), size + more <= largest else { return nil }
                size += more
            }
            return size
        default: return 0
        }
    }

    private static func aligned(_ size: Int) -> Int { (size + 7) & ~7 }

    private static func copy(_ value: jf_value, _ next: inout UnsafeMutableRawPointer) -> jf_value {
        var copy = value
        switch value.kind {
        case JF_VALUE_STRING, JF_VALUE_JSON, JF_VALUE_BYTES:
            let bytes = value.val.text.bytes
            if let base = bytes.baseAddress { next.copyMemory(from: base, byteCount: bytes.count) }
            (next + bytes.count).storeBytes(of: 0, as: UInt8.self)
            copy.val.text = jf_text(UnsafeRawBufferPointer(start: next, count: bytes.count))
            next += aligned(bytes.count + 1)
        case JF_VALUE_ARRAY, JF_VALUE_RECORD:
            let count = Int(value.count)
            guard count > 0, let items = value.val.items else {
                copy.val.items = nil
                return copy
            }
            let copies = next.bindMemory(to: jf_value.self, capacity: count)
            next += count * MemoryLayout<jf_value>.stride
            for index in 0..<count { (copies + index).initialize(to: self.copy(items[index], &next)) }
            copy.val.items = UnsafePointer(copies)
        default: break
        }
        return copy
    }
}

/// The outcome of a service call: a code, and a value or a message.
///
/// `@unchecked Sendable`: immutable; `value` points into `block`, or holds no address.
struct CallOutcome: @unchecked Sendable {
    let code: Int32
    let value: jf_value
    let message: String
    private let block: ValueBlock?

    /// Bytes of memory that it holds.
    var bytes: Int { (block?.bytes ?? 0) + message.utf8.count }

    /// A failure.
    init(_ code: Int32, _ message: String = "") {
        self.code = code
        self.message = message
        value = jf_none()
        block = nil
    }

    /// A success, with a copy of a checked value.
    init(copying value: jf_value) {
        guard value.kind >= JF_VALUE_STRING else {
            // It holds no address.
            (code, message, self.value, block) = (JF_OK, "", value, nil)
            return
        }
        var value = value
        guard let block = ValueBlock(copying: &value, count: 1) else {
            self = CallOutcome(JF_E_LIMIT, "the result has more than \(ValueBlock.largest >> 20) MiB")
            return
        }
        code = JF_OK
        message = ""
        self.value = block.values[0]
        self.block = block
    }

    /// Stores the outcome in the caller's structure. `storage` then owns the memory, until ``release(_:)``.
    func store(in result: inout jf_result) {
        result.code = code
        result.value = value
        result.message = jf_text(ptr: nil, len: 0)
        guard block != nil || !message.isEmpty else {
            result.storage = nil
            return
        }
        let storage = Storage(block, message)
        if !message.isEmpty { result.message = jf_text(storage.message.bytes(0)) }
        result.storage = Unmanaged.passRetained(storage).toOpaque()
    }

    /// Frees the storage of a result.
    static func release(_ result: inout jf_result) {
        if let storage = result.storage { Unmanaged<Storage>.fromOpaque(storage).release() }
        result.storage = nil
        result.value = jf_none()
        result.message = jf_text(ptr: nil, len: 0)
    }

    /// The memory behind a `jf_result`.
    private final class Storage {
        let block: ValueBlock?
        let message: TextPack

        init(_ block: ValueBlock?, _ message: String) {
            self.block = block
            self.message = TextPack([.text(message)])
        }
    }
}
