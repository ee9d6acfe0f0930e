/// How an event is sent.
public struct EmitFlags: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Dropped for each receiver whose transport cannot take it now, and never kept for recovery.
    public static let volatile = EmitFlags(rawValue: 1 << 0)
    /// Not compressed, whatever was negotiated.
    public static let noCompress = EmitFlags(rawValue: 1 << 1)
    /// To this node's sockets only; who broadcasts heeds it, nothing here does.
    public static let local = EmitFlags(rawValue: 1 << 2)
}
