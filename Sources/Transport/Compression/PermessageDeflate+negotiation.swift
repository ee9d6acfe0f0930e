extension PermessageDeflate {
    /// The parameters both sides keep to (RFC 7692 section 7.1).
    struct Agreement: Equatable, Sendable {
        var serverNoTakeover = false
        var clientNoTakeover = false
        var serverBits = 15
        var clientBits = 15
        /// The answer's value, which names what was asked for.
        var header = "permessage-deflate"

        /// Takes the first acceptable offer of a header. One that breaks the rules is declined, as section 7 asks, and with it nothing but compression.
        static func negotiated(_ header: UnsafeRawBufferPointer, options: DeflateOptions = DeflateOptions()) -> Agreement? {
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
                guard let parameter = Seen(part.part(0..<(equals ?? part.count)).trimmed), seen.insert(parameter).inserted else { return nil }
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

        /// What the server wants of its own accord, named behind what the client asked for. nil: this offer does not allow it.
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
            text.count >= 2 && text[0] == UInt8(ascii: "\"") && text[text.count - 1] == UInt8(ascii: "\"") ? text.part(1..<text.count - 1) : text
        }
    }
}
