/// Where text is written: a growing array, or a buffer of the caller's. Generic code over it is specialised for both.
protocol ByteSink {
    mutating func append(_ byte: UInt8)
    mutating func append(contentsOf bytes: UnsafeRawBufferPointer)
}

extension ByteSink {
    @inline(__always)
    mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inline(__always)
    mutating func appendReplacementCharacter() {
        append(UTF8Sequence.replacement.0)
        append(UTF8Sequence.replacement.1)
        append(UTF8Sequence.replacement.2)
    }
}

extension [UInt8]: ByteSink {
    @inline(__always)
    mutating func append(contentsOf bytes: UnsafeRawBufferPointer) {
        append(contentsOf: bytes[...])
    }
}

/// Writes what fits and counts everything, as `snprintf` does, so that one call both fills a buffer and tells how large it should be.
struct BufferSink: ByteSink {
    let buffer: UnsafeMutableRawBufferPointer

    /// Bytes written, and those that found no room.
    private(set) var count = 0

    init(_ buffer: UnsafeMutableRawBufferPointer) {
        self.buffer = buffer
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        if count < buffer.count { buffer[count] = byte }
        count &+= 1
    }

    mutating func append(contentsOf bytes: UnsafeRawBufferPointer) {
        let space = min(bytes.count, max(0, buffer.count &- count))
        if space > 0, let target = buffer.baseAddress, let source = bytes.baseAddress {
            (target + count).copyMemory(from: source, byteCount: space)
        }
        count &+= bytes.count
    }
}
