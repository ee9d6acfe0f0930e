import CZlib

/// permessage-deflate on one connection (RFC 7692). [loop]
///
/// Memory: with context takeover a compressor stays, 2^(windowBits+2) + 2^(memoryLevel+9) bytes (256 KB by default), and a decompressor, 2^windowBits + 7 KB
/// (39 KB); each is made when the first message needs it. Without takeover nothing stays between messages.
final class PermessageDeflate {
    /// What inflating a message came to.
    enum Inflated {
        case inflated([UInt8])
        case tooLarge
        case corrupt
    }

    /// Messages below this are sent as they are; bytes.
    let threshold: Int
    private let agreement: Agreement
    private let options: DeflateOptions
    private var deflater: ZStream?
    private var inflater: ZStream?

    init(_ agreement: Agreement, options: DeflateOptions) {
        self.agreement = agreement
        self.options = options
        threshold = options.threshold
    }

    /// What stays between messages; bytes.
    var heldBytes: Int {
        (deflater == nil ? 0 : 1 << (agreement.serverBits + 2) + 1 << (options.memoryLevel + 9)) + (inflater == nil ? 0 : 1 << agreement.clientBits + 7_168)
    }

    /// Compresses a message of `count` bytes, which `fill` writes. The four bytes that end every block are left out (section 7.2.1).
    func compress(count: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) -> [UInt8] {
        // zlib flushes nothing twice: an empty message behind another would come out as nothing at all, which no peer can inflate (section 7.2.3.6).
        guard count > 0 else { return [0x00] }
        let stream = deflater ?? ZStream.deflater(windowBits: agreement.serverBits, options: options)
        let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        defer { plain.deallocate() }
        fill(plain)
        var compressed = stream.deflate(UnsafeRawBufferPointer(plain))
        compressed.removeLast(min(4, compressed.count))
        deflater = agreement.serverNoTakeover ? nil : stream
        return compressed
    }

    /// Inflates a message; more than `limit` bytes never come into being.
    func inflate(_ payload: UnsafeRawBufferPointer, limit: Int) -> Inflated {
        let stream = inflater ?? ZStream.inflater(windowBits: agreement.clientBits)
        inflater = agreement.clientNoTakeover ? nil : stream
        var message: [UInt8] = []
        for piece in [payload, Self.tail] {
            switch stream.inflate(piece, appendingTo: &message, limit: limit) {
            case .done: break
            case .tooLarge: return .tooLarge
            case .corrupt: return .corrupt
            }
        }
        return .inflated(message)
    }

    /// The end of a block, which the sender leaves out.
    // Immutable after its making: any thread may read it.
    private nonisolated(unsafe) static let tail: UnsafeRawBufferPointer = {
        // Lives as long as the process.
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 4, alignment: 1)
        bytes.copyBytes(from: [0x00, 0x00, 0xFF, 0xFF])
        return UnsafeRawBufferPointer(bytes)
    }()
}
