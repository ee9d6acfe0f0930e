import RawJSON

/// The cursor: it trusts that the text is valid JSON, but reads nothing beyond the end of the text.
extension ContractCheck {
    /// The byte at `offset`; 0, which is not part of any JSON, past the end.
    @inline(__always)
    func peek(_ offset: Int) -> UInt8 {
        offset < end ? base.load(fromByteOffset: offset, as: UInt8.self) : 0
    }

    @inline(__always)
    func skipSpace(_ start: Int) -> Int {
        var at = start
        while at < end, base.load(fromByteOffset: at, as: UInt8.self) <= 0x20 { at &+= 1 }
        return at
    }

    /// Skips a value that nothing is demanded of.
    func skipValue(_ start: Int) -> Int {
        switch peek(start) {
        case UInt8(ascii: "\""): skipString(start &+ 1)
        case UInt8(ascii: "{"), UInt8(ascii: "["): skipContainer(start &+ 1, depth: 1)
        case UInt8(ascii: "t"), UInt8(ascii: "n"): start &+ 4
        case UInt8(ascii: "f"): start &+ 5
        default: skipNumber(start)
        }
    }

    /// Skips the rest of an array or object, from a place outside a string.
    ///
    /// - Parameter depth: the number of containers to leave.
    func skipContainer(_ start: Int, depth: Int) -> Int {
        var at = start
        var depth = depth
        while at < end {
            let byte = base.load(fromByteOffset: at, as: UInt8.self)
            at &+= 1
            if byte == UInt8(ascii: "\"") {
                at = skipString(at)
            } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                depth &+= 1
            } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
                depth &-= 1
                if depth == 0 { return at }
            }
        }
        return at
    }

    @inline(__always)
    func skipNumber(_ start: Int) -> Int {
        var at = start
        while true {
            let byte = peek(at)
            guard
                byte &- 0x30 < 10 || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
                    || byte == UInt8(ascii: ".") || byte | 0x20 == UInt8(ascii: "e")
            else { return at }
            at &+= 1
        }
    }

    /// Skips the rest of a string, with its closing quote. `start` is not within an escape.
    @inline(__always)
    func skipString(_ start: Int) -> Int {
        let at = endOfPlain(start)
        return peek(at) == UInt8(ascii: "\\") ? skipEscapes(at) : at &+ 1
    }

    /// The same from a backslash on.
    @inline(never)
    private func skipEscapes(_ start: Int) -> Int {
        var at = start
        while peek(at) == UInt8(ascii: "\\") { at = endOfPlain(at &+ 2) }
        return at &+ 1
    }

    /// The offset of the next quote or backslash; ``end`` if there is none.
    @inline(__always)
    func endOfPlain(_ start: Int) -> Int {
        var at = start
        let ones: UInt64 = 0x0101_0101_0101_0101, highs: UInt64 = 0x8080_8080_8080_8080
        while at &+ 8 <= end {
            let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            let quotes = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
            let backslashes = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
            // The lowest bit that is set marks the first zero byte; higher ones may be wrong.
            let found = ((quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes) & highs
            if found != 0 { return at &+ found.trailingZeroBitCount &>> 3 }
            at &+= 8
        }
        while at < end {
            let byte = base.load(fromByteOffset: at, as: UInt8.self)
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return at }
            at &+= 1
        }
        return at
    }

    /// The bytes from `start` to `stop`, as far as they are in the text.
    func bytes(from start: Int, to stop: Int) -> UnsafeRawBufferPointer {
        let stop = min(stop, end)
        return UnsafeRawBufferPointer(start: base + min(start, stop), count: max(0, stop &- start))
    }

    /// Whether the JSON string from `start` to `stop`, quotes included, decodes to `text`, which has at most 16 bytes.
    func isString(from start: Int, to stop: Int, equalTo text: StaticString) -> Bool {
        let token = bytes(from: start, to: stop)
        let text = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        return token.dropFirst().dropLast().elementsEqual(text)
            || token.contains(UInt8(ascii: "\\"))
                && withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { decoded in
                    JSONText.unquote(token, into: decoded) == text.count
                        && UnsafeRawBufferPointer(rebasing: decoded[..<text.count]).elementsEqual(text)
                }
    }
}
