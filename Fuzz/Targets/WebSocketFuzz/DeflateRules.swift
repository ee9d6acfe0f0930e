import FuzzSupport

@testable import Transport

/// What must hold of permessage-deflate: nothing inflates beyond the limit, and what is compressed is what was there.
enum DeflateRules {
    private static let limit = 10_000

    /// Several messages of anything over one connection.
    static func checkInflating(_ script: inout ByteScript) {
        var agreement = PermessageDeflate.Agreement()
        agreement.clientNoTakeover = script.bool()
        agreement.clientBits = 8 + script.number(below: 8)
        let deflate = PermessageDeflate(agreement, options: DeflateOptions())
        while !script.isAtEnd {
            let payload = script.bytes()
            withExactCopy(of: payload) { payload in
                switch deflate.inflate(UnsafeRawBufferPointer(payload), limit: limit) {
                case .inflated(let message): require(message.count <= limit, "what is inflated is bounded")
                case .tooLarge, .corrupt: script = ByteScript(UnsafeRawBufferPointer(start: nil, count: 0))
                }
            }
        }
    }

    /// A server's messages, read by a client that keeps to the agreement.
    static func checkRoundTrip(_ script: inout ByteScript) {
        let takesOver = script.bool()
        let bits = 9 + script.number(below: 7)
        var ours = PermessageDeflate.Agreement()
        ours.serverNoTakeover = !takesOver
        ours.serverBits = bits
        // The same bits seen from the other side.
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

    /// The header of a client's offer: whatever stands there, it is agreed to, declined, or bad.
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
