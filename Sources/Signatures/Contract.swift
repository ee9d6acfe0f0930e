import RawJSON
import Support

/// How `bytes` stand in the JSON of a message.
public enum BinaryForm: Sendable, Hashable {
    /// Socket.IO: `{"_placeholder":true,"num":n}`, where `n` is the index of an attachment.
    case attachment
    /// HTTP: a string of base64.
    case base64
}

/// Checks JSON against a ``Signature``. Made once for each signature; a check is pure, so call it from any thread.
///
/// A check that succeeds allocates nothing and retains nothing. The time of every check is linear in the length of the
/// JSON, and does not depend on how deeply it is nested.
public final class Contract: Sendable {
    public let signature: Signature

    // `nonisolated(unsafe)` is safe for the five: the memory is written by `init` only, and freed by `deinit`.

    /// The parameters' types in order, then the result's, then the types within them.
    nonisolated(unsafe) package let nodes: UnsafePointer<ContractNode>

    /// The fields of all records; those of one record are neighbours.
    nonisolated(unsafe) package let fields: UnsafePointer<ContractField>

    /// For each record, a hash table of its fields' indices in the record; see ``ContractNode/tableBits``.
    nonisolated(unsafe) let tables: UnsafePointer<UInt8>

    /// The bytes of the fields' names.
    nonisolated(unsafe) package let nameBytes: UnsafeRawPointer

    /// The one allocation that the four pointers point into.
    nonisolated(unsafe) private let memory: UnsafeMutableRawPointer

    /// The type of each node, and the name of each field, for descriptions of violations.
    let types: [SignatureType]
    let names: [ByteString]

    /// The number of parameters.
    package let count: Int

    /// How many arguments are required: up to the last parameter that is not optional.
    package let required: Int

    public init(_ signature: Signature) {
        self.signature = signature
        let layout = ContractLayout(signature)
        types = layout.types
        names = layout.names
        count = signature.parameters.count
        required = (signature.parameters.lastIndex { !$0.type.isOptional } ?? -1) + 1
        let nodeSize = layout.nodes.count * MemoryLayout<ContractNode>.stride
        let fieldSize = layout.fields.count * MemoryLayout<ContractField>.stride
        memory = .allocate(
            byteCount: nodeSize + fieldSize + layout.tables.count + layout.nameBytes.count,
            alignment: max(MemoryLayout<ContractNode>.alignment, MemoryLayout<ContractField>.alignment))
        nodes = UnsafePointer(Self.copy(layout.nodes, to: memory))
        fields = UnsafePointer(Self.copy(layout.fields, to: memory + nodeSize))
        tables = UnsafePointer(Self.copy(layout.tables, to: memory + nodeSize + fieldSize))
        nameBytes = UnsafeRawPointer(
            Self.copy(layout.nameBytes, to: memory + nodeSize + fieldSize + layout.tables.count))
    }

    deinit {
        memory.deallocate()
    }

    private static func copy<Element: BitwiseCopyable>(_ elements: [Element], to target: UnsafeMutableRawPointer)
        -> UnsafeMutablePointer<Element>
    {
        let target = target.bindMemory(to: Element.self, capacity: elements.count)
        elements.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { target.initialize(from: start, count: source.count) }
        }
        return target
    }

    /// Checks the arguments of an event or a call.
    ///
    /// - Parameters:
    ///   - json: an array that has passed `JSONScanner`, with or without white space around it. Of other bytes, nothing
    ///     beyond their end is read, and the answer means nothing.
    ///   - attachments: the number of the message's attachments.
    /// - Returns: the first violation found, or `nil`.
    public func checkArguments(_ json: UnsafeRawBufferPointer, attachments: Int, binary: BinaryForm)
        -> ContractViolation?
    {
        withExtendedLifetime(self) {
            var check = ContractCheck(json, self, attachments: attachments, binary: binary)
            var index = 0
            var at = check.skipSpace(0)
            guard check.peek(at) == UInt8(ascii: "[") else {
                return ContractViolation("expected an array of arguments")
            }
            at = check.skipSpace(at + 1)
            if check.peek(at) != UInt8(ascii: "]") {
                while true {
                    guard index < count else { return tooMany(check, at) }
                    at = check.value(index, at)
                    if check.hasFailed { return violation(check, argument: index) }
                    index += 1
                    at = check.skipSpace(at)
                    guard check.peek(at) == UInt8(ascii: ",") else { break }
                    at = check.skipSpace(at + 1)
                }
            }
            return index < required ? missing(from: index) : nil
        }
    }

    /// Checks a result.
    ///
    /// - Parameters:
    ///   - json: a value that has passed `JSONScanner`. Empty means that there is none; a signature without a result
    ///     accepts that, and `null`.
    ///   - attachments: the number of the answer's attachments.
    /// - Returns: the first violation found, or `nil`.
    public func checkResult(
        _ json: UnsafeRawBufferPointer, attachments: Int = 0, binary: BinaryForm = .attachment
    ) -> ContractViolation? {
        withExtendedLifetime(self) {
            var check = ContractCheck(json, self, attachments: attachments, binary: binary)
            let start = check.skipSpace(0)
            guard let type = signature.result else {
                let isNothing = start == json.count || check.peek(start) == UInt8(ascii: "n")
                return isNothing ? nil : ContractViolation("result: expected none")
            }
            guard start < json.count else {
                return type.isOptional ? nil : ContractViolation("result is missing: expected \(type.shown)")
            }
            _ = check.value(count, start)
            return check.hasFailed ? violation(check, argument: nil) : nil
        }
    }

    // MARK: Words

    @inline(never)
    private func violation(_ check: ContractCheck, argument: Int?) -> ContractViolation? {
        guard let failure = check.failure else { return nil }
        return ContractViolation((argument.map(shown) ?? "result") + words(failure, check), argument: argument)
    }

    @inline(never)
    private func missing(from index: Int) -> ContractViolation? {
        let parameters = signature.parameters
        guard let first = parameters[index...].firstIndex(where: { !$0.type.isOptional }) else { return nil }
        return ContractViolation(
            "\(shown(argument: first)) is missing: expected \(parameters[first].type.shown)", argument: first)
    }

    /// - Parameter start: where the first argument without a parameter begins.
    @inline(never)
    private func tooMany(_ check: ContractCheck, _ start: Int) -> ContractViolation {
        let allowed = self.count
        var count = allowed
        var at = start
        while true {
            count += 1
            at = check.skipSpace(check.skipValue(at))
            guard check.peek(at) == UInt8(ascii: ",") else { break }
            at = check.skipSpace(at + 1)
        }
        let bound = allowed == 0 ? "no" : required < allowed ? "at most \(allowed)" : "\(allowed)"
        return ContractViolation("expected \(bound) argument\(allowed == 1 ? "" : "s"), got \(count)")
    }

    private func shown(argument index: Int) -> String {
        "argument \(index + 1)" + (signature.parameters[index].name.map { " '\($0)'" } ?? "")
    }
}
