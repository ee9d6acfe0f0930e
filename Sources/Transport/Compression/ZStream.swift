import CZlib

/// A raw deflate stream of zlib. [loop]
final class ZStream {
    enum Outcome {
        case done
        case tooLarge
        case corrupt
    }

    private enum Direction {
        case deflate
        case inflate
    }

    private let direction: Direction
    /// On the heap, because zlib's state holds a pointer to it.
    private let stream: UnsafeMutablePointer<z_stream>
    private let isReady: Bool

    private init(_ direction: Direction, _ start: (UnsafeMutablePointer<z_stream>) -> CInt) {
        self.direction = direction
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        isReady = start(stream) == Z_OK
    }

    /// zlib does not support a window of 8 bits for raw deflate, so 9 is used for it.
    static func deflater(windowBits: Int, options: DeflateOptions) -> ZStream {
        ZStream(.deflate) { jf_deflate_init($0, options.level, -Int32(max(windowBits, 9)), options.memoryLevel) }
    }

    static func inflater(windowBits: Int) -> ZStream {
        ZStream(.inflate) { jf_inflate_init($0, -Int32(max(windowBits, 9))) }
    }

    deinit {
        if isReady {
            switch direction {
            case .deflate: deflateEnd(stream)
            case .inflate: inflateEnd(stream)
            }
        }
        stream.deallocate()
    }

    /// Compresses all of `plain` and ends the block, so that the receiver can inflate all of it.
    func deflate(_ plain: UnsafeRawBufferPointer) -> [UInt8] {
        precondition(isReady, "zlib could not be given the memory for a compressor")
        stream.pointee.next_in = UnsafeMutablePointer(mutating: plain.bindMemory(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = UInt32(plain.count)
        var compressed: [UInt8] = []
        var space = Int(deflateBound(stream, UInt(plain.count))) + 16
        repeat {
            let piece = [UInt8](unsafeUninitializedCapacity: space) { buffer, initialized in
                stream.pointee.next_out = buffer.baseAddress
                stream.pointee.avail_out = UInt32(space)
                _ = CZlib.deflate(stream, Z_SYNC_FLUSH)
                initialized = space - Int(stream.pointee.avail_out)
            }
            if compressed.isEmpty { compressed = piece } else { compressed += piece }
            space = 256
        } while stream.pointee.avail_out == 0
        return compressed
    }

    /// How often a sender may end its deflate stream within one message. Ending it is allowed and rare. Each end costs
    /// the sender two bytes and the loop a reset of the inflater, so it is limited.
    private static let maxStreamEnds = 16

    /// Inflates `payload` and appends the result to `message`, up to `limit` bytes in total, and one more if it is too
    /// large.
    func inflate(_ payload: UnsafeRawBufferPointer, appendingTo message: inout [UInt8], limit: Int) -> Outcome {
        guard isReady else { return .corrupt }
        stream.pointee.next_in = UnsafeMutablePointer(mutating: payload.bindMemory(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = UInt32(payload.count)
        var space = min(max(payload.count * 4, 256), 65_536)
        var streamEnds = 0
        while true {
            // One byte beyond the limit distinguishes "too large" from "just fits".
            let size = min(space, limit - message.count + 1)
            var code = Z_OK
            let piece = [UInt8](unsafeUninitializedCapacity: size) { buffer, initialized in
                stream.pointee.next_out = buffer.baseAddress
                stream.pointee.avail_out = UInt32(size)
                code = CZlib.inflate(stream, Z_SYNC_FLUSH)
                initialized = size - Int(stream.pointee.avail_out)
            }
            if message.isEmpty { message = piece } else { message += piece }
            guard message.count <= limit else { return .tooLarge }
            switch code {
            case Z_OK, Z_BUF_ERROR:
                if stream.pointee.avail_out > 0 { return stream.pointee.avail_in == 0 ? .done : .corrupt }
            case Z_STREAM_END:
                // The sender ended its stream, which is allowed (section 7.2.3.5); a new one follows.
                streamEnds += 1
                guard streamEnds <= Self.maxStreamEnds else { return .corrupt }
                inflateReset(stream)
                if stream.pointee.avail_in == 0 { return .done }
            default: return .corrupt
            }
            space = min(space * 2, 1 << 20)
        }
    }
}
