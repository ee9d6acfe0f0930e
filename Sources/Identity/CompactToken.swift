/// The three parts of a compact JWS, still encoded: `header.payload.signature`. Borrows the token's bytes.
struct CompactToken {
    let header: UnsafeRawBufferPointer
    let payload: UnsafeRawBufferPointer
    let signature: UnsafeRawBufferPointer

    /// What the signature is of: header, dot and payload as they were sent.
    let signed: UnsafeRawBufferPointer

    init(_ token: UnsafeRawBufferPointer) throws(TokenRefusal) {
        let dot = UInt8(ascii: ".")
        guard let first = token.firstIndex(of: dot), let second = token[(first + 1)...].firstIndex(of: dot) else {
            throw TokenRefusal(.malformed, "the token is no JWT: it has not three parts separated by dots")
        }
        guard !token[(second + 1)...].contains(dot) else {
            throw TokenRefusal(.malformed, "the token has more than three parts: encrypted tokens (JWE) are not supported")
        }
        header = UnsafeRawBufferPointer(rebasing: token[..<first])
        payload = UnsafeRawBufferPointer(rebasing: token[(first + 1)..<second])
        signature = UnsafeRawBufferPointer(rebasing: token[(second + 1)...])
        signed = UnsafeRawBufferPointer(rebasing: token[..<second])
    }
}
