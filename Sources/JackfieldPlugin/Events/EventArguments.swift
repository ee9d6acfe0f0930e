import RawJSON

/// The encoded arguments of an event or an ack: a JSON array and its attachments.
public struct EventArguments: Sendable {
    let json: [UInt8]
    let attachments: [[UInt8]]

    /// Encodes arguments once, for many emits. ``Binary`` values, at any depth, become attachments; ``JSON`` is copied
    /// unchanged.
    public init(_ arguments: [any Encodable]) throws {
        (json, attachments) = try JSONEncoding.write(array: arguments)
    }

    /// One argument that is already JSON.
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
    /// Passes a `jf_message` to `body`, valid until `body` returns.
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
