import RawJSON

/// The arguments of an event or an ack, encoded: a JSON array, and the octets beside it.
public struct EventArguments: Sendable {
    let json: [UInt8]
    let attachments: [[UInt8]]

    /// Encode once, emit often. Top-level or nested ``Binary`` values travel as attachments;
    /// ``JSON`` is copied as it is.
    public init(_ arguments: [any Encodable]) throws {
        (json, attachments) = try JSONEncoding.write(array: arguments)
    }

    /// One argument that is JSON already.
    init(_ argument: JSON) {
        var array = JSONWriter(reserving: argument.bytes.count + 2)
        array.beginArray()
        array.raw(argument.bytes)
        array.endArray()
        json = array.bytes
        attachments = []
    }

    /// A finished JSON array.
    init(array json: [UInt8], attachments: [[UInt8]] = []) {
        self.json = json
        self.attachments = attachments
    }
}

extension JackfieldHost {
    /// Lends an event to C for the time of `body`.
    func withMessage<Result>(
        _ name: String, _ arguments: EventArguments, flags: UInt32,
        _ body: (UnsafePointer<jf_message>) throws(HostError) -> Result
    ) throws(HostError) -> Result {
        try withText(name) { (name) throws(HostError) in
            try withText(arguments.json) { (json) throws(HostError) in
                try withByteStrings(arguments.attachments) { (attachments, count) throws(HostError) in
                    var message = jf_message(
                        struct_size: UInt32(MemoryLayout<jf_message>.size), flags: flags, name: name, args: json,
                        attachments: attachments, attachment_count: count, reserved: 0)
                    return try body(&message)
                }
            }
        }
    }
}
