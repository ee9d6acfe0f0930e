/// The arguments of an event or an ack, encoded: a JSON array, and the octets beside it.
public struct EventArguments: Sendable {
    let json: [UInt8]
    let attachments: [[UInt8]]

    /// Encode once, emit often. Top-level or nested ``Binary`` values travel as attachments; ``JSON`` is copied as it is.
    public init(_ arguments: [any Encodable]) throws {
        (json, attachments) = try JSONWriter.write(array: arguments)
    }

    /// One argument that is JSON already.
    init(_ argument: JSON) {
        json = [UInt8](unsafeUninitializedCapacity: argument.bytes.count + 2) { out, count in
            out.initializeElement(at: 0, to: UInt8(ascii: "["))
            _ = out[1...].initialize(fromContentsOf: argument.bytes)
            count = argument.bytes.count + 2
            out.initializeElement(at: count - 1, to: UInt8(ascii: "]"))
        }
        attachments = []
    }

    /// A finished JSON array.
    init(array json: [UInt8], attachments: [[UInt8]] = []) {
        self.json = json
        self.attachments = attachments
    }
}
