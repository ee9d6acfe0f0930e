import RawJSON
import Support

/// How a JSON value differs from its signature: `argument 1 'options', member 'limit': expected i64?, got string`.
public struct ContractViolation: Error, Sendable, Hashable, CustomStringConvertible {
    /// For the sender, and for logs. Valid UTF-8 that repeats at most 64 bytes of the JSON, with its escapes.
    public let description: String

    /// The index of the argument, from 0; `nil` for a result and for a wrong number of arguments.
    public let argument: Int?

    init(_ description: String, argument: Int? = nil) {
        self.description = description
        self.argument = argument
    }
}

/// What a ``ContractCheck`` found wrong: positions only. ``Contract`` writes the words.
struct ContractFailure {
    enum Problem {
        /// The value has another kind than the type, or is null.
        case kind
        /// The number has a fraction, and the type is an integer.
        case fraction
        /// The number does not fit the type.
        case range
        /// The string for a `cstring` contains U+0000.
        case terminator
        /// The string for `bytes` is not base64.
        case base64
        /// The object for `bytes` is not `{"_placeholder":true,"num":n}`.
        case placeholder
        /// The placeholder's number is not an index of an attachment.
        case attachment
        /// The member whose key is at the offset, of a record that is not open.
        case unknownMember
        /// The record at the offset has no such required field, given as an index into all fields.
        case missing(field: Int)
    }

    enum Step {
        case element(Int)
        /// An index into all fields.
        case member(field: Int)
    }

    let problem: Problem

    /// Where the value, or the key, begins in the JSON.
    let offset: Int

    /// The index of the value's node; of the record's for a member.
    let node: Int

    /// From the innermost value outwards.
    var path: [Step] = []
}

extension Contract {
    /// `: expected i64, got string`, with the path before it.
    func words(_ failure: ContractFailure, _ check: ContractCheck) -> String {
        var path = ""
        for step in failure.path.reversed() {
            switch step {
            case .element(let index): path += ", element \(index + 1)"
            case .member(let field): path += ", member '\(names[field])'"
            }
        }
        let type = types[failure.node]
        let offset = failure.offset
        switch failure.problem {
        case .kind: return "\(path): expected \(type.shown), got \(Self.kind(firstByte: check.peek(offset)))"
        case .fraction: return "\(path): \(check.number(offset)) is not a whole number: expected \(type.shown)"
        case .range:
            var name = type
            if case .optional(let wrapped) = type { name = wrapped }
            return "\(path): \(check.number(offset)) is outside \(name.shown)"
        case .terminator: return "\(path): the string contains U+0000: expected \(type.shown)"
        case .base64: return "\(path): the string is not base64: expected \(type.shown)"
        case .placeholder: return "\(path): the object is not an attachment's placeholder: expected \(type.shown)"
        case .attachment: return "\(path): the message has no such attachment: expected \(type.shown)"
        case .unknownMember:
            let key = check.bytes(from: offset, to: check.skipString(offset + 1))
            let content = UnsafeRawBufferPointer(rebasing: key.dropFirst().dropLast())
            return "\(path): unknown member '\(String(cutting: content, to: 64))'"
                + (suggestion(for: key, node: failure.node).map { "; did you mean '\($0)'?" } ?? "")
        case .missing(let field):
            return "\(path), member '\(names[field])' is missing: expected \(types[Int(fields[field].node)].shown)"
        }
    }

    private static func kind(firstByte: UInt8) -> String {
        switch JSONKind(firstByte: firstByte) {
        case .null: "null"
        case .bool: "boolean"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        case nil: "nothing"
        }
    }

    /// The field that was probably meant by the key of a client. `Spelling` costs too much for hostile keys, so it sees
    /// only short keys, and only fields that can be within two edits, or that continue the key or are continued by it.
    private func suggestion(for key: UnsafeRawBufferPointer, node: Int) -> String? {
        guard key.count <= 34, let word = JSONText.string(key) else { return nil }
        let letters = Self.letters(word)
        let record = nodes[node]
        let likely = names[Int(record.first)..<Int(record.first) + Int(record.count)].filter { name in
            // An edit changes at most two of the letters that occur.
            abs(name.count - word.utf8.count) <= 2
                && (letters ^ Self.letters(name.text)).nonzeroBitCount <= 4
                || name.utf8.starts(with: word.utf8) || word.utf8.starts(with: name.utf8)
        }
        return Spelling.nearest(to: word, among: likely.map(\.text))
    }

    /// One bit for each letter that occurs, without its case.
    private static func letters(_ word: String) -> UInt64 {
        word.utf8.reduce(0) { $0 | 1 << UInt64($1 & 0x1F) }
    }
}

extension ContractCheck {
    /// The number at `start`, or its beginning.
    fileprivate func number(_ start: Int) -> String {
        String(cutting: bytes(from: start, to: skipNumber(start)), to: 64)
    }
}
