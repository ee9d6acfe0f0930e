import Support

/// Reads a signature from untrusted bytes. Recursion happens at the `{` of a record only, and is limited by
/// ``Signature/maximumDepth``.
struct SignatureParser {
    private let text: UnsafeRawBufferPointer
    private var at = 0

    /// Types so far.
    private var nodes = 0

    init(_ text: UnsafeRawBufferPointer) {
        self.text = text
    }

    mutating func signature() throws(SignatureError) -> Signature {
        guard text.count <= Signature.maximumLength else {
            throw SignatureError(
                column: Signature.maximumLength + 1, expected: "at most \(Signature.maximumLength) bytes",
                found: "\(text.count)")
        }
        skipSpace()
        let name = word.isEmpty ? nil : try self.name()
        skipSpace()
        try match("(", or: name == nil ? "a name or '('" : "'('")
        let parameters = try self.parameters()
        skipSpace()
        let canFail = matchWord("throws")
        skipSpace()
        var result: SignatureType?
        if matchArrow() { result = try type(at: 0).type }
        skipSpace()
        guard at == text.count else {
            let allowed = result != nil ? "the end" : canFail ? "'->' or the end" : "'throws', '->' or the end"
            throw error(allowed, suggestion: canFail || result != nil ? nil : suggestion(among: ["throws"]))
        }
        return Signature(name: name, parameters: parameters, result: result, canFail: canFail)
    }

    // MARK: Lists

    /// Reads what follows the `(`, with the `)`.
    private mutating func parameters() throws(SignatureError) -> [Signature.Parameter] {
        var parameters: [Signature.Parameter] = []
        skipSpace()
        if matchByte(")") { return parameters }
        repeat {
            skipSpace()
            guard parameters.count < Signature.maximumParameters else {
                throw error("at most \(Signature.maximumParameters) parameters", found: "another")
            }
            guard !word.isEmpty || next == UInt8(ascii: "{") else {
                throw error(parameters.isEmpty ? "a parameter or ')'" : "a parameter")
            }
            let start = at
            let name = isNameWithColon ? try nameAndColon() : nil
            if let name, parameters.contains(where: { $0.name == name }) {
                throw error(at: start, "another name", found: "'\(name)' again")
            }
            parameters.append(Signature.Parameter(name: name, type: try type(at: 0).type))
            skipSpace()
        } while matchByte(",")
        try match(")", or: "',' or ')'")
        return parameters
    }

    /// Reads a record from its `{`.
    ///
    /// - Parameter depth: the number of records around it.
    private mutating func record(at depth: Int) throws(SignatureError) -> (type: SignatureType, height: Int) {
        try checkDepth(depth + 1)
        at += 1
        var fields: [SignatureType.Field] = []
        var isOpen = false
        var height = 0
        skipSpace()
        if matchByte("}") { return (.record(SignatureType.Record(fields: [])), 1) }
        repeat {
            skipSpace()
            if matchDots() {
                isOpen = true
                skipSpace()
                break
            }
            guard fields.count < Signature.maximumFields else {
                throw error("at most \(Signature.maximumFields) fields", found: "another")
            }
            guard !word.isEmpty else { throw error(fields.isEmpty ? "a field, '...' or '}'" : "a field or '...'") }
            let start = at
            let name = try nameAndColon()
            guard !fields.contains(where: { $0.name == name }) else {
                throw error(at: start, "another name", found: "'\(name)' again")
            }
            let field = try type(at: depth + 1)
            fields.append(SignatureType.Field(name: name, type: field.type))
            height = max(height, field.height)
            skipSpace()
        } while matchByte(",")
        try match("}", or: isOpen ? "'}' after '...'" : "',' or '}'")
        return (.record(SignatureType.Record(fields: fields, isOpen: isOpen)), height + 1)
    }

    // MARK: Types

    /// - Parameter depth: the number of records around it.
    /// - Returns: the type, and the number of arrays and records within one another in it.
    private mutating func type(at depth: Int) throws(SignatureError) -> (type: SignatureType, height: Int) {
        skipSpace()
        try countNode()
        var (type, height) = next == UInt8(ascii: "{") ? try record(at: depth) : (try namedType(), 0)
        while true {
            skipSpace()
            if next == UInt8(ascii: "?") {
                guard !type.isOptional else { throw error("at most one '?' for a type", found: "a second '?'") }
                try countNode()
                at += 1
                type = .optional(type)
            } else if next == UInt8(ascii: "[") {
                height += 1
                try checkDepth(depth + height)
                try countNode()
                at += 1
                skipSpace()
                try match("]", or: "']'")
                type = .array(type)
            } else {
                return (type, height)
            }
        }
    }

    private mutating func namedType() throws(SignatureError) -> SignatureType {
        let word = self.word
        guard !word.isEmpty else { throw error("a type") }
        guard word.count <= Signature.maximumNameLength, let type = SignatureType.named(ByteString(decoding: word))
        else {
            let likely = Self.otherNames.first { $0.name == ByteString(decoding: word.prefix(16)) }?.type
            throw error("a type", suggestion: likely ?? suggestion(among: SignatureType.byName.map(\.name.text)))
        }
        at += word.count
        return type
    }

    /// What other languages call the types.
    private static let otherNames: [(name: ByteString, type: String)] = [
        ("boolean", "bool"), ("Bool", "bool"), ("int", "i32"), ("int32", "i32"), ("int32_t", "i32"), ("Int32", "i32"),
        ("long", "i64"), ("int64", "i64"), ("int64_t", "i64"), ("Int64", "i64"), ("Int", "i64"), ("integer", "i64"),
        ("uint", "u32"), ("uint32", "u32"), ("uint32_t", "u32"), ("UInt32", "u32"), ("unsigned", "u32"),
        ("uint64", "u64"), ("uint64_t", "u64"), ("UInt64", "u64"), ("size_t", "u64"), ("usize", "u64"),
        ("float", "f32"), ("float32", "f32"), ("Float", "f32"), ("double", "f64"), ("float64", "f64"),
        ("Double", "f64"), ("number", "f64"), ("str", "string"), ("String", "string"), ("text", "string"),
        ("char", "cstring"), ("cstr", "cstring"), ("binary", "bytes"), ("blob", "bytes"), ("buffer", "bytes"),
        ("Data", "bytes"), ("any", "json"), ("unknown", "json"), ("object", "json"), ("JSON", "json"),
    ]

    private mutating func countNode() throws(SignatureError) {
        nodes += 1
        guard nodes <= Signature.maximumNodes else {
            throw error("at most \(Signature.maximumNodes) types, each '?' and '[]' included", found: "another")
        }
    }

    private func checkDepth(_ depth: Int) throws(SignatureError) {
        guard depth <= Signature.maximumDepth else {
            throw error("at most \(Signature.maximumDepth) arrays and records within one another", found: "another")
        }
    }

    // MARK: Names

    private mutating func name() throws(SignatureError) -> ByteString {
        let word = self.word
        guard let first = word.first, first &- 0x30 >= 10 else {
            throw error("a name that does not begin with a digit")
        }
        guard word.count <= Signature.maximumNameLength else {
            throw error("a name of at most \(Signature.maximumNameLength) bytes", found: "one of \(word.count)")
        }
        at += word.count
        return ByteString(decoding: word)
    }

    private mutating func nameAndColon() throws(SignatureError) -> ByteString {
        let name = try self.name()
        skipSpace()
        try match(":", or: "':'")
        return name
    }

    /// Whether a word and a colon follow.
    private var isNameWithColon: Bool {
        var ahead = self
        ahead.at += word.count
        ahead.skipSpace()
        return !word.isEmpty && ahead.next == UInt8(ascii: ":")
    }

    // MARK: Bytes

    private var next: UInt8? { at < text.count ? text[at] : nil }

    /// The letters, digits and underscores at the cursor.
    private var word: Slice<UnsafeRawBufferPointer> {
        text[at...].prefix { $0 | 0x20 &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == UInt8(ascii: "_") }
    }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { at += 1 }
    }

    private mutating func matchByte(_ byte: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: byte) else { return false }
        at += 1
        return true
    }

    private mutating func match(_ byte: Unicode.Scalar, or expected: String) throws(SignatureError) {
        if !matchByte(byte) { throw error(expected) }
    }

    private mutating func matchWord(_ expected: StaticString) -> Bool {
        let word = self.word
        let bytes = UnsafeBufferPointer(start: expected.utf8Start, count: expected.utf8CodeUnitCount)
        guard word.elementsEqual(bytes) else { return false }
        at += word.count
        return true
    }

    private mutating func matchArrow() -> Bool { matchAll("->") }

    private mutating func matchDots() -> Bool { matchAll("...") }

    private mutating func matchAll(_ bytes: StaticString) -> Bool {
        let bytes = UnsafeBufferPointer(start: bytes.utf8Start, count: bytes.utf8CodeUnitCount)
        guard text[at...].starts(with: bytes) else { return false }
        at += bytes.count
        return true
    }

    // MARK: Errors

    private func error(
        at offset: Int? = nil, _ expected: String, found: String? = nil, suggestion: String? = nil
    ) -> SignatureError {
        SignatureError(
            column: (offset ?? at) + 1, expected: expected, found: found ?? shown, suggestion: suggestion)
    }

    /// The word or byte at the cursor, as shown in an error.
    private var shown: String {
        guard let next else { return "the end" }
        guard word.isEmpty else {
            return "'" + String(cutting: UnsafeRawBufferPointer(rebasing: word), to: 64) + "'"
        }
        if 0x21..<0x7F ~= next { return "'\(Character(Unicode.Scalar(next)))'" }
        return "byte 0x" + (next < 0x10 ? "0" : "") + String(next, radix: 16, uppercase: true)
    }

    private func suggestion(among candidates: [String]) -> String? {
        guard word.count <= 16 else { return nil }
        return Spelling.nearest(to: String(decoding: word, as: UTF8.self), among: candidates)
    }
}
