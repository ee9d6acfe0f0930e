import RawJSON

/// The `Decoder` of the SDK, counterpart of ``JSONEncoding``: reads straight from the text, which is never parsed into a tree, so that
/// ``JSON`` and ``Binary`` members cost a copy of their bytes. Dates are RFC 3339, `Data` base64, `URL` text.
///
/// The text must have passed `JSONScanner`.
struct JSONReader: Decoder {
    /// A document, and the octets beside it.
    final class Document {
        let text: [UInt8]
        let attachments: [[UInt8]]
        /// nil: keys that the type does not know are passed over.
        let keys: UnknownKeys?

        init(text: [UInt8], attachments: [[UInt8]], keys: UnknownKeys? = nil) {
            self.text = text
            self.attachments = attachments
            self.keys = keys
        }
    }

    let document: Document

    /// Of the value, without white space around it.
    let range: Range<Int>

    /// Kept in two parts, since only an error asks for the whole.
    private let path: (parents: [any CodingKey], key: (any CodingKey)?)
    var codingPath: [any CodingKey] { path.key.map { path.parents + [$0] } ?? path.parents }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(_ document: Document, _ range: Range<Int>, in parents: [any CodingKey] = [], at key: (any CodingKey)? = nil) {
        self.document = document
        self.range = range
        path = (parents, key)
    }

    /// The whole document; nil if it is not JSON.
    init?(_ document: Document) {
        guard let whole = document.text.withUnsafeBytes({ try? JSONScanner.document($0) }) else { return nil }
        self.init(document, whole.range)
    }

    var kind: JSONKind? { JSONKind(firstByte: document.text[range.lowerBound]) }
    var isNull: Bool { kind == .null }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try document.text.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    func read<T: Decodable>(_ type: T.Type) throws -> T {
        if type == JSON.self, let raw = JSON(reading: self) as? T { return raw }
        if let readable = type as? any JSONReadable.Type, let value = try readable.init(reading: self) as? T { return value }
        return try type.init(from: self)
    }

    func mismatch(_ type: any Any.Type) -> DecodingError {
        .typeMismatch(type, .init(codingPath: codingPath, debugDescription: "found \(kind.map { "\($0)" } ?? "nothing")"))
    }

    /// Null where there has to be a value.
    func foundNull(_ type: any Any.Type) -> DecodingError {
        .valueNotFound(type, .init(codingPath: codingPath, debugDescription: "found null"))
    }

    func corrupted(_ words: String) -> DecodingError { .dataCorrupted(.init(codingPath: codingPath, debugDescription: words)) }

    // MARK: Decoder

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(try JSONMemberReader<Key>(self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { try JSONElementReader(self) }

    func singleValueContainer() -> any SingleValueDecodingContainer { JSONValueReader(reader: self) }
}
