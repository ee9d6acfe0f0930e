/// An event that a client sent. Its pointers are valid during ``Application/event(_:from:)`` only.
public struct IncomingEvent: ~Copyable {
    /// UTF-8 text, escapes decoded. A name that was sent as a number is its digits.
    public let name: UnsafeRawBufferPointer

    /// The arguments as one JSON array, valid and as they came; `[]` when there are none. Attachments are
    /// `{"_placeholder":true,"num":n}`, each `n` an index into ``attachments``.
    public let args: UnsafeRawBufferPointer

    /// What the placeholders stand for; empty for an event without attachments, whose placeholders are plain data.
    public let attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>

    /// Set when the client wants an ack: hand it to ``NamespaceSocket/ack(_:args:attachments:)``, at most once.
    public let ackID: UInt64?

    init(
        name: UnsafeRawBufferPointer, args: UnsafeRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>, ackID: UInt64?
    ) {
        self.name = name
        self.args = args
        self.attachments = attachments
        self.ackID = ackID
    }
}
