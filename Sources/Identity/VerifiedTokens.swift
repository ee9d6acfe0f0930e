import Glibc
import Synchronization

/// A cache of verified tokens, so that for many requests with the same token the signature is checked once.
/// [any-thread]
///
/// It stores only what cannot change: that this text was signed, and its claims. Times, issuer and audience are checked
/// on each call. Refusals are not stored. Limit: two generations of ``capacity`` tokens with at most ``longestToken``
/// bytes each. When the young generation is full, it replaces the old one; a token found in the old generation is added
/// to the young one again.
public final class VerifiedTokens: Sendable {
    static let capacity = 256
    /// Longer tokens are not cached.
    static let longestToken = 2048
    /// Bytes at the end of a token that are hashed: most of an HS256 signature (43 bytes of base64url), which is the
    /// shortest. Only tokens with a valid signature are stored, so a client cannot insert tokens with equal hashes. The
    /// whole text is compared in any case.
    static let hashedBytes = 32

    /// The key is the hash of the token's end. Of two tokens with the same hash, only the newer is stored.
    private struct Generations {
        var young: [Int: Entry] = [:]
        var old: [Int: Entry] = [:]
    }

    private final class Entry: Sendable {
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

    /// The same result as ``TokenVerifier/verify(_:now:)``.
    ///
    /// - Parameter now: milliseconds since 1970.
    public func verify(_ token: UnsafeRawBufferPointer, now: Int64) throws(TokenRefusal) -> TokenSubject {
        guard (1...Self.longestToken).contains(token.count) else { return try verifier.verify(token, now: now) }
        let hash = Self.hash(token)
        if let found = find(token, hash) { return try verifier.subject(found.signed, now: now) }
        let signed = try verifier.signedClaims(of: token)
        let subject = try verifier.subject(signed, now: now)
        known.withLock { Self.remember(Entry(token, signed), hash, in: &$0) }
        return subject
    }

    private static func hash(_ token: UnsafeRawBufferPointer) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: token.suffix(hashedBytes)))
        return hasher.finalize()
    }

    private func find(_ token: UnsafeRawBufferPointer, _ hash: Int) -> Entry? {
        known.withLock { known in
            if let found = known.young[hash], found.isOf(token) { return found }
            guard let found = known.old[hash], found.isOf(token) else { return nil }
            Self.remember(found, hash, in: &known)
            return found
        }
    }

    private static func remember(_ token: Entry, _ hash: Int, in known: inout Generations) {
        if known.young.count >= capacity {
            known.old = known.young
            known.young = [:]
        }
        known.young[hash] = token
    }

    /// Number of stored tokens; a token in both generations counts twice.
    var count: Int { known.withLock { $0.young.count + $0.old.count } }

    func remembers(_ token: UnsafeRawBufferPointer) -> Bool { find(token, Self.hash(token)) != nil }
}
