import FuzzSupport

@testable import Transport

/// Rules for permessage-deflate: no message inflates beyond the limit, and inflating a compressed message returns the
/// message.
enum DeflateRules {
    private static let limit = 10_000

    /// Several messages with any bytes over one connection.
    static func checkInflating(_ script: inout ByteScript) {
        var agreement = PermessageDeflate.Agreement()
        agreement.clientNoTakeover = script.bool()
        agreement.clientBits = 8 + script.number(below: 8)
        let deflate = PermessageDeflate(agreement, options: DeflateOptions())
        while !script.isAtEnd {
            let payload = script.bytes()
            withExactCopy(of: payload) { payload in
                switch deflate.inflate(UnsafeRawBufferPointer(payload), limit: limit) {
                case .inflated(let message):
                    require(message.count <= limit, "an inflated message is at most as large as the limit")
                case .tooLarge, .corrupt: script = ByteScript(UnsafeRawBufferPointer(start: nil, count: 0))
                }
            }
        }
    }

    /// The messages of a server, inflated by a client with the negotiated parameters.
    static func checkRoundTrip(_ script: inout ByteScript) {
        let takesOver = script.bool()
        let bits = 9 + script.number(below: 7)
        var ours = PermessageDeflate.Agreement()
        ours.serverNoTakeover = !takesOver
        ours.serverBits = bits
        // The same parameters for the other side.
        var theirs = PermessageDeflate.Agreement()
        theirs.clientNoTakeover = !takesOver
        theirs.clientBits = bits
        let server = PermessageDeflate(ours, options: DeflateOptions())
        let client = PermessageDeflate(theirs, options: DeflateOptions())
        while !script.isAtEnd {
            var message = script.bytes()
            if let first = message.first, first & 1 == 1 {
                message += [UInt8](repeating: first, count: 3_000) + message
            }
            let compressed = server.compress(count: message.count) { $0.copyBytes(from: message) }
            guard case .inflated(let again) = compressed.withUnsafeBytes({ client.inflate($0, limit: limit) }) else {
                return require(false, "what the server compresses can be inflated")
            }
            require(again == message, "a message survives")
        }
    }

    /// The header of a client's offer: with any content it is accepted, declined, or malformed.
    static func checkOffer(_ header: [UInt8]) {
        let agreement = header.withUnsafeBytes { PermessageDeflate.Agreement.negotiated($0) }
        if let agreement {
            require(
                (8...15).contains(agreement.serverBits) && (8...15).contains(agreement.clientBits),
                "windows are of 8 to 15 bits")
            require(
                !agreement.header.utf8.contains(0x0A) && !agreement.header.utf8.contains(0x0D), "an answer is one line")
        }
    }
}
