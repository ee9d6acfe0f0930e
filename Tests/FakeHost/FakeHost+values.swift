import CJackfield

extension FakeHost {
    /// A copy of a `jf_value`.
    public enum Value: Equatable, Sendable {
        case none
        case bool(Bool)
        case i32(Int32)
        case i64(Int64)
        case u32(UInt32)
        case u64(UInt64)
        case f32(Float)
        case f64(Double)
        case string(String)
        case bytes([UInt8])
        case json(String)
        case array([Value])
        case record([Value])
        /// A kind that the header does not have.
        case unknown(UInt32)

        init(_ value: jf_value) {
            var items: [Value] {
                UnsafeBufferPointer(start: value.val.items, count: Int(value.count)).map { Value($0) }
            }
            self =
                switch value.kind {
                case JF_VALUE_NONE: .none
                case JF_VALUE_BOOL: .bool(value.val.i32 == 1)
                case JF_VALUE_I32: .i32(value.val.i32)
                case JF_VALUE_I64: .i64(value.val.i64)
                case JF_VALUE_U32: .u32(value.val.u32)
                case JF_VALUE_U64: .u64(value.val.u64)
                case JF_VALUE_F32: .f32(value.val.f32)
                case JF_VALUE_F64: .f64(value.val.f64)
                case JF_VALUE_STRING: .string(FakeHost.string(value.val.text))
                case JF_VALUE_BYTES:
                    .bytes(Array(UnsafeBufferPointer(start: value.val.bytes.ptr, count: Int(value.val.bytes.len))))
                case JF_VALUE_JSON: .json(FakeHost.string(value.val.text))
                case JF_VALUE_ARRAY: .array(items)
                case JF_VALUE_RECORD: .record(items)
                default: .unknown(value.kind)
                }
        }
    }
}

/// The memory behind values that the host passes to a plugin.
final class FakeValueMemory {
    private var blocks: [UnsafeMutableRawPointer] = []

    deinit {
        for block in blocks { block.deallocate() }
    }

    func value(_ value: FakeHost.Value) -> jf_value {
        switch value {
        case .none: jf_none()
        case .bool(let x): jf_bool(x ? 1 : 0)
        case .i32(let x): jf_i32(x)
        case .i64(let x): jf_i64(x)
        case .u32(let x): jf_u32(x)
        case .u64(let x): jf_u64(x)
        case .f32(let x): jf_f32(x)
        case .f64(let x): jf_f64(x)
        case .string(let x): jf_string(text(x))
        case .bytes(let x):
            jf_octets(jf_bytes(ptr: UnsafePointer(copy(x)), len: UInt64(x.count)))
        case .json(let x): jf_json_text(text(x))
        case .array(let items): jf_array(list(items), UInt32(items.count))
        case .record(let items): jf_record(list(items), UInt32(items.count))
        case .unknown(let kind): jf_value(kind: kind, count: 0, val: .init())
        }
    }

    func text(_ text: String) -> jf_text {
        let utf8 = text.utf8.map { CChar(bitPattern: $0) }
        return jf_text(ptr: UnsafePointer(copy(utf8)), len: UInt64(utf8.count))
    }

    func list(_ values: [FakeHost.Value]) -> UnsafePointer<jf_value>? { UnsafePointer(copy(values.map { value($0) })) }

    private func copy<T>(_ items: [T]) -> UnsafeMutablePointer<T>? {
        guard !items.isEmpty else { return nil }
        let block = UnsafeMutablePointer<T>.allocate(capacity: items.count)
        block.initialize(from: items, count: items.count)
        blocks.append(UnsafeMutableRawPointer(block))
        return block
    }
}
