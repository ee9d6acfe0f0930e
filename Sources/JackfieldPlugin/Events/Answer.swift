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
        return try slice.withUnsafeBytes { try JSON.decode(type, from: $0, named: "answer \(index)", attachments: attachments) }
    }
}
