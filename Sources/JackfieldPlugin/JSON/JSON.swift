import RawJSON
import Support

/// JSON as text, passed on as it is: what a client sent and nobody needs to read, or what was encoded once for many.
///
/// As a member of a `Decodable` type it takes the text of that member, byte for byte; when encoded it is
/// written out the same way.
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

extension JSON {
    /// An argument of an event; nil if there are fewer.
    static func argument(_ index: Int, of arguments: [UInt8]) -> ArraySlice<UInt8>? {
        guard let token = try? JSONPointer.find("/\(index)", in: arguments) else { return nil }
        return arguments[token.range]
    }
}

extension JSON {
    /// Decodes one value. What is wrong with it becomes a ``Problem`` that names the place.
    ///
    /// - Parameter keys: refuses keys that the type does not know; nil: they are passed over.
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
            // A key that is missing may be the one that is misspelt.
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

    /// A Swift type in the words of somebody who writes JSON.
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
        // JSONEncoding never comes here: it copies the text.
        throw EncodingError.invalidValue(
            self,
            .init(
                codingPath: encoder.codingPath, debugDescription: "raw JSON is written by Jackfield's own encoder only")
        )
    }
}

/// A binary argument: an `ArrayBuffer` or `Buffer` on the client's side. It may stand anywhere in the arguments of an
/// event or an ack; its octets travel beside the JSON, at most 10 of them per message.
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
        // JSONEncoding never comes here: it puts the octets aside and the placeholder in.
        throw EncodingError.invalidValue(
            self,
            .init(
                codingPath: encoder.codingPath,
                debugDescription: "binary data is written by Jackfield's own encoder only"))
    }
}
