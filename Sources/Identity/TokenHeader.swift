import RawJSON

/// What a token says of how it was signed. Nothing of it is believed; it only chooses among what the configuration accepts.
struct TokenHeader {
    /// The algorithm as written, shortened for messages.
    let algorithmName: String

    /// The algorithm, if it is one that exists here.
    let algorithm: TokenAlgorithm?

    /// Which key of a key set signed it.
    let keyID: String?

    /// - Parameter encoded: the token's first part.
    init(_ encoded: UnsafeRawBufferPointer) throws(TokenRefusal) {
        guard let bytes = Base64URL.decode(encoded) else { throw TokenRefusal(.malformed, "the token's header is not base64url") }
        var algorithmName: String?
        var keyID: String?
        var isCritical = false
        let isObject = bytes.withUnsafeBytes { bytes in
            JSONObjectWalker.forEachMember(of: bytes) { key, value in
                if JSONText.isEqual(key, to: "alg") {
                    algorithmName = JSONText.string(value)
                } else if JSONText.isEqual(key, to: "kid") {
                    keyID = JSONText.string(value)
                } else if JSONText.isEqual(key, to: "crit") {
                    isCritical = true
                }
            }
        }
        guard isObject else { throw TokenRefusal(.malformed, "the token's header is not a JSON object") }
        guard let algorithmName else { throw TokenRefusal(.malformed, "the token's header names no algorithm ('alg')") }
        // RFC 7515, 4.1.11: who does not understand every extension named here must refuse; none is understood here.
        guard !isCritical else { throw TokenRefusal(.malformed, "the token's header asks for extensions ('crit') that are not supported") }
        self.algorithmName = algorithmName.count > 32 ? algorithmName.prefix(32) + "…" : algorithmName
        self.algorithm = TokenAlgorithm(rawValue: algorithmName)
        self.keyID = keyID
    }
}
