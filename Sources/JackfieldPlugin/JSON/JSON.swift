import RawJSON
import Support

/// JSON as text, passed on as it is: what a client sent and nobody needs to read, or what was encoded once for many.
///
/// As a member of a `Decodable` type it takes the text of that member, byte for byte; when encoded it is written out the same way.
public struct JSON: Sendable, Hashable, CustomStringConvertible {
    /// UTF-8, one JSON value.
    public let bytes: [UInt8]

    /// The caller knows that it is JSON.
    init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// Checks that the text is one JSON value.
    public init(parsing text: String) throws(Problem) {
        let bytes = Array(text.utf8)
        guard JSONScanner.isValid(bytes) else { throw Problem.invalid("not JSON: \(text.cut(to: 80))") }
        self.bytes = bytes
    }

    /// Members keep the order in which they are encoded.
    public init(encoding value: any Encodable) throws {
        bytes = try JSONEncoding.write(value).bytes
    }

    public init(_ number: Int) { bytes = Array(String(number).utf8) }

    public static let null = JSON(unchecked: Array("null".utf8))

    public var description: String { String(decoding: bytes, as: UTF8.self) }

    /// Reads it as a type of your own. `named` is how errors call it: `body.title is missing`.
    public func decode<T: Decodable>(_ type: T.Type = T.self, named name: String = "the value") throws -> T {
        try bytes.withUnsafeBytes { try JSON.decode(type, from: $0, named: name, attachments: []) }
    }
}
