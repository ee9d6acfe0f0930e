/// The answer of one client to an event that was emitted with an ack.
public struct Answer: Sendable {
    /// The handle of the socket that answered.
    public let socket: jf_socket

    /// All arguments as one JSON array.
    public let arguments: JSON
    let attachments: [[UInt8]]

    init(_ raw: jf_answer) {
        socket = raw.socket
        arguments = JSON(unchecked: Array(UnsafeRawBufferPointer(raw.args)))
        attachments = UnsafeBufferPointer(start: raw.attachments, count: Int(raw.attachment_count)).map {
            Array(UnsafeRawBufferPointer($0))
        }
    }

    /// Decodes an argument as a type of your own. Throws ``Problem`` 400 `invalid_arguments`.
    public func decode<T: Decodable>(_ type: T.Type = T.self, at index: Int = 0) throws -> T {
        guard let slice = JSON.argument(index, of: arguments.bytes) else {
            throw Problem.invalid("the answer needs an argument at position \(index)")
        }
        return try slice.withUnsafeBytes {
            try JSON.decode(type, from: $0, named: "answer \(index)", attachments: attachments)
        }
    }
}

/// The answers of the clients of a target.
public struct Answers: Sendable {
    /// The number of clients that were asked.
    public let expected: Int
    public let received: [Answer]

    /// Whether all clients answered. If not, ``received`` has the answers that came in time.
    public let isComplete: Bool

    init(_ raw: jf_answers) {
        expected = Int(raw.expected)
        received = (0..<Int(raw.items == nil ? 0 : raw.count)).map { index in
            Answer(
                UnsafeRawPointer(raw.items).advanced(by: index * Int(raw.stride)).assumingMemoryBound(
                    to: jf_answer.self
                ).pointee)
        }
        isComplete = raw.status == JF_OK
    }
}
