import Signatures
import Support

/// A type of a signature, as ``ValueReader`` reads it.
struct ValueNode: BitwiseCopyable {
    enum Form: UInt8, BitwiseCopyable {
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

    var form: Form
    var isOptional: Bool
    /// Of a record: whether other members are allowed.
    var isOpen = false
    /// Of an array, the node of its elements; of a record, the index of its first field.
    var first: UInt16 = 0
    /// Of a record: the number of fields.
    var count: UInt16 = 0
}

/// A field of a record.
struct ValueField: BitwiseCopyable {
    let node: UInt16
    /// Where the name begins in ``ValueLayout/names``.
    let name: UInt16
    let nameCount: UInt16
}

/// The parameters of a signature in the form that ``ValueReader`` needs: no reference is counted while it reads.
///
/// `@unchecked Sendable`: immutable; the memory is written by `init` and freed by `deinit` only.
final class ValueLayout: @unchecked Sendable {
    /// The nodes of the parameters in order, then those of the types within them.
    let nodes: UnsafePointer<ValueNode>
    /// The fields of all records; those of one record are neighbours.
    let fields: UnsafePointer<ValueField>
    /// The bytes of the fields' names.
    let names: UnsafePointer<UInt8>
    /// The number of parameters.
    let count: Int
    /// How many arguments are required: up to the last parameter that is not optional.
    let required: Int

    init(_ signature: Signature) {
        var builder = Builder()
        for parameter in signature.parameters { builder.reserve(parameter.type) }
        builder.fill()
        count = signature.parameters.count
        required = (signature.parameters.lastIndex { !$0.type.isOptional } ?? -1) + 1
        nodes = Self.copy(builder.nodes)
        fields = Self.copy(builder.fields)
        names = Self.copy(builder.names)
    }

    deinit {
        nodes.deallocate()
        fields.deallocate()
        names.deallocate()
    }

    private static func copy<Element: BitwiseCopyable>(_ elements: [Element]) -> UnsafePointer<Element> {
        let target = UnsafeMutablePointer<Element>.allocate(capacity: max(1, elements.count))
        elements.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { target.initialize(from: start, count: source.count) }
        }
        return UnsafePointer(target)
    }

    private struct Builder {
        var nodes: [ValueNode] = []
        var types: [SignatureType] = []
        var fields: [ValueField] = []
        var names: [UInt8] = []

        /// Appends a node without its parts, and returns its index.
        @discardableResult
        mutating func reserve(_ type: SignatureType) -> UInt16 {
            types.append(type)
            nodes.append(ValueNode(form: Self.form(of: type), isOptional: type.isOptional))
            return UInt16(nodes.count - 1)
        }

        /// Fills the parts of all nodes. Every type that a node contains is appended, so the loop ends after the
        /// innermost ones.
        mutating func fill() {
            var index = 0
            while index < types.count {
                var type = types[index]
                if case .optional(let wrapped) = type { type = wrapped }
                switch type {
                case .array(let element): nodes[index].first = reserve(element)
                case .record(let record):
                    nodes[index].isOpen = record.isOpen
                    nodes[index].first = UInt16(fields.count)
                    nodes[index].count = UInt16(record.fields.count)
                    for field in record.fields {
                        let name = Array(field.name.utf8)
                        fields.append(
                            ValueField(
                                node: reserve(field.type), name: UInt16(names.count), nameCount: UInt16(name.count)))
                        names += name
                    }
                default: break
                }
                index += 1
            }
        }

        private static func form(of type: SignatureType) -> ValueNode.Form {
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
            case .optional(let wrapped): form(of: wrapped)
            }
        }
    }
}
