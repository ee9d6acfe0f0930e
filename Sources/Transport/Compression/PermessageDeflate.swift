import CZlib

/// permessage-deflate (RFC 7692) on one connection. [loop]
///
/// Memory with context takeover: 2^(windowBits+2) + 2^(memoryLevel+9) bytes for the compressor (256 KB by default) and
/// 2^windowBits + 7 KB for the decompressor (39 KB), from the first message that needs it. Without context takeover,
/// nothing is kept between messages.
final class PermessageDeflate {
    /// The result of inflating a message.
    enum Inflated {
        case inflated([UInt8])
        case tooLarge
        case corrupt
    }

    /// Smaller messages are sent uncompressed; bytes.
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

    /// Memory that is kept between messages; bytes.
    var heldBytes: Int {
        (deflater == nil ? 0 : 1 << (agreement.serverBits + 2) + 1 << (options.memoryLevel + 9))
            + (inflater == nil ? 0 : 1 << agreement.clientBits + 7_168)
    }

    /// Compresses a message of `count` bytes, which `fill` writes. The last four bytes, 00 00 FF FF, are left out
    /// (section 7.2.1).
    func compress(count: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) -> [UInt8] {
        // A second zlib flush in a row produces no bytes, so an empty message would become an empty payload, which no
        // peer can inflate. A single 00 is the empty block of section 7.2.3.6.
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

    /// Inflates a message; stops as soon as it exceeds `limit` bytes.
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

    /// The last four bytes of a block, which the sender leaves out. `nonisolated(unsafe)`: immutable after its
    /// initialization.
    private nonisolated(unsafe) static let tail: UnsafeRawBufferPointer = {
        // Never freed.
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 4, alignment: 1)
        bytes.copyBytes(from: [0x00, 0x00, 0xFF, 0xFF])
        return UnsafeRawBufferPointer(bytes)
    }()
}

extension PermessageDeflate {
    /// The negotiated parameters (RFC 7692 section 7.1).
    struct Agreement: Equatable, Sendable {
        var serverNoTakeover = false
        var clientNoTakeover = false
        var serverBits = 15
        var clientBits = 15
        /// The value of the response header: the parameters that were agreed on.
        var header = "permessage-deflate"

        /// Accepts the first acceptable offer of a header. An invalid offer is declined, as section 7 requires, which
        /// only means no compression.
        static func negotiated(_ header: UnsafeRawBufferPointer, options: DeflateOptions = DeflateOptions())
            -> Agreement?
        {
            for offer in HTTPListParts(header, separatedBy: UInt8(ascii: ",")) {
                if let agreement = accept(offer, options) { return agreement }
            }
            return nil
        }

        /// The parameters that exist. Each may occur once in an offer.
        private struct Seen: OptionSet {
            let rawValue: UInt8
            static let serverNoTakeover = Seen(rawValue: 1)
            static let clientNoTakeover = Seen(rawValue: 2)
            static let serverBits = Seen(rawValue: 4)
            static let clientBits = Seen(rawValue: 8)

            /// nil: an unknown parameter.
            init?(_ name: UnsafeRawBufferPointer) {
                if name.isEqual(to: "server_no_context_takeover") {
                    self = .serverNoTakeover
                } else if name.isEqual(to: "client_no_context_takeover") {
                    self = .clientNoTakeover
                } else if name.isEqual(to: "server_max_window_bits") {
                    self = .serverBits
                } else if name.isEqual(to: "client_max_window_bits") {
                    self = .clientBits
                } else {
                    return nil
                }
            }

            init(rawValue: UInt8) { self.rawValue = rawValue }
        }

        private static func accept(_ offer: UnsafeRawBufferPointer, _ options: DeflateOptions) -> Agreement? {
            var parts = HTTPListParts(offer, separatedBy: UInt8(ascii: ";"))
            guard parts.next()?.isEqual(to: "permessage-deflate") == true else { return nil }
            var agreement = Agreement()
            var seen: Seen = []
            for part in parts {
                let equals = part.firstIndex(of: UInt8(ascii: "="))
                guard let parameter = Seen(part.part(0..<(equals ?? part.count)).trimmed),
                    seen.insert(parameter).inserted
                else { return nil }
                let value = equals.map { unquoted(part.part($0 + 1..<part.count).trimmed) }
                switch (parameter, value) {
                case (.serverNoTakeover, nil):
                    agreement.serverNoTakeover = true
                    agreement.header += "; server_no_context_takeover"
                case (.clientNoTakeover, nil):
                    agreement.clientNoTakeover = true
                    agreement.header += "; client_no_context_takeover"
                case (.serverBits, let value?):
                    // zlib cannot compress with a window of 8 bits.
                    guard let bits = windowBits(value), bits >= 9 else { return nil }
                    agreement.serverBits = min(bits, options.serverMaxWindowBits)
                    agreement.header += "; server_max_window_bits=\(agreement.serverBits)"
                case (.clientBits, nil):
                    // The client supports the parameter; the server uses it only if the options ask for it.
                    guard options.clientMaxWindowBits < 15 else { break }
                    agreement.clientBits = options.clientMaxWindowBits
                    agreement.header += "; client_max_window_bits=\(agreement.clientBits)"
                case (.clientBits, let value?):
                    guard let bits = windowBits(value) else { return nil }
                    agreement.clientBits = min(bits, options.clientMaxWindowBits)
                    agreement.header += "; client_max_window_bits=\(agreement.clientBits)"
                default:
                    return nil
                }
            }
            return agreement.add(options)
        }

        /// Adds what the options ask for beyond the client's offer. nil: the offer does not allow it.
        private consuming func add(_ options: DeflateOptions) -> Agreement? {
            guard clientBits <= options.clientMaxWindowBits else { return nil }
            if options.serverNoContextTakeover, !serverNoTakeover {
                serverNoTakeover = true
                header += "; server_no_context_takeover"
            }
            if options.clientNoContextTakeover, !clientNoTakeover {
                clientNoTakeover = true
                header += "; client_no_context_takeover"
            }
            if serverBits > options.serverMaxWindowBits {
                serverBits = options.serverMaxWindowBits
                header += "; server_max_window_bits=\(serverBits)"
            }
            return self
        }

        /// Parses 8 to 15, without a leading zero.
        private static func windowBits(_ text: UnsafeRawBufferPointer) -> Int? {
            switch text.count {
            case 1 where text[0] == 0x38 || text[0] == 0x39: Int(text[0] - 0x30)
            case 2 where text[0] == 0x31 && (0x30...0x35).contains(text[1]): 10 + Int(text[1] - 0x30)
            default: nil
            }
        }

        private static func unquoted(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
            text.count >= 2 && text[0] == UInt8(ascii: "\"") && text[text.count - 1] == UInt8(ascii: "\"")
                ? text.part(1..<text.count - 1) : text
        }
    }
}

/// Options of permessage-deflate (RFC 7692).
public struct DeflateOptions: Sendable, Equatable {
    /// Smaller messages are sent uncompressed; bytes. In the reference, this does not apply if the context is kept.
    public var threshold = 1024
    /// Whether the server compresses each message on its own, which takes less memory and compresses less. It always
    /// does if the client asks for it.
    public var serverNoContextTakeover = false
    /// Whether clients must compress each message on its own.
    public var clientNoContextTakeover = false
    /// The largest compression window, as a power of two of bytes; 9 to 15. A client may ask for a smaller one.
    public var serverMaxWindowBits = 15
    /// The largest decompression window, as a power of two of bytes. Below 15, a client that does not offer
    /// `client_max_window_bits` is served without compression, as in the reference: RFC 7692 does not allow a server to
    /// ask for it unoffered.
    public var clientMaxWindowBits = 15
    /// zlib's compression level, from 1 (fastest) to 9 (smallest).
    public var level: Int32 = 6
    /// zlib's memory level: a compressor takes 2^(windowBits+2) + 2^(memoryLevel+9) bytes.
    public var memoryLevel: Int32 = 8

    public init() {}
}
