/// permessage-deflate (RFC 7692).
public struct DeflateOptions: Sendable, Equatable {
    /// Messages below this go out as they are; bytes. Unlike in the reference, also when the context is kept.
    public var threshold = 1024
    /// Whether each message is compressed on its own: less memory, weaker compression. A client that asks for it gets it in any case.
    public var serverNoContextTakeover = false
    /// Whether clients are told to compress each message on its own.
    public var clientNoContextTakeover = false
    /// The largest window of a compressor, as a power of two of bytes; 9 to 15. A client that asks for a smaller one gets that.
    public var serverMaxWindowBits = 15
    /// The largest window of a decompressor, likewise. Below 15, a client that does not offer to keep to it (`client_max_window_bits`) is served without
    /// compression, as by the reference: RFC 7692 lets no server ask for it unoffered.
    public var clientMaxWindowBits = 15
    /// zlib's level: 1 is the fastest, 9 the smallest.
    public var level: Int32 = 6
    /// zlib's memory level: a compressor takes 2^(windowBits+2) + 2^(memoryLevel+9) bytes.
    public var memoryLevel: Int32 = 8

    public init() {}
}
