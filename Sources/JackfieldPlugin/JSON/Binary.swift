/// A binary argument: an `ArrayBuffer` or `Buffer` on the client's side. It may stand anywhere in the arguments of an event or
/// an ack; its octets travel beside the JSON, at most 10 of them per message.
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
        guard let attachments = (decoder as? JSONReader)?.document.attachments, attachments.indices.contains(number) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no such attachment"))
        }
        bytes = attachments[number]
    }

    public func encode(to encoder: any Encoder) throws {
        // JSONEncoding never comes here: it puts the octets aside and the placeholder in.
        throw EncodingError.invalidValue(
            self, .init(codingPath: encoder.codingPath, debugDescription: "binary data is written by Jackfield's own encoder only"))
    }
}
