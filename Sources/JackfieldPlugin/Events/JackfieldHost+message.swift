extension JackfieldHost {
    /// Lends an event to C for the time of `body`.
    func withMessage<Result>(
        _ name: String, _ arguments: EventArguments, flags: UInt32, _ body: (UnsafePointer<jf_message>) throws(HostError) -> Result
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
