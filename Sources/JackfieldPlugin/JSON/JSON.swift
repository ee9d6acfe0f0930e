import RawJSON
import Support

/// A JSON value as text, for values that are passed on without reading them, or encoded once for many clients.
///
/// As a member of a `Decodable` type it gets the bytes of that member unchanged; encoding writes them unchanged.
public struct JSON: Sendable, Hashable, CustomStringConvertible {
    /// UTF-8, one JSON value.
    public let bytes: [UInt8]

    /// The caller guarantees that it is one JSON value.
    init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// Throws ``Problem`` 400 if the text is not one JSON value.
    public init(parsing text: String) throws(Problem) {
        let bytes = Array(text.utf8)
        guard JSONScanner.isValid(bytes) else { throw Problem.invalid("not JSON: \(text.cut(to: 80))") }
        self.bytes = bytes
    }

    /// Encodes a value. Members keep the order in which they are encoded.
    public init(encoding value: any Encodable) throws {
        bytes = try JSONEncoding.write(value).bytes
    }

    public init(_ number: Int) { bytes = Array(String(number).utf8) }

    public static let null = JSON(unchecked: Array("null".utf8))

    public var description: String { String(decoding: bytes, as: UTF8.self) }

    /// Decodes it as a type of your own. Throws ``Problem`` 400 `invalid_arguments`; `name` is the name of the value in
    /// its message: `body.title is missing`.
    public func decode<T: Decodable>(_ type: T.Type = T.self, named name: String = "the value") throws -> T {
        try bytes.withUnsafeBytes { try JSON.decode(type, from: $0, named: name, attachments: []) }
    }
}

extension JSON {
    /// The argument at an index of an argument array; nil if there are fewer.
    static func argument(_ index: Int, of arguments: [UInt8]) -> ArraySlice<UInt8>? {
        guard let token = try? JSONPointer.find("/\(index)", in: arguments) else { return nil }
        return arguments[token.range]
    }
}

extension JSON {
    /// Decodes one value. A `DecodingError` becomes a ``Problem`` that names the place.
    ///
    /// - Parameter keys: refuses keys that the type does not know; nil: they are ignored.
    static func decode<T: Decodable>(
        _ type: T.Type, from buffer: UnsafeRawBufferPointer, named name: String, attachments: [[UInt8]],
        refusing keys: UnknownKeys? = nil
    ) throws -> T {
        guard let reader = JSONReader(JSONReader.Document(text: Array(buffer), attachments: attachments, keys: keys))
        else {
            throw Problem.invalid("\(name) is not JSON")
        }
        do {
            let value = try reader.read(type)
            if let problem = keys?.problem(named: name, isComplete: true) { throw Problem.invalid(problem) }
            return value
        } catch let error as DecodingError {
            // A missing key may be misspelt: then the unknown key is the better message.
            throw Problem.invalid(keys?.problem(named: name, isComplete: false) ?? words(for: error, named: name))
        }
    }

    /// `body.items[2].title`.
    static func place(_ path: [any CodingKey], in name: String) -> String {
        path.reduce(into: name) { place, key in
            place += key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue.cut(to: 64))"
        }
    }

    /// `body.items[2].title must be text`.
    static func words(for error: DecodingError, named name: String) -> String {
        func place(_ path: [any CodingKey]) -> String { Self.place(path, in: name) }
        switch error {
        case .keyNotFound(let key, let context):
            return "\(place(context.codingPath + [key])) is missing"
        case .valueNotFound(let type, let context):
            return "\(place(context.codingPath)) is null; it must be \(kind(of: type))"
        case .typeMismatch(let type, let context):
            return "\(place(context.codingPath)) must be \(kind(of: type))"
        case .dataCorrupted(let context):
            return "\(place(context.codingPath)) is wrong: \(context.debugDescription)"
        @unknown default:
            return "\(name) cannot be read"
        }
    }

    /// The name of a Swift type for a reader who knows JSON but not Swift.
    private static func kind(of type: any Any.Type) -> String {
        switch type {
        case is String.Type: "text"
        case is Bool.Type: "true or false"
        case is any BinaryInteger.Type: "a whole number"
        case is any BinaryFloatingPoint.Type: "a number"
        case is any Collection.Type where !(type is any ExpressibleByDictionaryLiteral.Type): "a list"
        default: "an object"
        }
    }
}

extension JSON: Codable {
    public init(from decoder: any Decoder) throws {
        guard let reader = decoder as? JSONReader else {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: decoder.codingPath,
                    debugDescription: "raw JSON is read with JSON.decode, not with another decoder"))
        }
        self.init(reading: reader)
    }

    public func encode(to encoder: any Encoder) throws {
        // JSONEncoding does not call this: it copies the text.
        throw EncodingError.invalidValue(
            self,
            .init(
                codingPath: encoder.codingPath, debugDescription: "raw JSON is written by Jackfield's own encoder only")
        )
    }
}

/// A binary argument: an `ArrayBuffer` or `Buffer` in a JavaScript client. It may be at any depth in the arguments of
/// an event or an ack. Its bytes are sent as an attachment; a message has at most 10.
public struct Binary: Sendable, Hashable {
    public let bytes: [UInt8]

    public init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
}

extension Binary: Codable {
    private enum CodingKeys: String, CodingKey {
        case placeholder = "_placeholder"
        case number = "num"
    }

    public init(from decoder: any Decoder) throws {
        let number = try decoder.container(keyedBy: CodingKeys.self).decode(Int.self, forKey: .number)
        guard let attachments = (decoder as? JSONReader)?.document.attachments, attachments.indices.contains(number)
        else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "no such attachment"))
        }
        bytes = attachments[number]
    }

    public func encode(to encoder: any Encoder) throws {
        // JSONEncoding does not call this: it makes an attachment of the bytes.
        throw EncodingError.invalidValue(
            self,
            .init(
                codingPath: encoder.codingPath,
                debugDescription: "binary data is written by Jackfield's own encoder only"))
    }
}
