/// Text (UTF-8) or binary: the only thing Engine.IO knows of a message's content.
public enum MessageKind: UInt8, Sendable {
    case text
    case binary
}
