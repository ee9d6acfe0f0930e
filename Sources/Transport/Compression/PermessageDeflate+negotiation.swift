extension PermessageDeflate {
    /// The parameters both sides keep to (RFC 7692 section 7.1).
    struct Agreement: Equatable, Sendable {
        var serverNoTakeover = false
        var clientNoTakeover = false
        var serverBits = 15
        var clientBits = 15
        /// The answer's value, which names what was asked for.
        var header = "permessage-deflate"

        /// Takes the first acceptable offer. One that breaks the rules is declined, as section 7 asks, and with it nothing but compression.
        static func negotiated(_ headers: [String], options: DeflateOptions = DeflateOptions()) -> Agreement? {
            for offer in headers.joined(separator: ",").split(separator: ",") {
                if let agreement = accept(offer, options) { return agreement }
            }
            return nil
        }

        private static func accept(_ offer: Substring, _ options: DeflateOptions) -> Agreement? {
            var parts = offer.split(separator: ";", omittingEmptySubsequences: false).map(trimmed)
            guard parts.first == "permessage-deflate" else { return nil }
            parts.removeFirst()
            var agreement = Agreement()
            var seen: Set<Substring> = []
            for part in parts {
                let name = trimmed(part.prefix { $0 != "=" })
                let value = part.contains("=") ? unquoted(trimmed(part.drop { $0 != "=" }.dropFirst())) : nil
                guard seen.insert(name).inserted else { return nil }
                switch (name, value) {
                case ("server_no_context_takeover", nil):
                    agreement.serverNoTakeover = true
                    agreement.header += "; server_no_context_takeover"
                case ("client_no_context_takeover", nil):
                    agreement.clientNoTakeover = true
                    agreement.header += "; client_no_context_takeover"
                case ("server_max_window_bits", let value?):
                    // zlib cannot compress for a window of 8 bits.
                    guard let bits = windowBits(value), bits >= 9 else { return nil }
                    agreement.serverBits = min(bits, options.serverMaxWindowBits)
                    agreement.header += "; server_max_window_bits=\(agreement.serverBits)"
                case ("client_max_window_bits", nil):
                    // The client can do it; nothing is asked of it unless the options do.
                    guard options.clientMaxWindowBits < 15 else { break }
                    agreement.clientBits = options.clientMaxWindowBits
                    agreement.header += "; client_max_window_bits=\(agreement.clientBits)"
                case ("client_max_window_bits", let value?):
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
        private static func windowBits(_ text: Substring) -> Int? {
            guard text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), text.first != "0", let bits = Int(text), (8...15).contains(bits) else { return nil }
            return bits
        }

        private static func unquoted(_ text: Substring) -> Substring {
            text.count >= 2 && text.first == "\"" && text.last == "\"" ? text.dropFirst().dropLast() : text
        }

        private static func trimmed(_ text: Substring) -> Substring {
            var text = text
            while text.first == " " || text.first == "\t" { text.removeFirst() }
            while text.last == " " || text.last == "\t" { text.removeLast() }
            return text
        }
    }
}
