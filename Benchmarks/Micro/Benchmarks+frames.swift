import Transport

extension Benchmarks {
    /// Parses a client's frames, which are unmasked and checked in place.
    static var frames: [Benchmark] {
        [
            Benchmark("frame.parse", "a text frame of 77 bytes: header, mask, UTF-8") { parsing(frames: 1, of: 77) },
            Benchmark("frame.parse-16", "per frame, 16 of them in one read", guardCount: 1600) {
                parsing(frames: 16, of: 77)
            },
            Benchmark("frame.parse-4k", "a text frame of 4 KB", guardCount: 100) { parsing(frames: 1, of: 4096) },
        ]
    }

    private static func parsing(frames: Int, of size: Int) -> (Int) -> Void {
        let read = Array(repeating: maskedText(size), count: frames).flatMap { $0 }
        let received = UnsafeMutableRawBufferPointer.allocate(byteCount: read.count, alignment: 16)
        var parser = WebSocketFrameParser(maxPayload: 1 << 20, allowsCompression: false)
        return { count in
            var messages = 0
            while messages < count {
                // A new copy each time, because the parser unmasks the frames in place.
                received.copyBytes(from: read)
                var input = received
                while case .message(_, let text, _) = parser.next(&input) {
                    opaque(text.baseAddress)
                    messages += 1
                }
                precondition(input.isEmpty, "a benchmark's frame was not read")
            }
        }
    }

    private static func maskedText(_ size: Int) -> [UInt8] {
        let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
        var frame: [UInt8] = [0x81]
        frame += size < 126 ? [0x80 | UInt8(size)] : [0x80 | 126, UInt8(size >> 8), UInt8(size & 0xFF)]
        frame += key
        for index in 0..<size { frame.append(UInt8(ascii: "x") ^ key[index & 3]) }
        return frame
    }
}
