import Support

/// The parameters and the result of an event, a method or a C function: `add(a: f64, b: f64) -> f64`.
///
/// docs/signatures.md has the grammar. A signature is always parsed, so that every value is within the limits below.
public struct Signature: Sendable, Hashable {
    public struct Parameter: Sendable, Hashable {
        /// `nil` if the text gives only a type. Does not change what is accepted; shown in errors and client types.
        public let name: ByteString?
        public let type: SignatureType
    }

    public let name: ByteString?
    public let parameters: [Parameter]

    /// `nil` if there is no result.
    public let result: SignatureType?

    /// Whether an error may be answered instead of the result: the text contains `throws`.
    public let canFail: Bool

    init(name: ByteString?, parameters: [Parameter], result: SignatureType?, canFail: Bool) {
        self.name = name
        self.parameters = parameters
        self.result = result
        self.canFail = canFail
    }

    /// Parses `text`, which is untrusted.
    ///
    /// - Throws: ``SignatureError`` for the first error, with its column.
    public init(_ text: UnsafeRawBufferPointer) throws(SignatureError) {
        var parser = SignatureParser(text)
        self = try parser.signature()
        // The text may be shorter than its canonical form, which must be a valid signature, too.
        let length = description.utf8.count
        guard length <= Self.maximumLength else {
            throw SignatureError(
                column: 1, expected: "at most \(Self.maximumLength) bytes with a space after each comma and colon",
                found: "\(length)")
        }
    }

    /// Parses `text`, which is untrusted.
    ///
    /// - Throws: ``SignatureError`` for the first error, with its column.
    public init(_ text: ByteString) throws(SignatureError) {
        self = try text.withBytes { bytes throws(SignatureError) in try Signature(bytes) }
    }
}

extension Signature {
    /// Bytes of the text, as it is written and in its canonical form.
    public static let maximumLength = 4096
    /// Arrays and records within one another.
    public static let maximumDepth = 16
    public static let maximumParameters = 32
    /// Fields of one record. A check keeps one bit for each field in a `UInt64`.
    public static let maximumFields = 64
    /// Types in the whole signature, each `?` and `[]` included.
    public static let maximumNodes = 512
    /// Bytes of a name.
    public static let maximumNameLength = 64
}

extension Signature: CustomStringConvertible {
    /// The canonical text, which parses to an equal value.
    public var description: String {
        var text = (name?.text ?? "") + "("
        for (index, parameter) in parameters.enumerated() {
            text += index == 0 ? "" : ", "
            if let name = parameter.name { text += name.text + ": " }
            parameter.type.write(to: &text)
        }
        text += canFail ? ") throws" : ")"
        if let result {
            text += " -> "
            result.write(to: &text)
        }
        return text
    }
}
