import JackfieldPlugin

/// A sender's promise that two requests are one: the header `Idempotency-Key`, as Stripe and the IETF draft have it.
///
/// Keys belong to their sender and live for 24 hours. The same key with the same request answers what was answered first, with
/// the header `Idempotency-Replayed: true`, and neither stores nor emits again; with another request it is 422 `idempotency_mismatch`.
struct IdempotencyKey: Sendable, Equatable {
    /// Milliseconds: what Stripe keeps.
    static let lifetime: Int64 = 24 * 3600 * 1000

    let sender: String
    let key: String

    /// 1 to 255 visible ASCII characters, quoted (as the draft wants it) or not.
    init(sender: String, header: String) throws(Problem) {
        let quote = UInt8(ascii: "\"")
        var text = header.utf8[...]
        if text.count >= 2, text.first == quote, text.last == quote { text = text.dropFirst().dropLast() }
        guard (1...255).contains(text.count), text.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .invalid("Idempotency-Key must have 1 to 255 visible ASCII characters")
        }
        self.sender = sender
        key = String(decoding: text, as: UTF8.self)
    }
}
