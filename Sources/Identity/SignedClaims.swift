/// The payload of a token whose signature is valid, and what it claims. Whether that is acceptable, and still is, has to be judged with each use.
struct SignedClaims: Sendable {
    let payload: [UInt8]
    let claims: TokenClaims
}
