import CJackfield

// The structures that a plugin passes to the functions of the header, in messages. The worker writes what the plugin
// passed, wrong or not, and the daemon passes the same to the same function: so both processes give the same answers.
// The worker only checks what it must read itself: sizes of structures, and lengths of lists and texts.

extension WireWriter {
    /// A structure that may be NULL.
    mutating func optional<Structure: HeaderStructure>(
        _ pointer: UnsafePointer<Structure>?, _ name: StaticString,
        _ write: (inout WireWriter, Structure) throws(HostCallError) -> Void
    ) throws(HostCallError) {
        guard let pointer else { return flag(false) }
        flag(true)
        try write(&self, try PluginMemory.read(pointer, name))
        try checkSize()
    }

    /// Refuses what no call may pass.
    func checkSize() throws(HostCallError) {
        guard bytes.count <= WireLimit.largestPayload else {
            throw HostCallError(
                code: JF_E_LIMIT,
                problem: "the arguments have more than the \(WireLimit.largestCall) bytes of one call")
        }
    }

    /// A text of the plugin, which may have any length.
    mutating func argument(_ text: jf_text, _ name: @autoclosure () -> String) throws(HostCallError) {
        guard text.ptr == nil || text.len <= UInt64(WireLimit.largestCall) else {
            throw HostCallError(
                code: JF_E_LIMIT,
                problem: "\(name()) has \(text.len) bytes, more than the \(WireLimit.largestCall) of one call")
        }
        self.text(text)
        try checkSize()
    }

    /// Two texts of the plugin that have at most `most` bytes together.
    mutating func arguments(
        _ first: jf_text, _ firstName: StaticString, _ second: jf_text, _ secondName: StaticString, most: Int
    ) throws(HostCallError) {
        let bytes = try LoadedPlugin.bytes(first, "\(firstName)", limit: most)
        _ = try LoadedPlugin.bytes(second, "\(secondName)", limit: most - bytes.count)
        text(first)
        text(second)
    }

    mutating func argument(_ octets: jf_bytes, _ name: @autoclosure () -> String) throws(HostCallError) {
        try argument(jf_text(octets.bytes, or: octets.len), name())
    }

    /// A list of the plugin. The daemon refuses a longer list than `most` before it reads an item, so those items are
    /// not written.
    mutating func arguments(
        _ texts: UnsafePointer<jf_text>?, _ count: UInt32, most: UInt32, _ name: @autoclosure () -> String
    ) throws(HostCallError) {
        integer(count)
        flag(texts != nil)
        guard let texts, count <= most else { return }
        for index in 0..<Int(count) { try argument(texts[index], "\(name())[\(index)]") }
    }

    mutating func arguments(_ attachments: UnsafePointer<jf_bytes>?, _ count: UInt32, most: Int) throws(HostCallError) {
        integer(count)
        flag(attachments != nil)
        guard let attachments, Int(count) <= most else { return }
        for index in 0..<Int(count) { try argument(attachments[index], "attachments[\(index)]") }
    }

    mutating func message(_ message: UnsafePointer<jf_message>?, mostAttachments: Int) throws(HostCallError) {
        try optional(message, "message") { (writer, raw) throws(HostCallError) in
            writer.integer(raw.flags)
            writer.integer(raw.reserved)
            try writer.argument(raw.name, "message->name")
            try writer.argument(raw.args, "message->args")
            try writer.arguments(raw.attachments, raw.attachment_count, most: mostAttachments)
        }
    }

    /// Most rooms of a target; the header promises this number.
    static let mostRooms: UInt32 = 1_000

    mutating func target(_ target: UnsafePointer<jf_target>?) throws(HostCallError) {
        try optional(target, "target") { (writer, raw) throws(HostCallError) in
            writer.integer(raw.flags)
            try writer.argument(raw.nsp, "target->nsp")
            try writer.argument(raw.user, "target->user")
            writer.integer(raw.socket)
            writer.integer(raw.except_socket)
            try writer.arguments(raw.rooms, raw.room_count, most: Self.mostRooms, "target->rooms")
            try writer.arguments(raw.except_rooms, raw.except_count, most: Self.mostRooms, "target->except_rooms")
        }
    }

    mutating func response(_ response: UnsafePointer<jf_response>?) throws(HostCallError) {
        try optional(response, "response") { (writer, raw) throws(HostCallError) in
            writer.integer(raw.status)
            writer.integer(raw.reserved)
            try writer.argument(raw.content_type, "response->content_type")
            try writer.argument(raw.body, "response->body")
            writer.integer(raw.header_count)
            writer.flag(raw.headers != nil)
            guard let headers = raw.headers, raw.header_count <= HTTPInterface.mostHeaders else { return }
            for index in 0..<Int(raw.header_count) {
                try writer.argument(headers[index].name, "response->headers[\(index)].name")
                try writer.argument(headers[index].value, "response->headers[\(index)].value")
            }
        }
    }

    /// - Parameter data: the worker's number of `plugin_data`; 0: there is none.
    mutating func admission(_ admission: UnsafePointer<jf_admission>?, data: UInt64) throws(HostCallError) {
        try optional(admission, "admission") { (writer, raw) throws(HostCallError) in
            writer.integer(raw.reserved)
            try writer.argument(raw.user, "admission->user")
            try writer.argument(raw.claims, "admission->claims")
            try writer.argument(raw.data, "admission->data")
            writer.integer(raw.expires_at)
            writer.integer(data)
        }
    }

    mutating func need(_ raw: jf_need, changed: UInt64) throws(HostCallError) {
        try argument(raw.service, "need->service")
        integer(raw.major)
        integer(raw.minor)
        try arguments(raw.methods, raw.method_count, most: ServiceNeed.mostMethods, "need->methods")
        integer(changed)
    }
}

extension jf_text {
    /// The bytes; if there are none, NULL with this length.
    fileprivate init(_ bytes: UnsafeRawBufferPointer, or length: UInt64) {
        if bytes.isEmpty { self.init(ptr: nil, len: length) } else { self.init(bytes) }
    }
}

extension WireReader {
    /// A structure that may be NULL. The pointer is valid as long as the arena.
    mutating func optional<Structure: HeaderStructure & BitwiseCopyable>(
        _ read: (inout WireReader, inout Structure) throws(MalformedMessage) -> Void
    ) throws(MalformedMessage) -> UnsafePointer<Structure>? {
        guard try flag() else { return nil }
        var structure = Structure.sized
        try read(&self, &structure)
        let place = arena.allocate(Structure.self, 1)
        place.initialize(to: structure)
        return UnsafePointer(place)
    }

    /// What ``WireWriter/arguments(_:_:most:_:)`` wrote.
    mutating func arguments(most: UInt32) throws(MalformedMessage) -> (items: UnsafePointer<jf_text>?, count: UInt32) {
        try argumentList(most: most) { (reader) throws(MalformedMessage) in try reader.text() }
    }

    mutating func attachmentArguments(most: Int) throws(MalformedMessage)
        -> (items: UnsafePointer<jf_bytes>?, count: UInt32)
    {
        try argumentList(most: UInt32(most)) { (reader) throws(MalformedMessage) in try reader.octets() }
    }

    private mutating func argumentList<Item: BitwiseCopyable>(
        most: UInt32, _ read: (inout WireReader) throws(MalformedMessage) -> Item
    ) throws(MalformedMessage) -> (items: UnsafePointer<Item>?, count: UInt32) {
        let count = try integer(UInt32.self)
        guard try flag() else { return (nil, count) }
        // The function refuses the count before it reads an item, but the pointer must not be NULL.
        let items = arena.allocate(Item.self, count <= most ? Int(count) : 1)
        guard count <= most else { return (UnsafePointer(items), count) }
        for index in 0..<Int(count) { (items + index).initialize(to: try read(&self)) }
        return (UnsafePointer(items), count)
    }

    mutating func message(mostAttachments: Int) throws(MalformedMessage) -> UnsafePointer<jf_message>? {
        try optional { (reader, message: inout jf_message) throws(MalformedMessage) in
            message.flags = try reader.integer()
            message.reserved = try reader.integer()
            message.name = try reader.text()
            message.args = try reader.text()
            (message.attachments, message.attachment_count) = try reader.attachmentArguments(most: mostAttachments)
        }
    }

    mutating func target() throws(MalformedMessage) -> UnsafePointer<jf_target>? {
        try optional { (reader, target: inout jf_target) throws(MalformedMessage) in
            target.flags = try reader.integer()
            target.nsp = try reader.text()
            target.user = try reader.text()
            target.socket = try reader.integer()
            target.except_socket = try reader.integer()
            (target.rooms, target.room_count) = try reader.arguments(most: WireWriter.mostRooms)
            (target.except_rooms, target.except_count) = try reader.arguments(most: WireWriter.mostRooms)
        }
    }

    mutating func response() throws(MalformedMessage) -> UnsafePointer<jf_response>? {
        try optional { (reader, response: inout jf_response) throws(MalformedMessage) in
            response.status = try reader.integer()
            response.reserved = try reader.integer()
            response.content_type = try reader.text()
            response.body = try reader.octets()
            (response.headers, response.header_count) = try reader.argumentList(most: HTTPInterface.mostHeaders) {
                (reader) throws(MalformedMessage) in
                jf_pair(name: try reader.text(), value: try reader.text())
            }
        }
    }

    /// - Parameters:
    ///   - free: frees the plugin's data in the worker.
    ///   - context: the pointer that stands for the worker's number of the data.
    mutating func admission(freeing free: @escaping jf_free_fn, _ context: (UInt64) -> UnsafeMutableRawPointer?)
        throws(MalformedMessage) -> UnsafePointer<jf_admission>?
    {
        try optional { (reader, admission: inout jf_admission) throws(MalformedMessage) in
            admission.reserved = try reader.integer()
            admission.user = try reader.text()
            admission.claims = try reader.text()
            admission.data = try reader.text()
            admission.expires_at = try reader.integer()
            admission.plugin_data = context(try reader.integer())
            if admission.plugin_data != nil { admission.free_data = free }
        }
    }

    /// - Parameters:
    ///   - function: stands for the plugin's `changed`.
    ///   - context: the pointer that stands for the worker's number of the callback.
    mutating func need(_ function: @escaping jf_binding_fn, _ context: (UInt64) -> UnsafeMutableRawPointer?)
        throws(MalformedMessage) -> jf_need
    {
        var need = jf_need.sized
        need.service = try text()
        need.major = try integer()
        need.minor = try integer()
        (need.methods, need.method_count) = try arguments(most: ServiceNeed.mostMethods)
        need.context = context(try integer())
        if need.context != nil { need.changed = function }
        return need
    }
}
