import FuzzSupport

/// Builds a client's frames from a script, so that a mutation of the input still has correct lengths and masks.
enum FrameBuilder {
    static func build(_ script: inout ByteScript) -> [UInt8] {
        var stream: [UInt8] = []
        while !script.isAtEnd, stream.count < 8_192 {
            let first = script.byte()
            var payload = script.bytes()
            // A reserved bit of the first byte selects a large payload, which needs another form of the length field.
            if first & 0x10 != 0, !payload.isEmpty { payload = (0..<300).map { payload[$0 % payload.count] } }
            let key = payload.count % 3 == 0 ? [0, 0, 0, 0] : [first, 0x5A, 0x00, UInt8(payload.count & 0xFF)]
            stream.append(first & 0xEF)
            if payload.count < 126 {
                stream.append(0x80 | UInt8(payload.count))
            } else {
                stream += [0xFE, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
            }
            stream += key
            for (index, byte) in payload.enumerated() { stream.append(byte ^ key[index & 3]) }
        }
        return stream
    }
}
