/// An event of a `text/event-stream`, as WHATWG HTML defines it.
public struct ServerSentEvent: Sendable {
    /// What a client sends back as `Last-Event-ID` to resume.
    public var id: String?

    /// nil: `message`.
    public var name: String?
    public var data: String

    public init(id: String? = nil, name: String? = nil, data: String) {
        self.id = id
        self.name = name
        self.data = data
    }

    /// Line ends inside `id` and `name` would end the field, so they become blanks; those in `data` are kept, line by line.
    var bytes: [UInt8] {
        func oneLine(_ text: String) -> String {
            String(text.map { $0.isNewline || $0 == "\0" ? " " : $0 })
        }
        var text = ""
        if let id { text += "id: \(oneLine(id))\n" }
        if let name { text += "event: \(oneLine(name))\n" }
        for line in data.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) { text += "data: \(line)\n" }
        return Array((text + "\n").utf8)
    }
}
