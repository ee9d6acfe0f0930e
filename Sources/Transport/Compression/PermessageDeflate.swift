import CZlib

/// permessage-deflate on one connection (RFC 7692). [loop]
///
/// Memory: with context takeover a compressor stays, 2^(windowBits+2) + 2^(memoryLevel+9) bytes (256 KB by default),
/// and a decompressor, 2^windowBits + 7 KB (39 KB); each is made when the first message needs it. Without takeover
/// nothing stays between messages.
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
        (deflater == nil ? 0 : 1 << (agreement.serverBits + 2) + 1 << (options.memoryLevel + 9))
            + (inflater == nil ? 0 : 1 << agreement.clientBits + 7_168)
    }

    /// Compresses a message of `count` bytes, which `fill` writes. The four bytes that end every block are
    /// left out (section 7.2.1).
    func compress(count: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) -> [UInt8] {
        // zlib flushes nothing twice: an empty message behind another would come out as nothing at all, which no peer
        // can inflate (section 7.2.3.6).
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

extension PermessageDeflate {
    /// The parameters both sides keep to (RFC 7692 section 7.1).
    struct Agreement: Equatable, Sendable {
        var serverNoTakeover = false
        var clientNoTakeover = false
        var serverBits = 15
        var clientBits = 15
        /// The answer's value, which names what was asked for.
        var header = "permessage-deflate"

        /// Takes the first acceptable offer of a header. One that breaks the rules is declined, as section 7 asks, and
        /// with it nothing but compression.
        static func negotiated(_ header: UnsafeRawBufferPointer, options: DeflateOptions = DeflateOptions())
            -> Agreement?
        {
            for offer in HTTPListParts(header, separatedBy: UInt8(ascii: ",")) {
                if let agreement = accept(offer, options) { return agreement }
            }
            return nil
        }

        /// The parameters there are. Each may come once.
        private struct Seen: OptionSet {
            let rawValue: UInt8
            static let serverNoTakeover = Seen(rawValue: 1)
            static let clientNoTakeover = Seen(rawValue: 2)
            static let serverBits = Seen(rawValue: 4)
            static let clientBits = Seen(rawValue: 8)

            /// nil: there is no such parameter.
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
                    // zlib cannot compress for a window of 8 bits.
                    guard let bits = windowBits(value), bits >= 9 else { return nil }
                    agreement.serverBits = min(bits, options.serverMaxWindowBits)
                    agreement.header += "; server_max_window_bits=\(agreement.serverBits)"
                case (.clientBits, nil):
                    // The client can do it; nothing is asked of it unless the options do.
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

        /// What the server wants of its own accord, named behind what the client asked for. nil: this
        /// offer does not allow it.
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

        /// 8 to 15, without a leading zero.
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

/// permessage-deflate (RFC 7692).
public struct DeflateOptions: Sendable, Equatable {
    /// Messages below this go out as they are; bytes. Unlike in the reference, also when the context is kept.
    public var threshold = 1024
    /// Whether each message is compressed on its own: less memory, weaker compression. A client that asks
    /// for it gets it in any case.
    public var serverNoContextTakeover = false
    /// Whether clients are told to compress each message on its own.
    public var clientNoContextTakeover = false
    /// The largest window of a compressor, as a power of two of bytes; 9 to 15. A client that asks for
    /// a smaller one gets that.
    public var serverMaxWindowBits = 15
    /// The largest window of a decompressor, likewise. Below 15, a client that does not offer to keep to it
    /// (`client_max_window_bits`) is served without compression, as by the reference: RFC 7692 lets no
    /// server ask for it unoffered.
    public var clientMaxWindowBits = 15
    /// zlib's level: 1 is the fastest, 9 the smallest.
    public var level: Int32 = 6
    /// zlib's memory level: a compressor takes 2^(windowBits+2) + 2^(memoryLevel+9) bytes.
    public var memoryLevel: Int32 = 8

    public init() {}
}
