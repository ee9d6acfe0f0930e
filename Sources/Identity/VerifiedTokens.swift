import Glibc
import Synchronization

/// Tokens verified a moment ago, so that whoever sends many requests with one token has its signature checked once.
///
/// What is remembered can never change: that exactly this text was signed, and what it says. Its times, issuer
/// and audience are judged anew each time. Refusals are not remembered. Bounded: two generations of
/// ``capacity`` tokens of at most ``longestToken`` bytes each; when the younger is full the older is forgotten,
/// unless it was asked for meanwhile.
public final class VerifiedTokens: Sendable {
    static let capacity = 256
    /// Longer tokens are verified each time.
    static let longestToken = 2048
    /// Bytes at the end of a token that are hashed: most of the signature of HS256 (43 bytes of base64url), the
    /// shortest there is. Only tokens whose signature was right are remembered, so a sender cannot add tokens of one
    /// hash; the whole text is compared in any case.
    static let hashedBytes = 32

    /// By the hash of the end of its text. Of two tokens with one hash only the younger is remembered.
    private struct Generations {
        var young: [Int: Known] = [:]
        var old: [Int: Known] = [:]
    }

    private final class Known: Sendable {
        let text: [UInt8]
        let signed: SignedClaims

        init(_ text: UnsafeRawBufferPointer, _ signed: SignedClaims) {
            self.text = Array(text)
            self.signed = signed
        }

        func isOf(_ token: UnsafeRawBufferPointer) -> Bool {
            text.withUnsafeBytes { text in
                guard text.count == token.count, let one = text.baseAddress, let other = token.baseAddress else {
                    return false
                }
                return memcmp(one, other, text.count) == 0
            }
        }
    }

    public let verifier: TokenVerifier
    private let known = Mutex(Generations())

    public init(_ verifier: TokenVerifier) {
        self.verifier = verifier
    }

    /// What ``TokenVerifier/verify(_:now:)`` says of `token`.
    ///
    /// - Parameter now: milliseconds since 1970.
    public func verify(_ token: UnsafeRawBufferPointer, now: Int64) throws(TokenRefusal) -> TokenSubject {
        guard (1...Self.longestToken).contains(token.count) else { return try verifier.verify(token, now: now) }
        let hash = Self.hash(token)
        if let found = find(token, hash) { return try verifier.subject(found.signed, now: now) }
        let signed = try verifier.signedClaims(of: token)
        let subject = try verifier.subject(signed, now: now)
        known.withLock { Self.remember(Known(token, signed), hash, in: &$0) }
        return subject
    }

    private static func hash(_ token: UnsafeRawBufferPointer) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: token.suffix(hashedBytes)))
        return hasher.finalize()
    }

    private func find(_ token: UnsafeRawBufferPointer, _ hash: Int) -> Known? {
        known.withLock { known in
            if let found = known.young[hash], found.isOf(token) { return found }
            guard let found = known.old[hash], found.isOf(token) else { return nil }
            Self.remember(found, hash, in: &known)
            return found
        }
    }

    private static func remember(_ token: Known, _ hash: Int, in known: inout Generations) {
        if known.young.count >= capacity {
            known.old = known.young
            known.young = [:]
        }
        known.young[hash] = token
    }

    /// How many are remembered; those in both generations are counted twice.
    var count: Int { known.withLock { $0.young.count + $0.old.count } }

    func remembers(_ token: UnsafeRawBufferPointer) -> Bool { find(token, Self.hash(token)) != nil }
}
