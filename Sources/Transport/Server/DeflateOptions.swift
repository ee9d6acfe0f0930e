/// permessage-deflate (RFC 7692).
public struct DeflateOptions: Sendable, Equatable {
    /// Messages below this go out as they are; bytes. Unlike in the reference, also when the context is kept.
    public var threshold = 1024
    /// zlib's level: 1 is the fastest, 9 the smallest.
    public var level: Int32 = 6
    /// zlib's memory level: a compressor takes 2^(windowBits+2) + 2^(memoryLevel+9) bytes.
    public var memoryLevel: Int32 = 8

    public init() {}
}
