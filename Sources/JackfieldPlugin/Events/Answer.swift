/// What a client answered to an event that was emitted with an ack.
public struct Answer: Sendable {
    /// Who answered.
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

    /// Reads an argument as a type of your own.
    public func decode<T: Decodable>(_ type: T.Type = T.self, at index: Int = 0) throws -> T {
        guard let slice = JSON.argument(index, of: arguments.bytes) else {
            throw Problem.invalid("the answer needs an argument at position \(index)")
        }
        return try slice.withUnsafeBytes {
            try JSON.decode(type, from: $0, named: "answer \(index)", attachments: attachments)
        }
    }
}

/// What the clients of a target answered.
public struct Answers: Sendable {
    /// How many were asked.
    public let expected: Int
    public let received: [Answer]

    /// False: the time ran out, and ``received`` are those that came.
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
