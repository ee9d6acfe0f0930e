import Support

extension JSON {
    /// Decodes one value. What is wrong with it becomes a ``Problem`` that names the place.
    ///
    /// - Parameter keys: refuses keys that the type does not know; nil: they are passed over.
    static func decode<T: Decodable>(
        _ type: T.Type, from buffer: UnsafeRawBufferPointer, named name: String, attachments: [[UInt8]], refusing keys: UnknownKeys? = nil
    ) throws -> T {
        guard let reader = JSONReader(JSONReader.Document(text: Array(buffer), attachments: attachments, keys: keys)) else {
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
                .init(codingPath: decoder.codingPath, debugDescription: "raw JSON is read with JSON.decode, not with another decoder"))
        }
        self.init(reading: reader)
    }

    public func encode(to encoder: any Encoder) throws {
        // JSONEncoding never comes here: it copies the text.
        throw EncodingError.invalidValue(
            self, .init(codingPath: encoder.codingPath, debugDescription: "raw JSON is written by Jackfield's own encoder only"))
    }
}
