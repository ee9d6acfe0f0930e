import Support

/// A type of a signature, as ``ContractCheck`` and the host's `ValueReader` read it.
package struct ContractNode: BitwiseCopyable {
    package enum Kind: UInt8, BitwiseCopyable {
        case bool
        case i32
        case i64
        case u32
        case u64
        case f32
        case f64
        case string
        case cstring
        case bytes
        case json
        case array
        case record
    }

    package var kind: Kind
    package var isOptional: Bool

    /// Of a record: whether other members are allowed.
    package var isOpen = false

    /// Of a record: its hash table has 2^tableBits entries, at least one more than it has fields.
    var tableBits: UInt8 = 0

    /// Of an array, the node of its elements; of a record, the index of its first field.
    package var first: UInt16 = 0

    /// Of a record: the number of fields.
    package var count: UInt16 = 0

    /// Of a record: the offset of its hash table.
    var table: UInt16 = 0

    /// Of a record: one bit for each field that is not optional, the first one lowest.
    var required: UInt64 = 0
}

/// A field of a record.
package struct ContractField: BitwiseCopyable {
    let key: ContractKey

    /// The length of the name in bytes.
    package var nameCount: Int { Int(key.count) }

    /// Where the name begins in ``Contract/nameBytes``.
    package let name: UInt16

    /// The node of the type.
    package var node: UInt16
}

/// The length of a key, and its first and last eight bytes. Up to 16 bytes, this is the whole key.
struct ContractKey: BitwiseCopyable {
    /// The first eight bytes, the first one lowest; zeros follow a shorter key.
    let prefix: UInt64

    /// The last eight bytes; 0 for a key of at most eight bytes.
    let suffix: UInt64

    let count: Int32

    /// Where to begin in a table of 2^bits entries.
    @inline(__always)
    func slot(bits: UInt8) -> Int {
        let mixed = (prefix ^ (suffix &<< 23 | suffix &>> 41) ^ UInt64(UInt32(bitPattern: count)))
        return Int(truncatingIfNeeded: (mixed &* 0x9E37_79B9_7F4A_7C15) &>> (64 &- UInt64(bits)))
    }

    @inline(__always)
    func isLike(_ other: ContractKey) -> Bool {
        prefix == other.prefix && suffix == other.suffix && count == other.count
    }
}

/// Flattens a signature into the arrays that ``Contract`` copies into its memory.
struct ContractLayout {
    private(set) var nodes: [ContractNode] = []
    private(set) var types: [SignatureType] = []
    private(set) var fields: [ContractField] = []
    private(set) var names: [ByteString] = []
    private(set) var nameBytes: [UInt8] = []
    private(set) var tables: [UInt8] = []

    /// An entry of a table without a field.
    static let empty: UInt8 = 0xFF

    init(_ signature: Signature) {
        for parameter in signature.parameters { reserve(parameter.type) }
        if let result = signature.result { reserve(result) }
        // Every type that a node contains is appended, so the loop ends after the innermost ones.
        var index = 0
        while index < types.count {
            fill(index)
            index += 1
        }
    }

    /// Appends a node without its parts, and returns its index.
    @discardableResult
    private mutating func reserve(_ type: SignatureType) -> UInt16 {
        types.append(type)
        nodes.append(ContractNode(kind: Self.kind(of: type), isOptional: type.isOptional))
        return UInt16(nodes.count - 1)
    }

    private mutating func fill(_ index: Int) {
        var type = types[index]
        if case .optional(let wrapped) = type { type = wrapped }
        switch type {
        case .array(let element): nodes[index].first = reserve(element)
        case .record(let record): fill(index, record)
        default: break
        }
    }

    private mutating func fill(_ index: Int, _ record: SignatureType.Record) {
        let first = fields.count
        nodes[index].isOpen = record.isOpen
        nodes[index].first = UInt16(first)
        nodes[index].count = UInt16(record.fields.count)
        for (position, field) in record.fields.enumerated() {
            if !field.type.isOptional { nodes[index].required |= 1 << UInt64(position) }
            let bytes = Array(field.name.utf8)
            fields.append(
                ContractField(key: Self.key(bytes), name: UInt16(nameBytes.count), node: reserve(field.type)))
            names.append(field.name)
            nameBytes += bytes
        }
        // At most half full, so that a key that is not there is refused after few steps.
        var bits: UInt8 = 1
        while 1 << Int(bits) < 2 * record.fields.count { bits += 1 }
        nodes[index].tableBits = bits
        nodes[index].table = UInt16(tables.count)
        var table = [UInt8](repeating: Self.empty, count: 1 << Int(bits))
        for position in record.fields.indices {
            var slot = fields[first + position].key.slot(bits: bits)
            while table[slot] != Self.empty { slot = (slot + 1) % table.count }
            table[slot] = UInt8(position)
        }
        tables += table
    }

    private static func key(_ bytes: [UInt8]) -> ContractKey {
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 {
            bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        return ContractKey(
            prefix: word(bytes.prefix(8)), suffix: bytes.count > 8 ? word(bytes.suffix(8)) : 0,
            count: Int32(bytes.count))
    }

    private static func kind(of type: SignatureType) -> ContractNode.Kind {
        switch type {
        case .bool: .bool
        case .i32: .i32
        case .i64: .i64
        case .u32: .u32
        case .u64: .u64
        case .f32: .f32
        case .f64: .f64
        case .string: .string
        case .cstring: .cstring
        case .bytes: .bytes
        case .json: .json
        case .array: .array
        case .record: .record
        case .optional(let wrapped): kind(of: wrapped)
        }
    }
}
